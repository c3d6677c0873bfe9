# Interval joins (C36, C37), and what all joins share: keys, --select, --match, bad input.
load common
load jobs

# rows NAME NUMBER:MS[:KEY]...: ./NAME with {"NAME":NUMBER,"k":KEY,"t":MS}; KEY a if none is said, - for none at all.
rows() {
	local name=$1 e n ms k
	shift
	for e; do
		IFS=: read -r n ms k <<<"$e"
		[ "${k:=a}" = - ] && k= || k=",\"k\":\"$k\""
		printf '{"%s":%s%s,"t":"1970-01-01T00:00:%02d.%03dZ"}\n' "$name" "$n" "$k" $((ms / 1000)) $((ms % 1000))
	done >"$name"
}

# join FLAGS [LEFT-FLAGS [RIGHT-FLAGS]]: ./l and ./r by k, results as "L R MS".
join() {
	ok "fjoin <(fsource l --time t ${2:-}) <(fsource r --time t ${3:-}) --on k $1 | fmap --set 'ms = ts() - @0' --keep l,r,ms | fsink -"
	jq -r '"\(.l) \(.r) \(.ms)"' out >got
	mv got out
}

@test "C36 both ends are in; the result has the later time" {
	rows l 1:10000
	rows r 1:8999 2:9000 3:10000 4:12000 5:12001
	join '--within -1s..2s'
	is_sorted <<-'EOF2'
	1 2 10000
	1 3 10000
	1 4 12000
	EOF2
	join '--within=1s..2s'
	is <<<'1 4 12000'
	join '--within 0s'
	is <<<'1 3 10000'
}

@test "C36 late is strictly before the watermark; late records are counted or kept" {
	rows l 1:10000 2:20000 3:19998 4:19999
	rows r 1:10000 2:20000
	for late in '' '--late late'; do
		rm -f gate
		mkfifo gate
		bg "fjoin <({ head -2 l; cat gate; tail -2 l; } | fsource - --time t --watermark each) <(fsource r --time t --watermark each) --on k --within 100s $late | fcat --marks"
		await 'grep -q "watermark 1970-01-01T00:00:19.999Z" out'
		: >gate
		finish
		[ "$rc" = 0 ]
		! grep -q '"l":3' out
		[ "$(grep -c '"l":4' out)" = 2 ]
		says "1 late records $([ -n "$late" ] && echo written to late || echo dropped)"
	done
	[ "$(cat late)" = '{"l":3,"k":"a","t":"1970-01-01T00:00:19.998Z"}' ]
}

@test "C37 rows without a match are padded when their time has passed, with their own time" {
	rows l 1:10000 2:20000
	rows r 1:10500 9:30000
	for type in left right full; do
		join "--within 1s --type $type" '--watermark each' '--watermark each'
		cp out "out.$type"
	done
	diff - out.left <<-'EOF2'
	1 1 10500
	2 null 20000
	EOF2
	diff - out.right <<-'EOF2'
	1 1 10500
	null 9 30000
	EOF2
	diff - out.full <<-'EOF2'
	1 1 10500
	2 null 20000
	null 9 30000
	EOF2
}

@test "C37 padded at time + bound + 1 ms, not before; what goes on of the watermark is older" {
	rows l 1:10000 2:11000 3:11001
	rows r 1:11000 2:11001:b 3:11001:b
	ok "fjoin <(fsource l --time t --watermark field:none) <(fsource r --time t --watermark each) --on k --within=0s..1s --type left | fcat --marks"
	! grep -q 'null' out
	rows l 1:10000 7:12001:c
	rows r 5:11002:b 6:12002:b
	ok "fjoin <(fsource l --time t --watermark each) <(fsource r --time t --watermark each) --on k --within=0s..1s --type left | fcat --marks | grep -v '^# [hse]'"
	# The padded row stands before every watermark that is not older than it.
	awk '/"l":1/ { seen = 1 } /^# watermark 1970-01-01T00:00:1[0-9]/ && !seen { bad = 1 } END { exit bad || !seen }' out
}

@test "C37 a row that is out of range already is padded at once" {
	rows l 1:10000
	rows r 1:10000
	join '--within=-3s..-2s --type left' '--watermark each --out-of-order 1s' '--watermark each --out-of-order 1s'
	is <<<'1 null 10000'
}

@test "semi gives each left record once, anti those without a match" {
	rows l 1:1000 2:2000 3:3000:b
	rows r 1:1000 2:1500 3:2500 4:9000:z
	for type in semi anti; do
		ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --type $type | fsink -"
		jq -c .l out | sort >"out.$type"
	done
	diff - out.semi <<<$'1\n2'
	diff - out.anti <<<3
	! grep -q '"r"' out
}

