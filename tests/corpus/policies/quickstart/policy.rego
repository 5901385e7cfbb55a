package shop.authz

import input.attributes.request.http

default allow := false

allow if {
	session.valid
	permitted
}

session := {"valid": valid, "claims": claims} if {
	[scheme, token] := split(http.headers.authorization, " ")
	lower(scheme) == "bearer"
	[valid, _, claims] := io.jwt.decode_verify(token, {"secret": "a shared secret of the shop", "alg": "HS256"})
}

permitted if {
	http.method == "GET"
	session.claims.role in {"visitor", "clerk"}
	glob.match("/books/*", ["/"], http.path)
}

permitted if {
	http.method in {"POST", "PUT"}
	session.claims.role == "clerk"
	startswith(http.path, "/books")
	not input.parsed_body.price < 0
}

permitted if {
	http.method == "DELETE"
	session.claims.role == "clerk"
	input.parsed_path == ["books", session.claims.desk]
}
