package payments

default allow := false

allow if {
	input.attributes.request.http.method == "POST"
	input.parsed_path[0] == "payments"
	not input.truncated_body
	count(objections) == 0
}

allow if input.attributes.request.http.method == "GET"

objections contains "amount" if not amount_is_small

objections contains "currency" if not input.parsed_body.currency in {"EUR", "USD"}

objections contains "items" if {
	some item in input.parsed_body.items
	item.count * item.price > 500
}

objections contains "note" if {
	note := input.parsed_body.note
	not regex.match(`^[A-Za-z0-9 .,]{0,40}$`, note)
}

objections contains "query" if {
	some values in input.parsed_query
	count(values) > 1
}

amount_is_small if {
	is_number(input.parsed_body.amount)
	input.parsed_body.amount > 0
	input.parsed_body.amount <= 1000
}