@test "null keys never match, 1 is 1.0 and not \"1\"" {
	printf '%s\n' '{"l":1,"k":null,"t":1}' '{"l":2,"k":1,"t":1}' '{"l":3,"k":"1","t":1}' '{"l":4,"t":1}' >l
	printf '%s\n' '{"r":1,"k":null,"t":1}' '{"r":2,"k":1.0,"t":1}' '{"r":3,"t":1}' >r
	join '--within 1s'
	is <<<'2 2 1000'
	join '--within 1s --type full'
	is_sorted <<-'EOF2'
	1 null 1000
	2 2 1000
	3 null 1000
	4 null 1000
	null 1 1000
	null 3 1000
	EOF2
}

@test "fields: left, then right; a name that is taken gets _r; the key of --on is not repeated" {
	echo '{"k":"a","x":1,"t":1}' >l
	echo '{"x":2,"k":"a","y":3,"t":1}' >r
	ok 'fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s | fsink -'
	is <<<'{"k":"a","x":1,"t":1,"x_r":2,"y":3,"t_r":1}'
	ok 'fjoin <(fsource l --time t) <(fsource r --time t) --left-on k --right-on k --within 1s | fsink -'
	is <<<'{"k":"a","x":1,"t":1,"x_r":2,"k_r":"a","y":3,"t_r":1}'
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --select '.r.y, sum = .l.x + .r.x, l.*' | fsink -"
	is <<<'{"y":3,"sum":3,"k":"a","x":1,"t":1}'
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --select 'l.*, x = .r.x' | fsink -"
	is <<<'{"k":"a","t":1,"x":2}'
	# Right rows alone have the key under its one name.
	echo '{"x":2,"k":"b","t":1}' >r
	ok 'fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --type full | fsink -'
	is_sorted <<-'EOF2'
	{"k":"a","x":1,"t":1,"x_r":null,"t_r":null}
	{"k":"b","x":null,"t":null,"x_r":2,"t_r":1}
	EOF2
}

@test "--match is a further condition; one that cannot be computed is a bad record" {
	rows l 1:1000 2:2000
	rows r 1:1000 2:2000
	join "--within 10s --match '.l.l < .r.r'"
	is <<<'1 2 2000'
	join "--within 10s --type left --match '.l.l < .r.r'"
	is <<-'EOF2'
	1 2 2000
	2 null 2000
	EOF2
	fails 3 "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 10s --match '1 / (.l.l - .r.r) > 0' | fsink -"
	says 'division by zero'
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 10s --match '1 / (.l.l - .r.r) > 0' --on-bad skip | fsink -"
	says '2 bad records skipped'
}

@test "refused, with what to do instead" {
	rows l 1:1000
	rows r 1:1000
	while IFS='|' read -r flags say; do
		fails 2 "fjoin <(fsource l --time t) <(fsource r --time t) $flags"
		says "$say"
	done <<-'EOF2'
	--within 1s|which fields are equal
	--on k|which records meet
	--on k --left-on k --within 1s|not both
	--left-on k,l --right-on k --within 1s|--left-on has 2 fields
	--on k --within 1s --ttl 1d|one join at a time
	--on k --within 5|needs a unit
	--on k --within 2s..1s|smaller end first
	--on k --asof 1s --type right|swap the inputs
	--on k --lookup --type full|swap the inputs
	--on k --ttl 1d --late x|nothing is late
	--on k --within 1s --refresh 1s|goes with --lookup
	--on k --within 1s --select 'x = 1, x = 2'|two fields
	--on k --within 1s --type semi --select '.r.r'|left records
	--on k --within 1s --match '.x > 1'|\.l\.x or \.r\.x
	--on k --window 'tumbl 1m'|did you mean 'tumble'
	--on k --within 1s --withn 2s|did you mean
	EOF2
	fails 2 "fjoin l --on k --within 1s"
	says 'which two'
	fails 2 "fjoin - - --on k --within 1s </dev/null"
	says 'one side at most'
	fails 2 "fjoin l nofile --on k --within 1s"
	says 'nofile'
}

@test "records without event time are bad; a field that was never there is told" {
	rows l 1:1000
	rows r 1:1000
	fails 3 "fjoin l <(fsource r --time t) --on k --within 1s | fsink -"
	says 'no event time, which --within needs'
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on kk --within 1s | fsink -"
	says "field 'kk' was never seen"
}

@test "one side that never advances: idle, and nothing is lost" {
	rows l 1:1000 2:2001 3:50000
	rows r 1:1000
	join '--within 1s --type left' '' '--idle 50ms'
	is_sorted <<-'EOF2'
	1 1 1000
	2 null 2001
	3 null 50000
	EOF2
}

