# Kinds that keep records: first, last (C41), top N:EXPR; and running over what they take back.
load common
load jobs

setup() {
	begin_jobs
	LIMIT=30
}

teardown() {
	end_jobs
}

# short: ./out as words, one row a line: [OP] K MS [V [RANK]].
short() {
	jq -r '[.op // empty, .k, (.t[17:23] | rtrimstr("Z") | tonumber * 1000 | round), .v // empty, .r // empty] | join(" ")' out
}

rows_are() {
	short | diff -u - <(printf '%s\n' "$@")
}

# table: what is left of a changelog in ./out, sorted.
table() {
	jq -sSc 'reduce .[] as $r ({}; ($r | del(.op) | tojson) as $k |
		.[$k] += if $r.op == "+I" or $r.op == "+U" then 1 else -1 end) | to_entries[] |
		select(.value != 0) | if .value > 0 then range(.value) as $i | .key else error("taken back too often: \(.key)") end |
		fromjson' "${1:-out}" | sort
}

# changes: lines of JSON (fframe.py --encode) as ./x.frames.
changes() {
	"$BATS_TEST_DIRNAME/../tools/fframe.py" --encode >x.frames
}

# ---- first ----

@test "C41 first: the earliest record of a key, once the watermark has come to it, unchanged and plain" {
	ev a:20:1 b:15:2 a:10:3 a:12:4 b:30:5 c:40:6 a:50:7 >in
	win first '--out-of-order 20ms'
	rows_are 'a 10 3' 'b 15 2' 'c 40 6'
	lacks out '"op"'
	late 0
	ok "fsource in --time t --watermark each --out-of-order 20ms | fkey k | fwindow first | fcat --marks | grep -v '^# [hs]'"
	# 29 comes from the record at 50: nothing leaves before its time
	jq -Rr 'fromjson? // .' out >/dev/null
	[ "$(grep -n '"v":6' out | cut -d: -f1)" -gt "$(grep -n '00:00:00.029' out | tail -1 | cut -d: -f1)" ]
}

@test "C41 first: at one time the first to arrive; several keys by time, then by key" {
	ev b:10:1 a:10:2 a:10:3 b:10:4 c:5:5 >in
	win first '--out-of-order 1s'
	rows_are "c 5 5" "$(short | sed -n 2p)" "$(short | sed -n 3p)"
	short | sort | diff - <(printf '%s\n' 'a 10 2' 'b 10 1' 'c 5 5')
	cp out before
	ev a:10:2 a:10:3 b:10:1 c:5:5 b:10:4 >in
	win first '--out-of-order 1s'
	cmp out before
}

@test "C41 first: late iff its time is before the watermark, be the key done or not" {
	ev a:10:1 b:9:2 c:8:3 a:9:4 a:1:5 >in
	win first
	rows_are 'b 9 2' 'a 9 4'
	late 2
	win 'first --late late'
	says '2 late records written to late'
	jq -c .v late | diff - <(printf '3\n5\n')
}

@test "C41 first: a key is done, until --ttl has passed since its record" {
	ev a:10:1 a:20:2 a:109:3 a:110:4 b:111:5 a:300:6 >in
	win 'first'
	rows_are 'a 10 1' 'b 111 5'
	win 'first --ttl 100ms'
	rows_are 'a 10 1' 'a 110 4' 'b 111 5' 'a 300 6'
}

@test "first and last need event time" {
	echo '{"k":1}' >in
	for w in first last; do
		fails 3 "fsource in | fkey k | fwindow $w | fsink -"
		says 'no event time, which first and last go by'
	done
	ok "fsource in | fkey k | fwindow top 1:.k | fsink -"
}

# ---- last ----

@test "C41 last: at once, taking back what it replaces; older ones change nothing, at one time the later" {
	ev a:10:1 b:5:2 a:9:3 a:10:4 b:7:5 b:6:6 >in
	win last
	rows_are '+I a 10 1' '+I b 5 2' '-U a 10 1' '+U a 10 4' '-U b 5 2' '+U b 7 5'
	late 0
	ok "fsource in --time t | fkey k | fwindow last | fsink f --changes upsert; cat f"
	short | sort | diff - <(printf '%s\n' 'a 10 4' 'b 7 5')
}

