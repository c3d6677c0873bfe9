# fjoin --window (C38): rows of one key and one window meet when the window is over.
load common
load jobs

setup() {
	begin_jobs
	LIMIT=30
}

teardown() {
	end_jobs
}

# side FILE KEY:MS:ID...: its records.
side() {
	ev "${@:2}" >"$1"
}

# join_ WINDOW [FLAGS]: ./l and ./r, joined on k.
join_() {
	ok "fjoin <(fsource l --time t --watermark each) <(fsource r --time t --watermark none) --on k --window '$1' ${2:-} |
		fmap --set 'et = ts()' | fsink -"
}

# rows_are 'L R MS'...: ./out in this order, as the ids of both sides (- for none, or null) and the event time.
rows_are() {
	jq -r '"\(.v // "-") \(.v_r // "-") \(.et[11:23] | rtrimstr("Z") | split(":") | (.[0] | tonumber) * 3600000 +
		(.[1] | tonumber) * 60000 + (.[2] | tonumber) * 1000 | round)"' out | diff -u - <(printf '%s\n' "$@")
}

# live K:MS:ID[:WM]...: ./l, whose records set the watermark to WM (ms) behind them.
live() {
	local e k ms v wm
	for e; do
		IFS=: read -r k ms v wm <<<"$e"
		[ -z "$wm" ] || wm=",\"wm\":$(ev "w:$wm" | jq .t)"
		ev "$k:$ms:$v" | sed "s/}\$/$wm}/"
	done >l
}

# ordered FLAGS: a run whose order of events is known: ./r, its mark, then ./l, whose records set the watermark by wm.
ordered() {
	rm -f go
	bg "fjoin <({ head -n 1 l; until [ -e go ]; do sleep 0.02; done; tail -n +2 l; } | fsource - --time t --watermark field:wm) \
		<(fsource r --time t --watermark none) --on k $1 | fmap --set 'et = ts()' | fcat --marks"
	await 'grep -q "^# watermark" out'
	touch go
	finish
	[ "$rc" = 0 ] || { cat err; return 1; }
	sed -i '/^#/d' out
}

# ---- which rows meet ----

@test "C38 tumble: the pairs of a key and window, when it ends; a window that has one side gives nothing" {
	side l a:0:1 a:9:2 a:10:3 b:5:4 c:3:5
	side r a:9:1 a:10:2 b:25:3 c:3:4 c:4:5
	join_ 'tumble 10ms'
	sort -o out out
	rows_are '1 1 9' '2 1 9' '3 2 19' '5 4 9' '5 5 9'
	quiet
}

@test "C38 order: by the window's end, then key by key, a key's pairs by left arrival and then right arrival" {
	side l a:7:1 a:1:2 b:2:3 a:12:4
	side r a:9:1 b:1:2 a:3:3 a:11:4 b:0:5
	ok "fjoin <(fsource l --time t --out-of-order 1s) <(fsource r --time t --out-of-order 1s) --on k \
		--window 'tumble 10ms' | fsink -"
	jq -r 'select(.k == "a") | "\(.v) \(.v_r)"' out | diff -u - <(printf '%s\n' '1 1' '1 3' '2 1' '2 3' '4 4')
	jq -r 'select(.k == "b") | "\(.v) \(.v_r)"' out | diff -u - <(printf '%s\n' '3 2' '3 5')
	jq -r .k out | uniq | tr -d '\n' | grep -qE '^(aba|ba)$'
}

@test "C7 windows before 1970 begin where the others do" {
	echo '{"k":1,"t":-0.001,"v":1}' >l
	printf '%s\n' '{"k":1,"t":-0.011,"v":2}' '{"k":1,"t":-0.01,"v":1}' '{"k":1,"t":0,"v":3}' >r
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --window 'tumble 10ms' \
		--select 'b = .r.v, s = window_start, e = window_end' | fsink -"
	is <<-'END'
		{"b":1,"s":"1969-12-31T23:59:59.990Z","e":"1970-01-01T00:00:00Z"}
	END
}

@test "C8 slide: a row is in each window that holds it, and the pair comes in each that holds both" {
	side l a:5:1 a:12:2
	side r a:7:1
	join_ 'slide 10ms/5ms' "--select '.l.v, s = window_start, n = window_end - window_start'"
	jq -r '"\(.v) \(.s[17:-1]) \(.n)"' out | diff -u - <(printf '%s\n' '1 00 10' '1 00.005 10' '2 00.005 10')
}

@test "C6, C8 slide with gaps: a row between two windows meets nothing and is not late" {
	side l a:1:1 a:8:2 a:13:3
	side r a:2:1 a:7:2 a:12:3
	join_ 'slide 5ms/10ms'
	rows_are '1 1 4' '3 3 14'
	quiet
}

