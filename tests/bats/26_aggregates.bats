# Aggregates, over all records of ./in.
load common

@test "count() counts rows, count(EXPR) rows where it is true; the default is count" {
	values 1 5 null 9
	agg 'n=count(), big=count(.v > 4)'
	is <<<'{"n":4,"big":2}'
	ok "fsource in | fwindow global | fsink -"
	is <<<'{"count":4}'
}

@test "an aggregate skips nulls" {
	values null 4 null 2
	agg 'sum(.v), min(.v), max(.v), avg(.v), first(.v), last(.v), distinct(.v), collect(.v)'
	is <<<'{"sum_v":6,"min_v":2,"max_v":4,"avg_v":3.0,"first_v":4,"last_v":2,"distinct_v":2,"collect_v":[4,2]}'
}

@test "of nothing: sum, avg, min, max, quantile are null, counts are 0" {
	values null
	agg 'c=count(.v > 0), sum(.v), avg(.v), min(.v), quantile(.v, 0.5), distinct(.v)'
	is <<<'{"c":0,"sum_v":null,"avg_v":null,"min_v":null,"quantile_v":null,"distinct_v":0}'
}

@test "sums: i64 stays i64, overflow is a bad record, f64 does not lose small parts" {
	values 9223372036854775806 1
	agg 'sum(.v)'
	is <<<'{"sum_v":9223372036854775807}'
	values 9223372036854775807 1
	fails 3 "fsource in | fwindow global --agg 'sum(.v)' | fsink -"
	says overflow
	values 1e100 1.5 -1e100
	agg 'sum(.v)'
	is <<<'{"sum_v":1.5}'
}

@test "stddev is the sample's and null for one value; stddev_pop the population's" {
	values 2 4
	agg 's=stddev(.v), p=stddev_pop(.v)'
	jq -e '(.s - 1.4142135623730951 | fabs) < 1e-12 and .p == 1' out
	values 2
	agg 's=stddev(.v)'
	is <<<'{"s":null}'
}
