package hopguard.rules.hours_test

import data.hopguard.rules.hours

test_a_standing_grant_counts_at_night if {
	count(hours.deny) == 0 with input as {"grant": {"type": "standing"}, "now": time.parse_rfc3339_ns("2026-11-20T23:00:00Z")}
}

test_an_exception_counts_on_a_weekday if {
	count(hours.deny) == 0 with input as {"grant": {"type": "exception"}, "now": time.parse_rfc3339_ns("2026-11-20T07:00:00Z")}
}

test_an_exception_does_not_count_at_night if {
	count(hours.deny) == 1 with input as {"grant": {"type": "exception"}, "now": time.parse_rfc3339_ns("2026-11-20T19:00:00Z")}
}

test_an_exception_does_not_count_on_a_sunday if {
	count(hours.deny) == 1 with input as {"grant": {"type": "exception"}, "now": time.parse_rfc3339_ns("2026-11-22T12:00:00Z")}
}
