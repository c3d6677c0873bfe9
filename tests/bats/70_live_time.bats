# What depends on clocks and on several splits: --idle, --time proc, --max-ahead, --watermark none and field.
load common

@test "--idle: a split that has ended is not a watermark MAX for those that are only idle" {
	ev a:1000 a:2000 a:3000 >old
	bg "(printf '{\"k\":\"a\",\"t\":\"1970-01-01T00:00:04Z\"}\n'; sleep 1; printf '{\"k\":\"a\",\"t\":\"1970-01-01T00:00:31Z\"}\n') |
		fsource old - --time t --idle 200ms | fwindow tumble 10s | fsink -"
	finish
	[ "$(wc -l <out)" = 2 ]
	lacks err 'late'
}

@test "--time proc: a record's time is the clock at its reading" {
	ok "(echo '{\"a\":1}'; sleep 1.2; echo '{\"a\":2}') | fsource - --time proc | fmap --set 'x = ts()' --keep x -o json"
	[ "$(sort -u out | wc -l)" = 2 ]
}

@test "--max-ahead: the clock is the one of now, also when records come slowly" {
	ok "(for i in 1 2; do date -u '+{\"t\":\"%FT%TZ\"}'; sleep 2.2; done) | fsource - --time t --max-ahead 1s -o json"
	[ "$(wc -l <out)" = 2 ]
}

@test "--max-ahead 0s: no record may be ahead of the clock" {
	fails 3 "echo '{\"t\":99999999999}' | fsource - --time t --max-ahead 0s -o json"
}

@test "--watermark none: no mark before the end, also with several files" {
	ev a:100000 a:50000 >p
	ev a:200000 a:150000 >q
	ok "fsource p q --time t --watermark none | fcat --marks"
	[ "$(grep -c '^# watermark' out)" = 1 ]
	grep -q '^# watermark max' out
}

@test "--watermark field: only a record that carries a mark sets it, also with several files" {
	printf '{"t":100,"w":null}\n{"t":50,"w":40}\n' >p
	printf '{"t":200}\n' >q
	ok "fsource p q --time t --watermark field:w | fwindow tumble 10s | fsink -"
	[ "$(wc -l <out)" = 3 ]
	lacks err late
}

@test "--watermark field: what is no time is a bad record, a field never seen a warning" {
	printf '{"t":1,"w":"x"}\n{"t":2,"w":1}\n' >in
	fails 3 "fsource in --time t --watermark field:w -o json"
	says 'in:1:' 'watermark'
	ok "fsource in --time t --watermark field:w --on-bad skip -o json"
	echo '{"t":2,"w":1}' | is
	ok "fsource in --time t --watermark field:ww -o json"
	says "'ww' was never seen; did you mean 'w'"
}
