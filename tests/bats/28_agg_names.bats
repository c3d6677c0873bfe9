# Aggregates: their names, and lists with a fault.
load common

@test "without name=: count, FUNC_FIELD with the parts of a path joined by _" {
	echo '{"amount":5,"a":{"b":2}}' >in
	ok "fsource in | fwindow global --agg 'count, sum(.amount), max(.a.b), quantile(.amount, 0.5)' | fsink -"
	jq -e 'keys == ["count","max_a_b","quantile_amount","sum_amount"] and .count == 1 and .max_a_b == 2' out
}

@test "aggregates come in the order written" {
	echo '{"v":1}' >in
	ok "fsource in | fwindow global --agg 'z=count(), b=sum(.v), a=max(.v)' | fsink -"
	is <<<'{"z":1,"b":1,"a":1}'
}

@test "an expression needs a name" {
	echo '{"v":1}' >in
	ok "fsource in | fwindow global --agg 's=sum(.v * 2)' | fsink -"
	is <<<'{"s":2}'
	fails 2 "fwindow global --agg 'sum(.v * 2)' <in"
	says name
}

@test "two equal names are an error" {
	echo '{"v":1}' >in
	fails 2 "fwindow global --agg 'n=count(), n=sum(.v)' <in"
	says "\\bn\\b"
}

@test "an aggregate that is not there: did you mean" {
	echo '{"v":1}' >in
	fails 2 "fwindow global --agg 'x=cuont()' <in"
	says "did you mean" count
}

@test "a sum of text is a bad record with its place" {
	printf '{"v":1}\n{"v":"x"}\n' >in
	fails 3 "fsource in | fwindow global --agg 'sum(.v)' | fsink -"
	says sum
}

@test "min and max compare text bytewise" {
	printf '{"v":"%s"}\n' b B ä >in
	ok "fsource in | fwindow global --agg 'lo=min(.v), hi=max(.v)' | fsink -"
	is <<<'{"lo":"B","hi":"ä"}'
}