@test "last without a key keeps one record; with --ttl one that is forgotten comes as new" {
	ev a:10:1 b:20:2 >in
	ok "fsource in --time t | fwindow last | fsink -"
	rows_are '+I a 10 1' '-U a 10 1' '+U b 20 2'
	ev a:10:1 a:20:2 b:115:3 a:119:4 a:219:5 a:100:6 >in
	win 'last --ttl 100ms'
	rows_are '+I a 10 1' '-U a 10 1' '+U a 20 2' '+I b 115 3' '-U a 20 2' '+U a 119 4' '+I a 219 5'
}

@test "records go through whole: fields that show up later, keys of expressions, through fmap and fkey" {
	changes <<'E'
{"schema":["k","v"]}
["+I",1,{"k":1,"v":1}]
{"schema":["k","v","x"]}
["+I",2,{"k":3,"v":2,"x":"new"}]
{"schema":["k","v","x","y"]}
["+I",3,{"k":2,"v":3,"y":[1]}]
E
	ok "fkey --expr '.k % 2' <x.frames | fwindow last | fmap --set 'w = .v * 10' | fkey k | fsink -"
	jq -Sc . out >sorted
	mv sorted out
	is <<'R'
{"k":1,"op":"+I","v":1,"w":10}
{"k":1,"op":"-U","v":1,"w":10}
{"k":3,"op":"+U","v":2,"w":20,"x":"new"}
{"k":2,"op":"+I","v":3,"w":30,"y":[1]}
R
	ev 1:1:1 3:2:2 2:3:3 >in
	ok "fsource in --time t | fkey --expr 'int(.k) % 2' | fwindow first | fsink -"
	rows_are '1 1 1' '2 3 3'
}

# ---- top ----

@test "top N:EXPR: the N best of a key; what falls out is taken back first; ties by arrival, null is left out" {
	ev a:1:5 a:2:3 b:3:1 a:4:4 a:5:3 a:6:4 a:7:null a:8 a:9:9 >in
	win 'top 2:.v'
	rows_are '+I a 1 5' '+I a 2 3' '+I b 3 1' '-D a 2 3' '+I a 4 4' '-D a 4 4' '+I a 9 9'
}

@test "top N:EXPR --rank: each rank tells what stands there" {
	ev a:1:5 a:2:3 a:3:4 a:4:3 a:5:4 a:6:9 >in
	win 'top 3:.v --rank r'
	rows_are '+I a 1 5 1' '+I a 2 3 2' '-U a 2 3 2' '+U a 3 4 2' '+I a 2 3 3' \
		'-U a 2 3 3' '+U a 5 4 3' \
		'-U a 1 5 1' '+U a 6 9 1' '-U a 3 4 2' '+U a 1 5 2' '-U a 5 4 3' '+U a 3 4 3'
}

@test "fields that show up behind the rank, and after a restore" {
	local line="FSTATE=st fsource in --time t --at-end hold | fkey k | fwindow top 2:.v --rank r | fsink o"
	echo '{"k":1,"t":1,"v":1}' >in
	ok "$line"
	echo '{"k":1,"t":2,"x":"new","v":2}' >>in
	ok "$line"
	echo '{"y":0,"k":1,"t":3,"v":3}' >>in
	ok "$line"
	jq -Sc 'del(.k, .t)' o >out
	is <<'R'
{"op":"+I","r":1,"v":1}
{"op":"-U","r":1,"v":1}
{"op":"+U","r":1,"v":2,"x":"new"}
{"op":"+I","r":2,"v":1}
{"op":"-U","r":1,"v":2,"x":"new"}
{"op":"+U","r":1,"v":3,"y":0}
{"op":"-U","r":2,"v":1}
{"op":"+U","r":2,"v":2,"x":"new"}
R
}