@test "cumulate: from the window's start to each of its steps" {
	side l a:1:1 a:12:2
	side r a:2:1 a:25:2 a:31:3
	join_ 'cumulate 30ms/10ms' "--select '.l.v, v_r = .r.v, n = window_end - window_start'"
	jq -r '"\(.v) \(.v_r) \(.n)"' out | diff -u - <(printf '%s\n' '1 1 10' '1 1 20' '2 1 20' '1 1 30' '1 2 30' '2 1 30' '2 2 30')
}

# ---- types ----

types() {
	side l a:1:1 a:2:2 b:3:3 a:15:4
	side r a:4:1 c:5:2 a:6:3 b:17:4
}

@test "C38 --type left, right, full: what met none is padded when the window ends, right ones behind the key's pairs" {
	types
	join_ 'tumble 10ms' '--type left'
	jq -r '"\(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' '1 1' '1 3' '2 1' '2 3' '3 null' '4 null')
	join_ 'tumble 10ms' '--type right'
	jq -r '"\(.k) \(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' 'a 1 1' 'a 1 3' 'a 2 1' 'a 2 3' 'b null 4' 'c null 2')
	join_ 'tumble 10ms' '--type full'
	jq -r '"\(.k) \(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' 'a 1 1' 'a 1 3' 'a 2 1' 'a 2 3' 'a 4 null' \
		'b 3 null' 'b null 4' 'c null 2')
	lacks out '"op"'
}

@test "C38 --type full: right rows alone come in the one order of keys" {
	for i in {1..40}; do
		((i % 3)) && echo "{\"k\":$i,\"t\":$i,\"v\":1}"
	done >l
	for i in {1..40}; do
		((i % 2)) && echo "{\"k\":$i,\"t\":$i,\"v\":2}"
	done >r
	both='<(fsource l --time t --out-of-order 1s) <(fsource r --time t --out-of-order 1s)'
	ok "fjoin $both --on k --window 'tumble 1s' --type full | fsink -"
	jq .k out >full
	[ "$(wc -l <full)" = "$(sort -u full | wc -l)" ]
	ok "fsource l r --time t | fkey k | fwindow 'tumble' 1s --agg 'count()' | fsink -"
	jq .k out | diff -u - full
}

@test "C38 --type semi, anti: the left rows, once" {
	types
	join_ 'tumble 10ms' '--type semi'
	jq -c 'del(.t)' out | sort | diff -u - <(printf '%s\n' '{"k":"a","v":1,"et":"1970-01-01T00:00:00.009Z"}' \
		'{"k":"a","v":2,"et":"1970-01-01T00:00:00.009Z"}')
	join_ 'tumble 10ms' '--type anti'
	jq -c .v out | sort | diff -u - <(printf '%s\n' 3 4)
	join_ 'tumble 10ms' "--type anti --match '.r.v > 1 && .l.v != 2'"
	jq -c .v out | sort | diff -u - <(printf '%s\n' 2 3 4)
	join_ 'tumble 10ms' "--type semi --match '.r.v > 1 && .l.v != 2'"
	jq -c .v out | diff -u - <(echo 1)
}

@test "--match decides which of them meet, and may look at the window" {
	types
	join_ 'tumble 10ms' "--type full --match '.l.v < .r.v'"
	jq -r '"\(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' '1 3' '2 3' '3 null' '4 null' 'null 1' 'null 2' 'null 4')
	join_ 'cumulate 20ms/10ms' "--match 'window_end - window_start > 10ms'"
	jq -r '"\(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' '1 1' '1 3' '2 1' '2 3' '3 4' '4 1' '4 3')
}

@test "a pair whose condition cannot be computed is a bad record" {
	side l a:1:1 a:2:2
	side r a:4:1
	sed -i '1s/"v":1/"v":"x"/' l
	fails 3 "fjoin <(fsource l --time t) <(fsource r --time t) --on k --window 'tumble 1s' --match '.l.v < .r.v + 9' | fsink -"
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --window 'tumble 1s' --match '.l.v < .r.v + 9' --on-bad skip | fsink -"
	jq -c .v out | diff -u - <(echo 2)
	says '1 bad record'
}

@test "null keys match nothing; types that pad give them out alone, in their window" {
	printf '%s\n' '{"k":null,"t":1,"v":1}' '{"t":2,"v":2}' '{"k":1,"t":3,"v":3}' >l
	printf '%s\n' '{"k":null,"t":1,"v":4}' '{"t":2,"v":5}' '{"k":1.0,"t":3,"v":6}' >r
	for w in 'tumble 10ms' 'session 10ms'; do
		join_ "$w" '--type full'
		jq -r '"\(.v) \(.v_r)"' out | sort | diff -u - <(printf '%s\n' '1 null' '2 null' '3 6' 'null 4' 'null 5')
		join_ "$w"
		jq -r '"\(.v) \(.v_r)"' out | diff -u - <(echo '3 6')
		join_ "$w" '--type anti'
		jq -r .v out | sort | diff -u - <(printf '%s\n' 1 2)
	done
}

