# Rules of time: C10 and C11.
load common

@test "C10 sessions merge when they touch: two events exactly one gap apart are one" {
	ev a:0 a:10000 >in
	win 'session 10s'
	brief <<<'{"k":"a",00:00,00:20,"count":2}'
	ev a:0 a:10001 >in
	win 'session 10s'
	brief <<-'E'
		{"k":"a",00:00,00:10,"count":1}
		{"k":"a",00:10.001,00:20.001,"count":1}
	E
}

@test "C10 sessions of other keys do not touch; a bridge joins two" {
	ev a:0 b:5000 a:15000 a:8000 >in
	win 'session 10s' '--out-of-order 1m'
	brief <<-'E'
		{"k":"a",00:00,00:25,"count":3}
		{"k":"b",00:05,00:15,"count":1}
	E
}

@test "C10 a merged session keeps the order of arrival for first, last and collect" {
	ev a:0:1 a:15000:2 a:8000:3 >in
	win "session 10s --agg 'f=first(.v),l=last(.v),c=collect(.v)'" '--out-of-order 1m'
	brief <<<'{"k":"a",00:00,00:25,"f":1,"l":3,"c":[1,2,3]}'
}

@test "C11 merge first, test lateness after" {
	ev a:95000 z:101001 a:88000 >in         # mark 100.000; alone, 88 would end at 97.999
	win 'session 10s' '--out-of-order 1s'
	late 0
	grep '"k":"a"' out >a && mv a out
	brief <<<'{"k":"a",01:28,01:45,"count":2}'
}

@test "C11 late and unmerged is dropped, and leaves nothing behind" {
	ev z:101001 a:80000 a:99000 >in         # 80 is late; 99 must not find it
	win 'session 20s' '--out-of-order 1s'
	late 1
	grep '"k":"a"' out >a && mv a out
	brief <<<'{"k":"a",01:39,01:59,"count":1}'
}
