# METADATA
# title: An upper bound on what one call may move
package hopguard.rules.amount

# METADATA
# title: The bound, in whole units of the currency
limit := 1000

# METADATA
# title: Every amount in the query counts, and one that is not a number is too much
deny contains sprintf("an amount above %v takes another way", [limit]) if {
	some amount in object.get(input.parsed_query, "amount", [])
	not within(amount)
}

# METADATA
# title: Digits only, because servers read `1e9` and ` 7` in several ways
within(amount) if {
	regex.match(`^[0-9]{1,9}$`, amount)
	to_number(amount) <= limit
}
