# fsource: where watermarks fall.
load common

# 1000 records up to time 100 s, then one that only a window of the past would take
past() {
	seq "$1" | sed 's/.*/{"k":"a","t":100}/'
	echo '{"k":"a","t":1}'
}

@test "auto: on regular files a mark falls after every 1,000 records of a split" {
	past 999 >in
	ok "fsource in --time t | fkey k | fwindow tumble 10s | fsink -"
	late 0
	past 1000 >in
	ok "fsource in --time t | fkey k | fwindow tumble 10s | fsink -"
	late 1
}

@test "each: after every record" {
	past 1 >in
	ok "fsource in --time t --watermark each | fkey k | fwindow tumble 10s | fsink -"
	late 1
}

@test "none: no mark until the end" {
	past 5000 >in
	ok "fsource in --time t --watermark none | fkey k | fwindow tumble 10s | fsink -"
	late 0
	[ "$(wc -l <out)" = 2 ]
}

@test "field: a record that carries it sets it; the record first, then its mark" {
	printf '{"k":"a","t":%s}\n' '1,"wm":null' '2,"wm":10' 3 '11' >in
	ok "fsource in --time t --watermark field:wm | fkey k | fwindow tumble 5s | fsink -"
	late 1
	brief <<-'E'
		{"k":"a",00:00,00:05,"count":2}
		{"k":"a",00:10,00:15,"count":1}
	E
}

@test "a bad name behind --watermark is status 2" {
	past 1 >in
	fails 2 "fsource in --time t --watermark often"
	says each
}

@test "--out-of-order holds the mark back" {
	past 1 >in
	ok "fsource in --time t --watermark each --out-of-order 90s | fkey k | fwindow tumble 10s | fsink -"
	late 1                                  # mark 9.999: [0,10) is over
	ok "fsource in --time t --watermark each --out-of-order 90001ms | fkey k | fwindow tumble 10s | fsink -"
	late 0
}

@test "--max-ahead: a record further in the future than wall clock + D is bad" {
	printf '{"k":"a","t":"%s"}\n' 2024-01-05 2190-01-01 >in
	fails 3 "fsource in --time t --max-ahead 1d -o json"
	says 'in:2'
	ok "fsource in --time t --max-ahead 1d --on-bad skip -o json"
	is <<<'{"k":"a","t":"2024-01-05"}'
}

@test "--at-end hold: no last mark, windows stay open" {
	ev a:1000 >in
	ok "fsource in --time t --at-end hold | fkey k | fwindow tumble 5s | fsink -"
	is </dev/null
	ok "fsource in --time t --at-end finish | fkey k | fwindow tumble 5s | fsink -"
	[ "$(wc -l <out)" = 1 ]
}

@test "live input: a window fires while the input is still open" {
	mkfifo p
	bg 'fsource - --time t <p | fkey k | fwindow tumble 5s | fsink -'
	exec 9>p
	ev a:1000 a:6000 >&9
	await 'grep -q "\"count\":1" out'
	exec 9>&-
	finish
	[ "$rc" = 0 ]
}
