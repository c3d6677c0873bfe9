# fwindow: --early, --tz, cumulate, windows over windows.
load common

@test "--early D also fires every D of event time, from the window's start" {
	ev a:1000 a:6000 a:7000 a:12000 >in
	win 'tumble 10s --early 5s'
	brief <<-'E'
		{"k":"a",00:00,00:10,"count":2}
		{"k":"a",00:00,00:10,"count":3}
		{"k":"a",00:10,00:20,"count":1}
	E
}

@test "weeks start on Thursday unless --offset 4d" {
	printf '{"k":"a","t":"2024-01-10"}\n' >in
	win 'tumble 7d'
	grep -q '"window_start":"2024-01-04T00:00:00Z","window_end":"2024-01-11T00:00:00Z"' out
	win 'tumble 7d --offset 4d'
	grep -q '"window_start":"2024-01-08T00:00:00Z","window_end":"2024-01-15T00:00:00Z"' out
}

@test "--tz: hours and days of that zone" {
	printf '{"k":"a","t":"2024-01-10T12:40:00Z"}\n' >in
	win 'tumble 1h --tz Asia/Kolkata'
	grep -q '"window_start":"2024-01-10T12:30:00Z"' out
	fails 2 "fwindow tumble 1h --tz Asia/Kolkatta <in"
	says Kolkatta
}

@test "cumulate: every step from the start of the large window" {
	ev a:0 a:2000 a:5000 >in
	win 'cumulate 4s/1s'
	brief <<-'E'
		{"k":"a",00:00,00:01,"count":1}
		{"k":"a",00:00,00:02,"count":1}
		{"k":"a",00:00,00:03,"count":2}
		{"k":"a",00:00,00:04,"count":2}
		{"k":"a",00:04,00:06,"count":1}
		{"k":"a",00:04,00:07,"count":1}
		{"k":"a",00:04,00:08,"count":1}
	E
}

@test "windows over windows" {
	ev a:1000 a:6000 a:11000 b:3000 >in
	ok "fsource in --time t --out-of-order 1m | fkey k | fwindow tumble 5s | fwindow tumble 10s --agg 'n=sum(.count)' | fsink -"
	brief <<-'E'
		{"k":"a",00:00,00:10,"n":2}
		{"k":"a",00:10,00:20,"n":1}
		{"k":"b",00:00,00:10,"n":1}
	E
}

@test "--late PATH without late records leaves an empty file or none" {
	ev a:1000 >in
	win 'tumble 5s --late late.ndjson'
	[ ! -s late.ndjson ]
}
