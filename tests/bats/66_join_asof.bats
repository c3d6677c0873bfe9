# As-of joins (C39).  What all joins share is in 66_join_within.bats.
load common
load jobs

# rows NAME NUMBER:MS[:KEY]...: ./NAME with {"NAME":NUMBER,"k":KEY,"t":MS}; KEY "a" if none is said, JSON otherwise.
rows() {
	local name=$1 e n ms k
	shift
	for e; do
		IFS=: read -r n ms k <<<"$e"
		printf '{"%s":%s,"k":%s,"t":"1970-01-01T00:00:%02d.%03dZ"}\n' "$name" "$n" "${k:-\"a\"}" $((ms / 1000)) $((ms % 1000))
	done >"$name"
}

# join FLAGS [LEFT-FLAGS [RIGHT-FLAGS]]: ./l and ./r by k, results as "L R MS".
join() {
	ok "fjoin <(fsource l --time t ${2:-}) <(fsource r --time t ${3:-}) --on k $1 | fmap --set 'ms = ts() - @0' --keep l,r,ms | fsink -"
	jq -r '"\(.l) \(.r) \(.ms)"' out >got
	mv got out
}

@test "C39 the newest right record that is not younger; of equal times the later arrival; the time is the left one's" {
	rows l 1:999 2:1000 3:1999 4:2000 5:9000
	rows r 1:1000 2:2000 3:2000 4:2001:'"b"' 5:10000
	join '--asof inf --type left'
	is <<-'EOF2'
	1 null 999
	2 1 1000
	3 1 1999
	4 3 2000
	5 3 9000
	EOF2
}

@test "C39 at most D older, both ends in" {
	rows l 1:1000 2:1500 3:1501 4:2000 5:2500 6:2501
	rows r 1:1000 2:2000
	join '--asof 500ms'
	is <<-'EOF2'
	1 1 1000
	2 1 1500
	4 2 2000
	5 2 2500
	EOF2
	join '--asof 0s'
	is <<<$'1 1 1000\n4 2 2000'
	# The newest is too old: an older one is not asked for.
	rows r 1:1000 2:1400
	rows l 1:2000
	join '--asof 500ms --type left'
	is <<<'1 null 2000'
}

@test "C39 right records may come in any order; one behind the watermark still counts for what comes" {
	rows l 1:1000 2:2000 3:3000 4:4000 5:30000
	rows r 4:4000 2:2000 3:2500 9:8000 1:500
	join '--asof inf' '' '--watermark each --out-of-order 10s'
	is <<-'EOF2'
	1 1 1000
	2 2 2000
	3 3 3000
	4 4 4000
	5 9 30000
	EOF2
	rows l 1:30000
	rows r 9:20000:'"b"' 5:10000 4:9000
	join '--asof inf' '' '--watermark each'
	is <<<'1 5 30000'
}

@test "C39 output in left arrival order: of what is due together, whatever the times and keys" {
	rows l 1:3000 2:1000:'"b"' 3:2000 4:500 5:2000:'"b"'
	rows r 1:100 2:100:'"b"' 3:2500
	join '--asof inf'
	is <<-'EOF2'
	1 3 3000
	2 2 1000
	3 1 2000
	4 1 500
	5 2 2000
	EOF2
}

# gated FLAGS: the last three of ./l come after the second one's watermark; ./lefts: the left numbers given out.
gated() {
	rm -f gate
	mkfifo gate
	bg "fjoin <({ head -2 l; cat gate; tail -3 l; } | fsource - --time t --watermark each) <(fsource r --time t) --on k --asof inf --type left $1 | fcat --marks"
	await 'grep -q "watermark 1970-01-01T00:00:19.999Z" out'
	: >gate
	finish
	[ "$rc" = 0 ]
	grep -o '"l":.' out | tr -dc 0-9 >lefts
}

@test "C39 left is late at the watermark itself, for left joins as well" {
	rows l 1:10000 2:20000 3:19999 4:20000 5:20001
	rows r 1:10000 2:20500
	gated
	[ "$(cat lefts)" = 1245 ]
	says '1 late records dropped'
	gated '--late late'
	[ "$(cat lefts)" = 1245 ]
	[ "$(jq -c .l late)" = 3 ]
	says '1 late records written to late'
}

@test "types: inner, left, semi, anti; --match is asked about that one right record" {
	rows l 1:1000 2:2000 3:3000:'"b"' 4:4000
	rows r 5:1500 3:3500
	join '--asof inf'
	is <<<$'2 5 2000\n4 3 4000'
	join "--asof inf --type left --match '.r.r > .l.l'"
	is <<<$'1 null 1000\n2 5 2000\n3 null 3000\n4 null 4000'
	join "--asof inf --type semi"
	is <<<$'2 null 2000\n4 null 4000'
	join "--asof inf --type anti --match '.r.r > .l.l'"
	is <<<$'1 null 1000\n3 null 3000\n4 null 4000'
	fails 3 "fjoin <(fsource l --time t) <(fsource r --time t) --on k --asof inf --match '1 / (.r.r - 5) > 0' | fsink -"
	says 'division by zero'
	for type in right full; do
		fails 2 "fjoin <(fsource l --time t) <(fsource r --time t) --on k --asof inf --type $type | fsink -"
	done
}

