# METADATA
# title: Exceptions are used by day
package hopguard.rules.hours

# METADATA
# title: A grant that is an exception does not cover the night and the weekend, UTC
deny contains "an exception counts on weekdays from 7 to 19 h UTC only" if {
	input.grant.type == "exception"
	not working
}

# METADATA
# title: The instant of the decision, not of the evaluation
working if {
	[hour, _, _] := time.clock(input.now)
	hour >= 7
	hour < 19
	not time.weekday(input.now) in {"Saturday", "Sunday"}
}
