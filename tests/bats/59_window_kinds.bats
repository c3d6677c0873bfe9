# fwindow: global, running, first, last, top; changing streams.
load common

@test "global fires at the end of input, once per key, and not at all without records" {
	ev a:5000 b:1000 a:1000 >in
	win global
	late 0
	printf '{"k":"a","count":2}\n{"k":"b","count":1}\n' | is_sorted
	: >in
	win global
	is </dev/null
}

@test "global needs no event time" {
	printf '{"k":"a"}\n{"k":"a"}\n' >in
	ok "fsource in | fkey k | fwindow global | fsink -"
	is <<<'{"k":"a","count":2}'
}

@test "the event time of a global result is the greatest of its records" {
	ev a:25000 a:1000 >in
	ok "fsource in --time t --out-of-order 1m | fkey k | fwindow global --agg 'n=count()' | fwindow tumble 10s | fsink -"
	brief <<<'{"k":"a",00:20,00:30,"count":1}'
}

@test "running: one updated result per record, with the record's time" {
	ev a:1000:1 b:2000:5 a:13000:2 >in
	win "running --agg 's=sum(.v)'"
	printf '{"k":"a","s":1}\n{"k":"b","s":5}\n{"k":"a","s":3}\n' | is
	ok "fsource in --time t --watermark each | fkey k | fwindow running --agg 's=sum(.v)' | fwindow tumble 10s --agg 'm=max(.s)' | fsink -"
	brief <<-'E'
		{"k":"a",00:00,00:10,"m":1}
		{"k":"a",00:10,00:20,"m":3}
		{"k":"b",00:00,00:10,"m":5}
	E
}

@test "the event time of a count result is the record's that filled it" {
	ev a:1000 a:12000 >in
	ok "fsource in --time t --watermark each | fkey k | fwindow count 2 | fwindow tumble 10s | fsink -"
	brief <<<'{"k":"a",00:10,00:20,"count":1}'
}

@test "first keeps the record of least event time per key" {
	not_yet 'fwindow first </dev/null'
	ev a:5000:1 a:1000:2 b:2000:3 a:3000:4 >in
	ok "fsource in --time t --out-of-order 10s | fkey k | fwindow first | fsink -"
	sed -n '2p;3p' in | is_sorted
}

@test "first is plain: no op field; what is older than the watermark is late (C41)" {
	not_yet 'fwindow first </dev/null'
	ev a:5000:1 b:9000:2 b:1000:3 >in
	win first
	lacks out '"op"'
	late 1
}

@test "last keeps the record of greatest event time, as a changing stream with op first" {
	not_yet 'fwindow last </dev/null'
	ev a:1000:1 a:5000:2 a:3000:3 >in
	win last '--out-of-order 10s'
	is <<'E'
{"op":"+I","k":"a","t":"1970-01-01T00:00:01.000Z","v":1}
{"op":"-U","k":"a","t":"1970-01-01T00:00:01.000Z","v":1}
{"op":"+U","k":"a","t":"1970-01-01T00:00:05.000Z","v":2}
E
}

@test "top N:EXPR keeps the N best records per key and takes back what falls out" {
	not_yet 'fwindow top 1:.v </dev/null'
	ev a:1000:1 a:2000:5 a:3000:3 >in
	win 'top 1:.v' '--out-of-order 10s'
	# whatever the ops between, what stands at the end is the best
	jq -sc 'reduce .[] as $r ({}; if $r.op == "+I" or $r.op == "+U" then .[$r.v | tostring] = 1 else del(.[$r.v | tostring]) end) | keys' out |
		diff - <(echo '["5"]')
	head -1 out | grep -q '^{"op":"+I",'
}

@test "window results, refires, --early and running are plain records" {
	ev a:1000 a:6000 a:2000 >in
	for w in 'tumble 5s --lateness 1m' 'tumble 10s --early 5s' running; do
		win "$w"
		lacks out '"op"'
	done
}

@test "--changes upsert writes the last value per key, without -U" {
	not_yet 'fwindow last </dev/null'
	ev a:1000:1 a:5000:2 >in
	ok "fsource in --time t | fkey k | fwindow last | fsink - --changes upsert"
	lacks out '"-U"'
	[ "$(tail -1 out | jq .v)" = 2 ]
}