@test "top compares as results do: numbers exactly, then times and texts, whatever their size" {
	local v
	v=(9007199254740993 9007199254740992 9007199254740992.0 -0.0 0 1e300 -1e300 true '"zebra-2"' '"zebra-1"' '"zebra-10"' '"a"' '[1]' false)
	printf '{"v":%s}\n' "${v[@]}" >in
	ok "fsource in | fwindow top 14:.v --rank r | fsink -"
	table | jq -sc 'sort_by(.r)[] | .v' | diff - <(printf '%s\n' '[1]' '"zebra-2"' '"zebra-10"' '"zebra-1"' '"a"' 1e+300 \
		9007199254740993 9007199254740992 9007199254740992 -0 0 -1e+300 true false |
		jq -c .)
	ok "fsource in | fwindow top '1:-1 * len(.v)' --on-bad skip | fsink -"
	echo '{"v":123456789012345678901234567890}' >in
	fails 3 "fsource in | fwindow top 1:.v | fsink -"
	says 'top needs values that compare'
}

@test "top with --ttl forgets a key after its last record, be it among the best or not" {
	ev a:10:5 a:60:1 a:120:4 b:300:1 a:310:3 >in
	win 'top 1:.v --ttl 100ms'
	rows_are '+I a 10 5' '+I b 300 1' '+I a 310 3'
}

@test "top over a changing stream: what is taken back lets the next one in" {
	ev a:1:5 b:2:4 c:3:3 a:4:1 b:5:0 >in
	ok "fsource in --time t | fkey k | fwindow last | fkey --global | fwindow top 2:.v | fsink -"
	rows_are '+I a 1 5' '+I b 2 4' '-D a 1 5' '+I c 3 3' '-D b 2 4' '+I a 4 1'
	ok "fsource in --time t | fkey k | fwindow last | fkey --global | fwindow top 2:.v --rank r | fsink -"
	rows_are '+I a 1 5 1' '+I b 2 4 2' '-U a 1 5 1' '+U b 2 4 1' '-U b 2 4 2' '+U c 3 3 2' \
		'-U b 2 4 1' '+U c 3 3 1' '-U c 3 3 2' '+U a 4 1 2'
}

# ---- running over a changing stream ----

@test "running over a changing stream: last | fkey other | running, as Nexmark q4 has it" {
	for i in 1:x:10 2:x:30 3:y:7 1:x:20 3:x:8 2:x:31; do
		IFS=: read -r id c v <<<"$i"
		echo "{\"id\":$id,\"t\":$((++n)),\"c\":\"$c\",\"v\":$v}"
	done >in
	ok "fsource in --time t | fkey id | fwindow last | fkey c | fwindow running --agg 'n=count(), s=sum(.v), a=avg(.v)' | fsink -"
	is <<'R'
{"op":"+I","c":"x","n":1,"s":10,"a":10.0}
{"op":"-U","c":"x","n":1,"s":10,"a":10.0}
{"op":"+U","c":"x","n":2,"s":40,"a":20.0}
{"op":"+I","c":"y","n":1,"s":7,"a":7.0}
{"op":"-U","c":"x","n":2,"s":40,"a":20.0}
{"op":"+U","c":"x","n":1,"s":30,"a":30.0}
{"op":"-U","c":"x","n":1,"s":30,"a":30.0}
{"op":"+U","c":"x","n":2,"s":50,"a":25.0}
{"op":"-D","c":"y","n":1,"s":7,"a":7.0}
{"op":"-U","c":"x","n":2,"s":50,"a":25.0}
{"op":"+U","c":"x","n":3,"s":58,"a":19.333333333333332}
{"op":"-U","c":"x","n":3,"s":58,"a":19.333333333333332}
{"op":"+U","c":"x","n":2,"s":28,"a":14.0}
{"op":"-U","c":"x","n":2,"s":28,"a":14.0}
{"op":"+U","c":"x","n":3,"s":59,"a":19.666666666666668}
R
	ok "fsource in --time t | fkey id | fwindow last | fkey c | fwindow running --agg 's=sum(.v)' | fkey --global | fwindow running --agg 'top=sum(.s)' | fsink -"
	[ "$(table)" = '{"top":59}' ]
}