@test "a record without event time is a bad record" {
	echo '{"k":1,"v":1}' >l
	cp l r
	fails 3 "fjoin l r --on k --window 'tumble 1s' | fsink -"
	says 'no event time, which --window needs'
}

# ---- late records ----

@test "C3 tumble: late once the window has been given out; a record at the watermark may still have its window" {
	live a:0:1:0 a:20:2:8 a:3:3:9 a:4:4 a:10:5
	side r a:1:1 a:11:2
	ordered "--window 'tumble 10ms' --late late"
	rows_are '1 1 9' '3 1 9' '5 2 19'
	jq -c .v late | diff -u - <(echo 4)
	says 'fjoin: 1 late records? written to late'
}

@test "C6 slide: late only if no window takes it; those that are open still do" {
	live a:0:1:0 a:40:2:9 a:7:3 a:4:4
	side r a:6:1
	ordered "--window 'slide 10ms/5ms'"
	rows_are '1 1 9' '3 1 14'
	says 'fjoin: 1 late records? dropped'
}

# ---- sessions ----

@test "C10 session: it spans both sides, and rows a gap apart are one" {
	side l a:0:1 a:20:2 a:41:3
	side r a:10:1 a:30:2
	join_ 'session 10ms' "--type left"
	rows_are '1 1 39' '1 2 39' '2 1 39' '2 2 39' '3 - 50'
	join_ 'session 10ms' "--select '.l.v, s = window_start, e = window_end' --type left"
	tail -n 1 out | jq -c 'del(.et)' | diff -u - <(echo '{"v":3,"s":"1970-01-01T00:00:00.041Z","e":"1970-01-01T00:00:00.051Z"}')
}

@test "C10 session: keys have their own; what comes out of order bridges two, and stands where it came" {
	side l a:0:1 a:30:2 b:14:3 a:15:4
	side r a:31:1 a:1:2 b:40:3 a:45:4
	sides='<(fsource l --time t --out-of-order 1s) <(fsource r --time t --out-of-order 1s)'
	ok "fjoin $sides --on k --window 'session 20ms' --type full | fmap --set 'et = ts()' | fsink -"
	rows_are '3 - 33' '- 3 59' '1 1 64' '1 2 64' '1 4 64' '2 1 64' '2 2 64' '2 4 64' '4 1 64' '4 2 64' '4 4 64'
	ok "fjoin $sides --on k --window 'session 10ms' --type full | fmap --set 'et = ts()' | fsink -"
	rows_are '1 2 10' '3 - 23' '4 - 24' '2 1 40' '- 3 49' '- 4 54'
}

@test "session order: end, start, then the key" {
	side l a:5:1 b:0:2 b:7:3 c:7:4 d:3:5 d:7:6
	side r a:7:1
	join_ 'session 10ms' '--type full'
	rows_are '2 - 16' '3 - 16' '5 - 16' '6 - 16' '1 1 16' '4 - 16'
}

@test "C11 session: merged first, looked at for lateness after" {
	live a:95:1:0 a:102:2:100 a:88:3 a:77:4 b:88:5 a:78:6
	side r a:99:1
	ordered "--window 'session 10ms' --select '.l.v, v_r = .r.v, s = window_start, e = window_end' --late late"
	rows_are '1 1 111' '2 1 111' '3 1 111' '6 1 111'
	jq -c .v late | diff -u - <(printf '%s\n' 4 5)
	jq -r '.s + .e' out | uniq | diff -u - <(echo 1970-01-01T00:00:00.078Z1970-01-01T00:00:00.112Z)
}

@test "session: open ones stay when an earlier one is given out, and may still be bridged" {
	live a:0:1:0 a:40:2:15 a:30:3 a:21:4:45 a:100:5:90 a:25:6
	side r a:3:1 a:49:2 a:60:3 a:101:4
	ordered "--window 'session 10ms' --type full --late late"
	rows_are '1 1 12' '2 2 58' '3 2 58' '4 2 58' '- 3 69' '5 4 110'
	jq -c .v late | diff -u - <(echo 6)
}

@test "session: a null equals nothing, so a record with a null key is in a session of its own" {
	printf '%s\n' '{"t":0,"v":1}' '{"t":0.005,"v":2}' '{"t":0.015,"v":3}' '{"k":1,"t":0.03,"v":4}' >l
	printf '%s\n' '{"k":null,"t":0.004,"v":5}' '{"k":1,"t":0.035,"v":6}' >r
	for t in left full anti; do
		join_ 'session 10ms' "--type $t --select 'v = .l.v, s = window_start, e = window_end'"
		jq -r '"\(.v) \(.s[20:-1]) \(.e[20:-1])"' out | grep -v null >$t
	done
	diff -u full - <<-'END'
		1  010
		2 005 015
		3 015 025
		4 030 045
	END
	cmp full left
	head -n 3 full | cmp - anti
}

