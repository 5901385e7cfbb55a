package mesh.access

import data.bindings
import data.grants
import input.attributes.request.http

default decision := {
	"allowed": false,
	"http_status": 403,
	"body": "not for you",
	"headers": {"x-denied-by": "roles"},
}

decision := {
	"allowed": true,
	"headers": {"x-roles": concat(",", sort(roles))},
	"request_headers_to_remove": ["x-internal"],
	"response_headers_to_add": {"x-checked": "yes"},
} if {
	some role in roles
	some grant in grants[role]
	grant.method in {http.method, "*"}
	glob.match(grant.path, ["/"], concat("/", input.parsed_path))
	count(blocked) == 0
}

roles contains role if some role in bindings[caller]

caller := http.headers["x-user"]

caller := name if {
	not http.headers["x-user"]
	parts := split(input.attributes.source.principal, "/")
	name := parts[count(parts) - 1]
}

blocked contains "agent" if contains(lower(http.headers["user-agent"]), "crawler")

blocked contains "network" if {
	address := input.attributes.source.address.socketAddress.address
	not inside(address)
}

inside(address) if {
	some network in data.networks
	net.cidr_contains(network, address)
}
