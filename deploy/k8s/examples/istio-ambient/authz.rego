# METADATA
# title: What may happen right now, behind a waypoint
# description: >-
#   The caller is who the waypoint says it is, and no certificate shows it. What needs better proof is not reached this way.
package hopguard.authz

# METADATA
# title: Whatever no rule speaks for is refused
# entrypoint: true
default decision := false

# METADATA
# title: A caller that the waypoint names, within a grant, where the inventory calls the resource no more than medium
decision if {
	input.peer.assurance == "asserted"
	input.grant.name
	input.resource.sensitivity in {"low", "medium"}
}
