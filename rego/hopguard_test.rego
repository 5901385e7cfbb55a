package hopguard.authz_test

import data.hopguard.authz

test_what_no_rule_refuses_is_permitted if {
	authz.decision == {"allowed": true} with input as {}
}

test_a_rule_refuses if {
	authz.decision == {"allowed": false, "reason": "too much"} with data.hopguard.rules.amount.deny as {"too much"}
}

test_rules_refuse_in_one_order if {
	decision := authz.decision with data.hopguard.rules as {"b": {"deny": {"late", "dear"}}, "a": {"deny": {"far"}}}
	decision.reason == "dear; far; late"
}
