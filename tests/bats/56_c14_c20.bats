# Rules of time: C14, C15, C20, and the order of results.
load common

@test "C14 a processing-time window fires at the wall clock" {
	mkfifo p
	bg 'fsource - <p | fwindow tumble 300ms --time proc | fsink -'
	exec 9>p
	echo '{"a":1}' >&9
	await '[ -s out ]'
	exec 9>&-
	finish
	[ "$rc" = 0 ]
	[ "$(jq .count out)" = 1 ]
}

@test "C14 pending processing-time windows are discarded at end of input; lateness is ignored" {
	echo '{"a":1}' >in
	ok "fsource in | fwindow tumble 1d --time proc --lateness 1h | fsink -"
	is </dev/null
}

@test "C15 windows fire in the order of their ends, across keys" {
	ev a:12000 b:1000 c:7000 d:3000 a:2000 >in
	ok "fsource in --time t | fkey k | fwindow tumble 5s | fsink -"
	jq -r .window_end out >ends
	sort -c ends
	[ "$(wc -l <ends)" = 5 ]
}

@test "C15 a window has one timer however many records it takes" {
	ev a:1000 a:2000 a:3000 a:6000 >in
	win 'tumble 5s'
	[ "$(grep -c '"window_start":"1970-01-01T00:00:00Z"' out)" = 1 ]
}

@test "C15 one mark that passes several windows fires them in order" {
	ev a:1000 a:6000 a:11000 b:1000 b:6000 z:100000 >in
	ok "fsource in --time t --watermark each --out-of-order 50s | fkey k | fwindow tumble 5s | fsink -"
	jq -r .window_end out >ends
	sort -c ends
	[ "$(wc -l <ends)" = 6 ]
}

@test "C20 end of input is the greatest watermark, then END: every window fires" {
	ev a:1000 b:2000 >in
	ok "fsource in --time t --out-of-order 1d | fkey k | fwindow tumble 5s | fsink -"
	[ "$(wc -l <out)" = 2 ]
	ok "fsource in --time t | fcat --marks"
	[ "$(grep -v '^#' out)" = "$(cat in)" ]
	grep -nE '^#.*watermark' out | tail -1 | cut -d: -f1 >mark
	grep -niE '^#.*end' out | tail -1 | cut -d: -f1 >end
	[ "$(cat mark)" -lt "$(cat end)" ]
	[ "$(cat end)" = "$(wc -l <out)" ]
}

@test "C20 the last mark of several inputs comes when the last one ends" {
	ev a:1000 >x
	ev b:9000 >y
	ok "fsource x y --time t --watermark each | fkey k | fwindow tumble 5s | fsink -"
	late 0
	[ "$(wc -l <out)" = 2 ]
}

@test "the output is the same, byte for byte, each time" {
	ok "fsource 'gen:nexmark?kind=bid&seed=5&n=20000' -o json" && cp out in
	run_once() {
		ok "fsource in --time dateTime --out-of-order 4s | fkey bidder | fwindow slide 1s/500ms | fsink -"
	}
	run_once && cp out want
	run_once
	cmp want out
}