@test "a result that does not change is not told; one that --having lets pass no more is taken back" {
	changes <<'E'
{"schema":["k","v"],"changing":true}
["+I",1,{"k":"a","v":3}]
["+I",2,{"k":"a","v":0}]
["+U",3,{"k":"a","v":4}]
["-U",4,{"k":"a","v":3}]
["-D",5,{"k":"a","v":0}]
["+I",6,{"k":"b","v":9}]
["-D",7,{"k":"b","v":9}]
["-D",8,{"k":"a","v":4}]
E
	ok "fkey k <x.frames | fwindow running --agg 's=sum(.v)' | fsink -"
	is <<'R'
{"op":"+I","k":"a","s":3}
{"op":"-U","k":"a","s":3}
{"op":"+U","k":"a","s":7}
{"op":"-U","k":"a","s":7}
{"op":"+U","k":"a","s":4}
{"op":"+I","k":"b","s":9}
{"op":"-D","k":"b","s":9}
{"op":"-D","k":"a","s":4}
R
	ok "fkey k <x.frames | fwindow running --agg 's=sum(.v)' --having '.s > 3 and .s < 9' | fsink -"
	is <<'R'
{"op":"+I","k":"a","s":7}
{"op":"-U","k":"a","s":7}
{"op":"+U","k":"a","s":4}
{"op":"-D","k":"a","s":4}
R
}

@test "sums that are not exact take values back with their rounding error, and are exact again without them" {
	changes <<'E'
{"schema":["v"],"changing":true}
["+I",1,{"v":0.5}]
["+I",2,{"v":1e-30}]
["+I",3,{"v":1e300}]
["-D",4,{"v":1e300}]
["-D",5,{"v":1e-30}]
E
	ok "fwindow running --agg 's=sum(.v)' <x.frames | fsink -"
	[ "$(table)" = '{"s":0.5}' ]
}

@test "what was never added cannot be taken back: a bad record; with --ttl it may have been forgotten" {
	changes <<'E'
{"schema":["k","v"],"changing":true}
["+I",1,{"k":"a","v":3}]
["-D",2,{"k":"b","v":1}]
["-D",3,{"k":"a","v":4}]
["-D",4,{"k":"a","v":4}]
E
	for w in "running --agg 'n=count(),s=sum(.v)'" 'top 1:.v'; do
		fails 3 "fkey k <x.frames | fwindow $w | fsink -"
		says 'takes back a record that was never added'
		ok "fkey k <x.frames | fwindow $w --ttl 1s | fsink -"
		quiet
	done
	ok "fkey k <x.frames | fwindow top 1:.v --on-bad skip | fsink -"
	says '3 bad records skipped'
}

@test "a result that cannot be computed is taken back and a bad record; the next one is told again" {
	changes <<'E'
{"schema":["v"],"changing":true}
["+I",1,{"v":9223372036854775807}]
["+I",2,{"v":-5}]
["+I",3,{"v":3}]
["-D",4,{"v":-5}]
["-D",5,{"v":9223372036854775807}]
E
	ok "fwindow running --agg 's=sum(.v)' --on-bad skip <x.frames | fsink -"
	is <<'R'
{"op":"+I","s":9223372036854775807}
{"op":"-U","s":9223372036854775807}
{"op":"+U","s":9223372036854775802}
{"op":"-U","s":9223372036854775802}
{"op":"+U","s":9223372036854775805}
{"op":"-D","s":9223372036854775805}
{"op":"+I","s":3}
R
	says '1 bad records? skipped'
}

@test "a plain stream runs as before" {
	ev a:1:5 a:2:5 >in
	win "running --agg 's=sum(.v), m=max(.v)'"
	is <<'R'
{"k":"a","s":5,"m":5}
{"k":"a","s":10,"m":5}
R
}

