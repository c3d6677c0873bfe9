# Rules of time: C12 and C13.
load common

@test "C12 a late element that bridges fired sessions fires the merged one at once" {
	ev a:0 a:15000 z:60000 a:8000 >in
	win 'session 10s --lateness 1h'
	late 0
	grep '"k":"a"' out >a && mv a out
	brief <<-'E'
		{"k":"a",00:00,00:10,"count":1}
		{"k":"a",00:00,00:25,"count":3}
		{"k":"a",00:15,00:25,"count":1}
	E
}

@test "C12 the merged session waits if its end is still ahead" {
	ev a:0 a:15000 a:8000 >in               # [0,10) has fired, [15,25) has not
	win 'session 10s --lateness 1h'
	brief <<-'E'
		{"k":"a",00:00,00:10,"count":1}
		{"k":"a",00:00,00:25,"count":3}
	E
}

@test "C13 count windows: a partial last batch is never emitted" {
	ev a:0:0 a:1:1 b:2:2 a:3:3 a:4:4 a:5:5 >in
	win "count 2 --agg 'c=collect(.v)'"
	printf '{"k":"a","c":[0,1]}\n{"k":"a","c":[3,4]}\n' | is
}

@test "C13 count n/slide: each slide elements the last n, at first fewer" {
	ev a:0:0 a:1:1 a:2:2 a:3:3 a:4:4 a:5:5 >in
	win "count 3/2 --agg 'c=collect(.v)'"
	printf '{"k":"a","c":%s}\n' '[0,1]' '[1,2,3]' '[3,4,5]' | is
	win "count 2/3 --agg 'c=collect(.v)'"
	printf '{"k":"a","c":%s}\n' '[1,2]' '[4,5]' | is
}

@test "C13 count windows know no lateness and carry no window fields" {
	ev a:9000 a:1 >in
	win 'count 2'
	late 0
	is <<<'{"k":"a","count":2}'
}

@test "a count or a slide that makes no sense is status 2" {
	ev a:0 >in
	for w in 'count 0' 'count -1' 'count x' 'tumble 0s' 'slide 10s' 'session -5s' 'cumulate 10s/3s'; do
		fails 2 "fwindow $w <in" || { echo "$w"; return 1; }
	done
}
