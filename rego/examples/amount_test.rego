package hopguard.rules.amount_test

import data.hopguard.rules.amount

test_small_amounts_pass if {
	count(amount.deny) == 0 with input as {"parsed_query": {"amount": ["1000"]}}
}

test_no_amount_passes if {
	count(amount.deny) == 0 with input as {"parsed_query": {}}
}

test_a_large_amount_is_refused if {
	count(amount.deny) == 1 with input as {"parsed_query": {"amount": ["1001"]}}
}

test_the_largest_of_several_counts if {
	count(amount.deny) == 1 with input as {"parsed_query": {"amount": ["1", "1001"]}}
}

test_what_is_not_plain_digits_is_refused if {
	every text in ["", "1e9", " 7", "-1", "0x10", "7,5", "９"] { not amount.within(text) }
}
