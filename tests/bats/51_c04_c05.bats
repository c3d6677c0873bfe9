# Rules of time: C4 and C5.  A mark follows each record; times are ms.
load common

@test "C4 a result has the time end - 1 and comes before the mark that caused it" {
	ev a:1000 a:6000 a:11000 >in
	# were its time the end, or came it after the mark, the second window would place it one later or drop it
	ok "fsource in --time t --watermark each | fwindow tumble 5s | fwindow tumble 5s --agg 'n=sum(.count)' | fsink -"
	late 0
	brief <<-'E'
		{00:00,00:05,"n":1}
		{00:05,00:10,"n":1}
		{00:10,00:15,"n":1}
	E
}

@test "C4 on the wire: the result, then the mark" {
	ev a:1000 a:5000 >in
	ok "fsource in --time t --watermark each | fwindow tumble 5s | fcat --marks"
	result=$(grep -n -m1 '"count":1' out | cut -d: -f1)
	mark=$(grep -n -m1 -E '^#.*(4999|00:04\.999)' out | cut -d: -f1)
	[ "$result" -lt "$mark" ]
}

@test "C5 within lateness each late element fires its window again, once, with the whole content" {
	ev a:1000:1 a:5000:9 a:2000:2 a:3000:3 >in
	win "tumble 5s --lateness 10s --agg 'n=count(),s=sum(.v)'"
	brief <<-'E'
		{"k":"a",00:00,00:05,"n":1,"s":1}
		{"k":"a",00:00,00:05,"n":2,"s":3}
		{"k":"a",00:00,00:05,"n":3,"s":6}
		{"k":"a",00:05,00:10,"n":1,"s":9}
	E
	[ "$(jq -c .n out | head -3 | tr -d '\n')" = 123 ]
}

@test "C5 a window that only a late element opens fires at once" {
	ev b:7000 a:2000 >in
	win 'tumble 5s --lateness 10s'
	head -1 out >first && grep -q '"k":"a"' first
	late 0
}
