# fkey: what keys are equal, and faults.
load common

@test "a null key is a key like any other" {
	printf '{"u":%s}\n' '"a"' null null >in
	count_by 'fkey u'
	printf '{"u":"a","count":1}\n{"u":null,"count":2}\n' | is_sorted
}

@test "1 and 1.0 are one key, \"1\" and true are others" {
	printf '{"u":%s}\n' 1 1.0 '"1"' true >in
	count_by 'fkey u'
	[ "$(jq -s 'map(.count) | sort' -c out)" = "[1,1,2]" ]
}

@test "--rebalance and --broadcast have one consumer in a bare pipe" {
	printf '{"u":%s}\n' 1 2 >in
	for flag in --rebalance --broadcast; do
		ok "fsource in | fkey $flag | fsink -"
		diff in out
	done
}

@test "a key that is never there warns with did you mean" {
	printf '{"user":"a"}\n' >in
	count_by 'fkey usr'
	is <<<'{"usr":null,"count":1}'
	says usr "did you mean" user
}

@test "--expr that cannot be computed is a bad record" {
	printf '{"v":%s}\n' 0 1 >in
	fails 3 "fsource in | fkey --expr '1 / .v' | fsink -"
	says zero
	ok "fsource in | fkey --expr '1 / .v' --on-bad skip | fsink -"
	is <<<'{"v":1}'
}

@test "-p above --groups is an error; --groups takes a number" {
	echo "{}" >in
	fails 2 "fkey user -p 9 --groups 4 <in"
	says groups
	fails 2 "fkey user --groups many <in"
}

@test "what contradicts itself is status 2" {
	fails 2 "fkey user --global </dev/null"
	fails 2 "fkey user --expr '.v' </dev/null"
}