# ---- refusals ----

@test "what cannot take records back says so before anything comes out, and what to do" {
	ev a:1:5 >in
	for w in 'tumble 1m' 'slide 1m/10s' 'session 1m' 'cumulate 1h/1m' 'count 5' global; do
		fails 2 "fsource in --time t | fkey k | fwindow last | fkey k | fwindow $w | fsink -"
		says 'stream changes.*use fwindow running'
		[ ! -s out ]
	done
	for w in first last; do
		fails 2 "fsource in --time t | fkey k | fwindow last | fkey k | fwindow $w | fsink -"
		says 'stream changes.*use fwindow top 1:EXPR'
	done
	for a in 'max(.v)' 'x=first(.v)' 'stddev(.v)' 'distinct(.v)' 'collect(.v)' 'count(),median(.v)'; do
		fails 2 "fsource in --time t | fkey k | fwindow last | fkey k | fwindow running --agg '$a' | fsink -"
		says 'stream changes: [a-z]* \(in .*\) cannot take a record back; count, sum'
	done
	ok "fsource in --time t | fkey k | fwindow last | fkey k | fwindow running --agg 'count(), c=count(.v > 1), sum(.v), avg(.v), y=any(.v > 1), z=all(.v > 1)' | fsink -"
}

@test "options that have no meaning where records are kept" {
	for w in first last 'top 1:.v'; do
		for o in '--agg n=count()' "--having '.v > 1'" '--time proc' '--lateness 1s' '--early 1s' '--offset 1s' '--tz UTC' '--top 1:.v'; do
			fails 2 "fwindow $w $o </dev/null"
			says "${o%% *}"
		done
	done
	for w in last 'top 1:.v'; do
		fails 2 "fwindow $w --late f </dev/null"
		says 'nothing is late there'
	done
	fails 2 "fwindow last --rank r </dev/null"
	says '--rank goes with'
	for w in top 'top 0:.v' 'top .v' 'top 3:' 'top 10001:.v' 'top 1:.v,' 'first 5' 'top 1:.v 2'; do
		fails 2 "fwindow $w </dev/null"
	done
	ev a:1:5 >in
	fails 2 "fsource in | fwindow top 1:.v --rank v | fsink -"
	says "have a field 'v' already"
}

# ---- the planner ----

@test "fields that nobody needs leave no source, also through kinds that give out records" {
	reads() {
		fcoord explain "$1" | sed -n 's/.*downstream reads //p' >got
		[ "$(cat got)" = "$2" ] || { echo "$1: $(cat got)"; return 1; }
	}
	ev a:1:5 >in
	reads "fsource in --time t | fkey k | fwindow last | fkey c | fwindow running --agg 's=sum(.v)' | fsink o/" 'k, c, v'
	reads "fsource in --time t | fkey k | fwindow top 3:.v+.w --rank r | fmap --keep r,x | fsink o/" 'k, v, w, x'
	reads "fsource in --time t | fkey k | fwindow first | fwindow tumble 1m | fsink o/" 'k'
	reads "fsource in --time t | fkey k | fwindow first | fsink o/" ''
}

# ---- state ----

# many: records whose results change often, some out of order, in ./in.ndjson.
many() {
	jq -nc 'range(6000) | (. * 7919 % 6007) as $r | {k: ($r % 97), c: ($r % 5), t: (1704448800 + . - $r % 10), v: ($r % 50)}' >in.ndjson
}

first="fwindow first"
chain="fwindow last | fkey c | fwindow running --agg 'n=count(),s=sum(.v)'"
best="fwindow top 3:.v --rank r"
both="fwindow last | fkey c | fwindow top 4:.v --rank r"

