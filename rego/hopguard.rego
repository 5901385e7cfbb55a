# METADATA
# title: The decision
# description: |
#   Permits what was proved and approved, unless a rule says no. Every package `hopguard.rules.<name>` may say no, by its set `deny` of
#   sentences; a grant is the ceiling, so a rule can narrow and never widen.
# entrypoint: true
package hopguard.authz

# METADATA
# title: A decision always exists, and without a reason to permit it is no
default decision := {"allowed": false}

# METADATA
# title: Nothing was said against it
decision := {"allowed": true} if count(deny) == 0

# METADATA
# title: All that was said against it, in one order
decision := {"allowed": false, "reason": concat("; ", sort(deny))} if count(deny) > 0

# METADATA
# title: What any rule says against it
deny contains sentence if some sentence in data.hopguard.rules[_].deny