@test "null keys wait like others and match nothing; 1 is 1.0 and not \"1\"" {
	rows l 1:1000:null 2:1000:1 3:1000:'"1"'
	rows r 1:1000:null 2:1000:1.0
	join '--asof inf --type left'
	is <<<$'1 null 1000\n2 2 1000\n3 null 1000'
	join '--asof inf --type anti'
	is <<<$'1 null 1000\n3 null 1000'
}

@test "a right record that is deleted means no match; an update replaces" {
	printf '{"g":1,"k":"%s","t":%d,"p":%d}\n' a 1 1 b 2 2 a 3 3 >p
	rows l 1:1500 2:2500 3:3500 4:2000:'"b"' 5:3500:'"b"'
	ok "fjoin <(fsource l --time t) <(fsource p --time t | fkey g | fwindow top 1:.p) --on k --asof inf --type left --select '.l.l, .r.p' | fsink -"
	is <<-'EOF2'
	{"l":1,"p":null}
	{"l":2,"p":null}
	{"l":3,"p":3}
	{"l":4,"p":null}
	{"l":5,"p":null}
	EOF2
	ok "fjoin <(fsource l --time t) <(fsource p --time t | fkey k | fwindow last) --on k --asof inf --type left --select '.l.l, .r.p' | fsink -"
	is <<-'EOF2'
	{"l":1,"p":1}
	{"l":2,"p":1}
	{"l":3,"p":3}
	{"l":4,"p":2}
	{"l":5,"p":2}
	EOF2
}

# hot N: ./l and ./r with N records each, of three keys, out of order; ./want has each left number's right one.
hot() {
	python3 - "$1" <<-'EOF2'
	import bisect, json, random, sys
	rng, n = random.Random(7), int(sys.argv[1])
	versions = {}
	with open("r", "w") as f:
	    for i in sorted(range(n), key=lambda i: i + rng.uniform(0, 300)):
	        k, t = rng.choice("aab"), 1700000000000 + i // 3 * 5
	        versions.setdefault(k, []).append((t, len(versions.get(k, ())), i))
	        f.write(json.dumps({"r": i, "k": k, "t": t}) + "\n")
	for v in versions.values():
	    v.sort()
	with open("l", "w") as f, open("want", "w") as w:
	    for i in sorted(range(n), key=lambda i: i + rng.uniform(0, 3000)):
	        k, t = rng.choice("abc"), 1700000000000 + i * 5 // 3 - 50
	        v = versions.get(k, [])
	        at = bisect.bisect(v, (t, n, n)) - 1
	        f.write(json.dumps({"l": i, "k": k, "t": t}) + "\n")
	        print(i, v[at][2] if at >= 0 and t - v[at][0] <= 60000 else "null", file=w)
	EOF2
	sort -o want want
}

@test "one side far behind the other, many versions of a key, beyond --mem on disk" {
	hot 30000
	for mem in 1GiB 1MiB; do
		for flags in '|' '--rate 20000/s|' '|--rate 20000/s'; do
			join "--asof 60s --type left --mem $mem" "--out-of-order 6s ${flags%|*}" "--out-of-order 6s ${flags#*|}"
			cut -d ' ' -f 1,2 out | sort | cmp - want
		done
	done
}

@test "under fcoord: killed, with several subtasks, rescaled: each left record once" {
	hot 4000
	ok "fcoord run -d -p 2 --every 20ms --name j 'fjoin <(fsource l --time t --out-of-order 6s --rate $(paced 800) | fkey k) <(fsource r --time t --out-of-order 6s --rate $(paced 700) | fkey k) --on k --asof 60s --type left --select \".l.l, .r.r, .l.k\" | fsink j/'"
	for stage in fjoin fkey fjoin fsink; do
		fell j $stage
	done
	a=$(tells j .attempt)
	ok "fcoord rescale j fjoin=3"
	await "runs j $((a + 1))"
	fell j fjoin
	ok "fcoord wait j --for done"
	cat j/part-* | jq -r '"\(.l) \(.r)"' | sort | cmp - want
}

@test "with FSTATE: killed and run again" {
	hot 4000
	line="fjoin <(fsource l --time t --out-of-order 6s RATE) <(fsource r --time t --out-of-order 6s RATE) --on k --asof 60s --type left --select '.l.l, .r.r' | fsink res/ --every 20ms"
	for i in 1 2 3; do
		bg "export FSTATE=st; ${line//RATE/--rate 4000/s}"
		await '[ "$(ls st/chain 2>/dev/null | tail -1)" != "${was:-}" ] && [ -n "$(ls st/chain 2>/dev/null)" ]'
		was=$(ls st/chain | tail -1)
		pkill -9 -s "${pids[-1]}" -x fjoin
		finish
	done
	ok "export FSTATE=st; ${line//RATE/}"
	cat res/part* | jq -r '"\(.l) \(.r)"' | sort | cmp - want
}
