# Rules of time: C1 to C3.  A mark follows each record; times are ms.
load common

@test "C1 watermark is max time - bound - 1" {
	ev a:0 a:10000 a:1 >in                  # mark 7999: [0,8) is over
	win 'tumble 8s' '--out-of-order 2s'
	late 1
	ev a:0 a:9999 a:1 >in                   # mark 7998: it is not
	win 'tumble 8s' '--out-of-order 2s'
	late 0
	brief <<-'E'
		{"k":"a",00:00,00:08,"count":2}
		{"k":"a",00:08,00:16,"count":1}
	E
}

@test "C1 watermark only ever grows" {
	ev a:0 a:10000 a:3000 a:1 >in
	win 'tumble 8s' '--out-of-order 2s'
	late 2
}

@test "C1 watermark never underflows" {
	printf '{"k":"a","t":"%s"}\n' 0001-01-01T00:00:00Z 0001-01-01T00:00:01Z >in
	win 'tumble 1h' '--out-of-order 100000000d'
	late 0
	[ "$(jq .count out)" = 2 ]
}

@test "C2 a window fires when the watermark reaches its end - 1" {
	ev a:1000 a:5000 a:2000 >in             # mark 4999
	win 'tumble 5s'
	late 1
	ev a:1000 a:4999 a:2000 >in             # mark 4998
	win 'tumble 5s'
	late 0
	brief <<<'{"k":"a",00:00,00:05,"count":3}'
}

@test "C2 firing happens at the mark, not at the end of input" {
	mkfifo p
	bg 'fsource - --time t --watermark each <p | fkey k | fwindow tumble 5s | fsink -'
	exec 9>p
	ev a:1000 b:5000 >&9
	await '[ -s out ]'
	brief <<<'{"k":"a",00:00,00:05,"count":1}'
	exec 9>&-
	finish
}

@test "C3 late iff end - 1 + lateness <= watermark" {
	ev a:0 a:8000 a:1 >in                   # mark 7999 = 4999 + 3000
	win 'tumble 5s --lateness 3s'
	late 1
	ev a:0 a:7999 a:1 >in
	win 'tumble 5s --lateness 3s'
	late 0
}

@test "C3 end + lateness saturates" {
	ev a:0 a:8000 a:1 >in
	win 'tumble 5s --lateness 106751991167d'
	late 0
	brief <<-'E'
		{"k":"a",00:00,00:05,"count":1}
		{"k":"a",00:00,00:05,"count":2}
		{"k":"a",00:05,00:10,"count":1}
	E
}
