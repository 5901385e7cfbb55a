package shop

default allow := false

allow if {
	some place in data.directory.places[input.attributes.request.http.headers["x-user"]]
	input.parsed_path[0] in data.directory.reach[place]
}