# killed_and_run_again STAGES: with FSTATE and a kill, the output is that of a calm run, byte for byte.
killed_and_run_again() {
	local p text="fsource in.ndjson --time t --out-of-order 8s SLOW | fkey k | $1 | fsink res --every 20ms"
	many
	ok "fsource in.ndjson --time t --out-of-order 8s | fkey k | $1 | fsink calm"
	for p in fwindow fsink; do
		bg "FSTATE=st ${text/SLOW/--rate 3000/s}"
		await '[ -s res ] && ls st/chain/*.json >/dev/null 2>&1'
		kill -9 "$(pgrep -s "${pids[-1]}" -x $p | tail -1)"
		finish
		[ "$rc" != 0 ]
		ok "FSTATE=st ${text/SLOW/}"
		cmp res calm
		rm -r st res
	done
}

@test "kill -9 and again with FSTATE: first" {
	killed_and_run_again "$first"
}

@test "kill -9 and again with FSTATE: last | running" {
	killed_and_run_again "$chain"
}

@test "kill -9 and again with FSTATE: top" {
	killed_and_run_again "$best"
}

@test "kill -9 and again with FSTATE: last | top" {
	killed_and_run_again "$both"
}

# rescaled STAGES: -p 2, killed and rescaled on the way; what came out is in ./out, that of a calm run in ./calm.
rescaled() {
	local n=0 s flags=
	many
	ok "fsource in.ndjson --time t --out-of-order 8s | fkey k | $1 | fsink calm"
	for s in $(fcoord explain -p 2 "fsource in.ndjson | fkey k | $1 | fsink res/" -o json | jq -r '.stages[].name'); do
		flags+=" $s=$((1 + n++ % 3))"
	done
	text="fsource in.ndjson --time t --out-of-order 8s SLOW | fkey k | $1 | fsink res/"
	ok "fcoord run -d --name j -p 2 --every 20ms \"${text/SLOW/--rate $(paced 2000)}\""
	await 'runs j 1'
	await '[ -n "$(find res -type f -size +0)" ]'
	fell j fwindow
	ok "fcoord rescale j$flags"
	await 'runs j 1'
	fcoord cancel j
	ok "fcoord run -q --name j -p 2 --every 20ms \"${text/SLOW/}\""
	cat res/part-* >out
}

@test "fcoord -p 2, a kill and a rescale: first" {
	rescaled "$first"
	diff <(sort out) <(sort calm)
}

@test "fcoord -p 2, a kill and a rescale: top" {
	rescaled "$best"
	diff <(jq -Sc . out | sort) <(jq -Sc . calm | sort)
}

@test "fcoord -p 2, a kill and a rescale: last | running" {
	rescaled "$chain"
	diff <(table) <(table calm)
}

@test "fcoord -p 2, a kill and a rescale: last | top" {
	rescaled "$both"
	# of records that are worth the same any may stand at a rank
	diff <(table | jq -c '[.c, .r, .v]' | sort) <(table calm | jq -c '[.c, .r, .v]' | sort)
}

@test "the signature tells EXPR; fstate tells what it can" {
	ev a:1:5 a:2:6 b:3:1 >in
	ok "FSTATE=st fsource in --time t --at-end hold | fkey k | fwindow top 2:.v | fsink o"
	ev c:5:1 >>in
	fails 4 "FSTATE=st fsource in --time t --at-end hold | fkey k | fwindow top '3: .v' | fsink o"
	says "'top 2:.v', this is 'top 3:.v'"
	ok "FSTATE=st fsource in --time t --at-end hold | fkey k | fwindow top '2: .v ' | fsink o"
	ok "fstate scan st"
	says "state map 'best' in version 1 is not known here"

	ok "FSTATE=s2 fsource in --time t --at-end hold | fkey k | fwindow last | fkey k | fwindow running --agg 's=sum(.v)' --name sums | fsink p"
	ok "fstate scan s2 --stage sums -o json"
	grep -F '{"s":6}' out
	ok "FSTATE=s3 fsource in --time t --at-end hold | fkey k | fwindow first | fsink q"
	ok "fstate scan s3 -o json"
	grep -F '"map":"done"' out
}
