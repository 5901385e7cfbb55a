# METADATA
# title: What may happen right now
# description: Proof and grants have decided before this; it can only narrow what they allow.
package hopguard.authz

# METADATA
# title: Whatever no rule speaks for is refused
# entrypoint: true
default decision := false

# METADATA
# title: A caller whose certificate Hopguard has verified, within a grant
decision if {
	input.peer.assurance == "verified"
	input.grant.name
}
