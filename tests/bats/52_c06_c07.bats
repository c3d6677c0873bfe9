# Rules of time: C6 and C7.
load common

@test "C6 late records go to --late as they are; without it they are counted" {
	ev a:1000 a:5000 a:2000:7 b:3000 >in
	win 'tumble 5s --late late.ndjson'
	diff <(sed -n 3,4p in) late.ndjson
	win 'tumble 5s'
	late 2
}

@test "C6 a pipe as --late gets frames, so it can be any pipeline" {
	ev a:1000 a:5000 a:2000:7 >in
	win 'tumble 5s --late >(fsink x.ndjson)'
	await '[ -s x.ndjson ]'
	diff <(sed -n 3p in) x.ndjson
}

@test "C6 C42 late for old sliding windows but taken by one newer is not late" {
	ev a:1000 a:5000 a:4000 >in             # mark 4999: [-5,5) is over, [0,10) is not
	win 'slide 10s/5s'
	late 0
	ev a:1000 a:10000 a:4000 >in            # mark 9999: both are
	win 'slide 10s/5s'
	late 1
}

@test "C7 window start: negative times and offsets" {
	printf '{"k":"a","t":-1}\n{"k":"b","t":-10}\n' >in
	win 'tumble 10s' '--out-of-order 1m'
	is_sorted <<-'E'
		{"k":"a","window_start":"1969-12-31T23:59:50Z","window_end":"1970-01-01T00:00:00Z","count":1}
		{"k":"b","window_start":"1969-12-31T23:59:50Z","window_end":"1970-01-01T00:00:00Z","count":1}
	E
	printf '{"k":"a","t":0}\n' >in
	win 'tumble 10s --offset -3s'
	brief <<<'{"k":"a","window_start":"1969-12-31T23:59:57Z",00:07,"count":1}'
}

@test "C7 the offset must be smaller than the size, or the slide" {
	ev a:0 >in
	for w in 'tumble 10s --offset 10s' 'tumble 10s --offset -10s' 'slide 10s/5s --offset 5s'; do
		fails 2 "fwindow $w <in"
		says offset || { echo "$w"; return 1; }
	done
	win 'slide 10s/5s --offset 4s'
}

@test "C7 a record without a time is an error where a window needs one" {
	printf '{"k":"a","t":1}\n{"k":"a"}\n' >in
	fails 3 "fsource in --time t | fkey k | fwindow tumble 10s | fsink -"
	says 'in:2'
}