@test "sides of very different speed: what came early waits in state, beyond --mem on disk" {
	seq 1 30000 | jq -c '{l: ., k: (. % 5000), t: (1700000000 + .), pad: "0123456789012345678901234567890123456789"}' >l
	seq 1 30000 | jq -c '{r: ., k: (. % 5000), t: (1700000000 + .)}' >r
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --select '.l.l, .r.r' | fsink -"
	sort out >want
	[ "$(wc -l <want)" = 30000 ]
	ok "fjoin <(fsource l --time t) <(fsource r --time t --rate 20000/s) --on k --within 1s --mem 1MiB --select '.l.l, .r.r' | fsink -"
	sort out | cmp - want
	ok "fjoin <(fsource l --time t --rate 20000/s) <(fsource r --time t) --on k --within 1s --mem 1MiB --select '.l.l, .r.r' | fsink -"
	sort out | cmp - want
}

@test "a key with very many records: all pairs, in bounded memory" {
	seq 1 1000 | jq -c '{l: ., k: 1, t: 1700000000}' >l
	seq 1 1000 | jq -c '{r: ., k: 1, t: 1700000000}' >r
	ok "([ -n \"${FJORD_SANITIZED:-}\" ] || ulimit -v 400000; fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --select '.l.l, .r.r' | fsink null:)"
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 1s --select '.l.l, .r.r' | fwindow global --agg 'n=count(), s=sum(.l)' | fsink -"
	is <<<'{"n":1000000,"s":500500000}'
}

# A join under a supervisor, in ./in; calm gives ./want.
sides() {
	seq 1 4000 | jq -c '{l: ., k: (. % 97), t: (1700000000000 + . * 10)}' >l
	seq 1 4000 | jq -c '{r: ., k: (. % 89), t: (1700000000000 + . * 10)}' >r
}

@test "under fcoord: killed wherever, with several subtasks, rescaled: each pair once" {
	sides
	for type in inner full; do
		ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 2s --type $type --select '.l.l, .r.r, k = coalesce(.l.k, .r.k)' | fsink -"
		sort out >want
		ok "fcoord run -d -p 2 --every 20ms --name $type 'fjoin <(fsource l --time t --rate $(paced 500) | fkey k) <(fsource r --time t --rate $(paced 450) | fkey k) --on k --within 2s --type $type --select \".l.l, .r.r, k = coalesce(.l.k, .r.k)\" | fsink $type/'"
		for stage in fjoin fkey fjoin fsink; do
			fell $type $stage
		done
		a=$(tells $type .attempt)
		ok "fcoord rescale $type fjoin=3"
		await "runs $type $((a + 1))"
		fell $type fjoin
		ok "fcoord wait $type --for done"
		cat $type/part-* | sort | cmp - want
	done
}

@test "under fcoord: inputs by another key than that of the join are refused, and files" {
	sides
	fails 2 "fcoord run -p 2 'fjoin <(fsource l --time t | fkey l) <(fsource r --time t | fkey k) --on k --within 2s | fsink o/'"
	says 'put fkey k before it'
	fails 2 "fcoord run 'fjoin l <(fsource r --time t | fkey k) --on k --within 2s | fsink o2/'"
	says 'in a job inputs are streams'
	ok "fcoord run -q 'fjoin <(fsource l --time t) <(fsource r --time t) --on k --within 2s | fsink o3/'"
}

@test "with FSTATE: killed and run again, two sources under <( ... )" {
	sides
	line="FSTATE=st fjoin <(fsource l --time t RATE) <(fsource r --time t RATE) --on k --within 2s --type left --select '.l.l, .r.r' | fsink res/ --every 20ms"
	ok "$(sed 's/FSTATE=st //; s/RATE//g; s/--every 20ms//' <<<"$line")"
	sort res/part* >want
	rm -r res
	for i in 1 2 3; do
		bg "export FSTATE=st; ${line//RATE/--rate 4000/s}"
		await '[ "$(ls st/chain 2>/dev/null | tail -1)" != "${was:-}" ] && [ -n "$(ls st/chain 2>/dev/null)" ]'
		was=$(ls st/chain | tail -1)
		pkill -9 -s "${pids[-1]}" -x fjoin
		finish
	done
	ok "export FSTATE=st; ${line//RATE/}"
	sort res/part* | cmp - want
}

@test "a diamond: one stream into both sides" {
	sides
	ok "fcoord run -q 'e = fsource l --time t
	fjoin <(@e | fmap --where \".l % 2 == 0\") <(@e | fmap --where \".l % 3 == 0\") --on l --within 1s --select \".l.l\" | fsink d/'"
	[ "$(cat d/part* | wc -l)" = 666 ]
}
