# fwindow: fields of a result, --having, --top, --rank.
load common

@test "a result has the key fields, window_start, window_end, then the aggregates in the order written" {
	ev a:1000:5 >in
	win "tumble 5s --agg 'z=count(), s=sum(.v)'"
	is <<<'{"k":"a","window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:05Z","z":1,"s":5}'
}

@test "not keyed is one window for all" {
	ev a:1000 b:2000 >in
	ok "fsource in --time t | fwindow tumble 5s | fsink -"
	is <<<'{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:05Z","count":2}'
}

@test "--having keeps results, and knows window_start and window_end" {
	ev a:1000 a:2000 a:6000 a:11000 >in
	win "tumble 5s --having '.count > 1'"
	brief <<<'{"k":"a",00:00,00:05,"count":2}'
	win "tumble 5s --having 'window_start >= @5 and window_end <= @10'"
	brief <<<'{"k":"a",00:05,00:10,"count":1}'
	win "tumble 5s --having '.k == \"b\"'"
	is </dev/null
}

@test "--having with a name that is not in the result is told" {
	ev a:1000 >in
	px "fsource in --time t | fkey k | fwindow tumble 5s --agg 'n=count()' --having '.m > 1' | fsink -"
	says '\bm\b'
}

@test "--top N:EXPR: the best per window over all keys, best first, ties by key" {
	ev c:1000:5 b:1000:5 a:1000:1 d:1000:9 e:6000:1 >in
	ok "fsource in --time t | fkey k | fwindow tumble 5s --agg 's=sum(.v)' --top 2:.s | fsink -"
	[ "$(jq -r '.k + (.s | tostring)' out | tr '\n' ' ')" = "d9 b5 e1 " ]
}

@test "--rank NAME adds the rank" {
	ev c:1000:5 b:1000:5 d:1000:9 >in
	ok "fsource in --time t | fkey k | fwindow tumble 5s --agg 's=sum(.v)' --top 5:.s --rank place | fsink -"
	[ "$(jq -r '.k + (.place | tostring)' out | tr '\n' ' ')" = "d1 b2 c3 " ]
}