@test "session: keys with many sessions at a time, in any order of arrival, have those that fwindow finds" {
	# blocks of 300 moments, 100 ms apart, each in a wild order
	seq 0 5999 | jq -c '{k: (. % 3), t: ((. - . % 300 + . * 79 % 300) / 10), v: .} | select(.v % 7 < 4)' >l
	seq 0 5999 | jq -c '{k: (. % 4), t: ((. - . % 300 + . * 101 % 300) / 10), v: .} | select(.v % 11 < 6)' >r
	ok "fjoin <(fsource l --time t --out-of-order 1m) <(fsource r --time t --out-of-order 1m) --on k --window 'session 700ms' \
		--type full --select 'k = .l.k ?? .r.k, l = .l.v, r = .r.v, s = window_start, e = window_end' | fsink -"
	quiet
	jq -c '[.k, .s, .e]' out | uniq >got
	ok "fsource l r --time t --out-of-order 1m | fkey k | fwindow session 700ms --agg 'count()' | fsink -"
	quiet
	jq -c '[.k, .window_start, .window_end]' out | cmp - got
	[ "$(wc -l <got)" -gt 500 ]
}

# ---- much, and again ----

much() {
	seq 0 19999 | jq -c '{k: (. % 501), t: (. * 10), v: ., pad: ("x" * (. % 97))}' >l
	seq 0 19999 | jq -c '{k: (. * 7 % 509), t: (. * 10 + 3), v: .}' >r
}

@test "C38 the order is the same when little fits into memory, and when one side comes far ahead" {
	much
	for w in 'tumble 20s' 'slide 30s/15s' 'session 2s'; do
		line="fjoin <(fsource l --time t) <(fsource r --time t) --on k --window '$w' --type full --select 'a = .l.v, b = .r.v'"
		ok "$line | fsink -"
		mv out want
		[ "$(wc -l <want)" -gt 20000 ]
		ok "$line --mem 1MiB | fsink -"
		cmp want out
		ok "fjoin <(fsource l --time t --watermark none) <(fsource r --time t --watermark none) ${line#*r --time t) } | fsink -"
		cmp want out
	done
}

@test "C35 -p 2 gives what one gives" {
	much
	for w in 'tumble 20s' 'session 2s'; do
		rm -rf one two
		ok "fcoord run --name one 'fjoin <(fsource l --time t | fkey k) <(fsource r --time t | fkey k) --on k --window \"$w\" --type full | fsink one/'"
		ok "fcoord run --name two -p 2 'fjoin <(fsource l --time t | fkey k) <(fsource r --time t | fkey k) --on k --window \"$w\" --type full | fsink two/'"
		diff <(sort one/part-*) <(sort two/part-*)
		[ "$(cat one/part-* | wc -l)" -gt 20000 ]
		fcoord cancel one 2>/dev/null || true
		rm -rf state
	done
}

@test "killed and run again, nothing is lost, doubled or out of order" {
	much
	for w in 'tumble 20s' 'session 2s'; do
		rm -rf st res calm
		tail="--on k --window '$w' --type full | fsink"
		ok "fjoin <(fsource l --time t) <(fsource r --time t) $tail calm/"
		line() {
			echo "fjoin --state st <(FSTATE=$PWD/st fsource l --time t $1) <(FSTATE=$PWD/st fsource r --time t $1) $tail res/ --every 20ms"
		}
		for _ in 1 2 3; do
			bg "$(line '--rate 20000/s')"
			n=$(find st/chain -name '*.json' 2>/dev/null | sort | tail -n 1)
			await "[ \"\$(find st/chain -name '*.json' 2>/dev/null | sort | tail -n 1)\" != '$n' ]"
			kill -9 -- "-${pids[-1]}"
			finish || true
		done
		ok "$(line '')"
		cmp <(cat calm/part-*) <(cat res/part-*)
	done
}

@test "C35 a subtask killed, and the job stopped and run again with another -p: open sessions come along" {
	much
	text() {
		echo "fjoin <(fsource l --time t $1 | fkey k) <(fsource r --time t $1 | fkey k) --on k --window 'session 2s' --type full | fsink res/"
	}
	ok "$(text '' | sed 's|res/|calm/|')"
	for p in 2 3 1; do
		fcoord run --name j -d -p $p --every 50ms "$(text "--rate $(paced 5000)")"
		await 'runs j 1'
		await 'compgen -G "res/part-*" >/dev/null'
		fell j fjoin
		fcoord stop j
	done
	ok "fcoord run --name j -p 2 \"$(text '')\""
	diff <(sort calm/part-*) <(sort res/part-*)
}
