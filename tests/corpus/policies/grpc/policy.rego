package library

default allow := false

allow if {
	input.parsed_path == ["library.Shelf", "Lend"]
	not input.truncated_body
	input.parsed_body.reader in {"ada", "bea"}
	input.parsed_body.days <= 14
	every title in input.parsed_body.titles {
		not startswith(title, "reference")
	}
}

allow if input.parsed_path == ["library.Shelf", "List"]
