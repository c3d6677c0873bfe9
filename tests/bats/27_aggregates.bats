# Aggregates that keep more than a number.  v VALUE...: ./in.
load common

@test "quantile: linear interpolation up to 10,000 values" {
	values 10 20 30 40
	agg 'a=quantile(.v, 0.5), b=quantile(.v, 0), c=quantile(.v, 1), d=quantile(.v, 0.9)'
	jq -e '.a == 25 and .b == 10 and .c == 40 and (.d - 37 | fabs) < 1e-9' out
	seq 10000 | sed 's/.*/{"v":&}/' >in
	agg 'q=quantile(.v, 0.99)'
	jq -e '(.q - 9900.01 | fabs) < 1e-6' out
}

@test "quantile beyond 10,000 values: within 1 % of rank" {
	seq 100000 | shuf --random-source=<(yes) | sed 's/.*/{"v":&}/' >in
	agg 'a=quantile(.v, 0.5), b=quantile(.v, 0.99)'
	jq -e '(.a - 50000 | fabs) <= 1000 and (.b - 99000 | fabs) <= 1000' out
}

@test "distinct is the exact number, approx_distinct within 2 %" {
	{ seq 50000; seq 20000; } | sed 's/.*/{"v":"u&"}/' >in
	agg 'd=distinct(.v), a=approx_distinct(.v)'
	jq -e '.d == 50000 and (.a - 50000 | fabs) <= 1000' out
	values 1 1.0 '"1"' true
	agg 'd=distinct(.v)'
	is <<<'{"d":3}'
}

@test "first and last go by arrival, not by time" {
	ev a:5000:1 a:9000:2 a:1000:3 >in
	ok "fsource in --time t --out-of-order 1m | fwindow tumble 10s --agg 'f=first(.v), l=last(.v)' | fsink -"
	brief <<<'{00:00,00:10,"f":1,"l":3}'
}

@test "top(n, by, what): greatest by first, null by left out, ties by arrival" {
	printf '{"w":"%s","b":%s}\n' p 1 q 5 r null s 5 t 3 >in
	agg 'x=top(3, .b, .w)'
	is <<<'{"x":["q","s","t"]}'
}

@test "any and all" {
	values 1 5
	agg 'a=any(.v > 4), b=any(.v > 9), c=all(.v > 0), d=all(.v > 4)'
	is <<<'{"a":true,"b":false,"c":true,"d":false}'
}
