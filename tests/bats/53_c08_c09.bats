# Rules of time: C8 and C9.
load common

@test "C8 sliding: each record is in size/slide windows" {
	ev a:12000 >in
	win 'slide 10s/5s'
	brief <<-'E'
		{"k":"a",00:05,00:15,"count":1}
		{"k":"a",00:10,00:20,"count":1}
	E
}

@test "C8 sliding: floor or ceil of size/slide windows" {
	ev a:30000 b:31000 >in                  # 5 s every 2 s: 30 is in 3 windows, 31 in 2
	win 'slide 5s/2s' '--out-of-order 1m'
	[ "$(grep -c '"k":"a"' out)" = 3 ]
	[ "$(grep -c '"k":"b"' out)" = 2 ]
}

@test "C8 slide > size leaves gaps, and what falls there is not late" {
	ev a:500 a:1500 a:2500 >in
	win 'slide 1s/2s'
	late 0
	brief <<-'E'
		{"k":"a",00:00,00:01,"count":1}
		{"k":"a",00:02,00:03,"count":1}
	E
}

@test "C8 more than 10,000,000 windows per record are refused" {
	ev a:0 >in
	fails 2 "fwindow slide 10000001ms/1ms <in"
	says .
}

@test "C9 days of a zone have 23 and 25 hours where the clock changes" {
	printf '{"k":"a","t":"%s"}\n' 2024-03-10T12:00:00-04:00 2024-11-03T12:00:00-05:00 2024-12-01T00:00:00-05:00 >in
	win 'tumble 1d --tz America/New_York'
	is <<-'E'
		{"k":"a","window_start":"2024-03-10T05:00:00Z","window_end":"2024-03-11T04:00:00Z","count":1}
		{"k":"a","window_start":"2024-11-03T04:00:00Z","window_end":"2024-11-04T05:00:00Z","count":1}
		{"k":"a","window_start":"2024-12-01T05:00:00Z","window_end":"2024-12-02T05:00:00Z","count":1}
	E
}

@test "C9 a day at UTC+8 is a day with offset -8h; offsets that are equal mod size are equal" {
	printf '{"k":"a","t":"2024-01-05T17:00:00Z"}\n' >in
	win 'tumble 1d --offset -8h'
	cp out minus
	win 'tumble 1d --offset 16h'
	cmp minus out
	win 'tumble 1d --tz Asia/Singapore'
	cmp minus out
	grep -q '"window_start":"2024-01-05T16:00:00Z"' out
	win 'tumble 10m --offset -6m'
	cp out minus
	win 'tumble 10m --offset 4m'
	cmp minus out
}
