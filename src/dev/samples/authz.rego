# METADATA
# title: What may happen right now
# description: A grant says who may do what; this narrows it by the request at hand, and never widens it.
package hopguard.authz

# What one call may cost. Edit it while `hopguard dev` runs: the next call is judged by the new number.
limit := 1000

# METADATA
# title: The answer
# description: Whatever no rule below speaks for is refused.
# entrypoint: true
default decision := false

# METADATA
# title: Within the limit
decision := {"allowed": true} if within_limit

# METADATA
# title: Over the limit
# description: The reason is shown to the caller under `response.reveal` and kept in the audit record.
decision := {"allowed": false, "reason": "the amount is over the limit"} if amount > limit

# A call that names no amount costs nothing.
within_limit if not input.parsed_query.amount

within_limit if amount <= limit

# An amount given twice, or that is no number, is none: then no rule speaks for the call.
amount := to_number(input.parsed_query.amount[0]) if count(input.parsed_query.amount) == 1
