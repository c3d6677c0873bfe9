# Regular joins: all with all, each record kept for a time (C43); results that are taken back.
load common
load jobs

# rows NAME NUMBER:KEY:SECOND...: ./NAME with {"NAME":NUMBER,"k":KEY,"t":...}.
rows() {
	local name=$1 e n k s
	shift
	for e; do
		IFS=: read -r n k s <<<"$e"
		printf '{"%s":%s,"k":"%s","t":"1970-01-01T00:00:%02dZ"}\n' "$name" "$n" "$k" "${s:-0}"
	done >"$name"
}

# log: the lines of ./out as "OP L R".
log() {
	jq -r '"\(.op // "--") \(.l) \(.r)"' out
}

@test "inner over records that stay is a plain stream; C43 a pair meets when it is less than the ttl apart" {
	rows l 1:a:10 2:b:10
	rows r 1:a:10 2:a:19 3:a:20 4:a:01 5:a:00 6:c:10
	ok "fjoin <(fsource l --time t --out-of-order 1m) <(fsource r --time t --out-of-order 1m) --on k --ttl 10s | fsink -"
	diff <(log | sort) <(printf '%s\n' '-- 1 1' '-- 1 2' '-- 1 4')
	ok "fjoin <(fsource l --time t --out-of-order 1m) <(fsource r --time t --out-of-order 1m) --on k --ttl inf | fsink -"
	[ "$(log | grep -c .)" = 5 ]
}

@test "a left record without partner is given alone, and taken back when one comes" {
	rows l 1:a 2:b
	rows r 1:a 2:a
	ok "fjoin <(fsource l) <(fsource r --rate 5/s) --on k --ttl inf --type left | fsink -"
	log >got
	# Whatever comes first, what is left in the end is the same.
	python3 - <<-'EOF2'
	import collections
	left = collections.Counter()
	for line in open("got"):
	    op, row = line.split(" ", 1)
	    left[row] += 1 if op[0] == "+" else -1
	    assert left[row] >= 0, line
	assert sorted((+left).elements()) == ["1 1\n", "1 2\n", "2 null\n"], left
	EOF2
	grep -q '^+I 2 null' got
}

@test "full, semi and anti: the changelog adds up" {
	seq 1 400 | jq -c '{l: ., k: (. % 37)}' >l
	seq 1 300 | jq -c '{r: ., k: (. % 41)}' >r
	for type in full right semi anti; do
		ok "fjoin <(fsource l --rate 3000/s) <(fsource r --rate 4000/s) --on k --ttl inf --type $type | fsink -"
		python3 - $type <<-'EOF2'
		import collections, json, sys
		have = collections.Counter()
		for line in open("out"):
		    row = json.loads(line)
		    op = row.pop("op", "+I")
		    have[(row.get("l"), row.get("r"))] += 1 if op[0] == "+" else -1
		    assert min(have.values()) >= 0, line
		l = [(n, n % 37) for n in range(1, 401)]
		r = [(n, n % 41) for n in range(1, 301)]
		lk, rk = {k for _, k in l}, {k for _, k in r}
		pairs = [(a, b) for a, i in l for b, k in r if i == k]
		alone_l = [(a, None) for a, k in l if k not in rk]
		alone_r = [(None, b) for b, k in r if k not in lk]
		want = {"full": pairs + alone_l + alone_r, "right": pairs + alone_r,
		        "semi": [(a, None) for a, k in l if k in rk], "anti": alone_l}[sys.argv[1]]
		assert +have == collections.Counter(want), (len(have), len(want))
		EOF2
	done
	ok "fjoin <(fsource l) <(fsource r) --on k --ttl inf --type semi | fsink -"
	! grep -q '"op"' out
}

@test "the op field leads; fmap and fkey keep the kind, fcat shows it" {
	rows l 1:a
	rows r 9:b
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on k --ttl inf --type anti | fmap --set 'x = 1' | fkey k | fsink - --format csv"
	head -1 out | grep -q '^op,'
	grep -q '^+I,' out
}

@test "joins by time refuse a changing stream, and say what to do" {
	rows l 1:a
	rows r 1:a
	fails 2 "fjoin <(fjoin <(fsource l --time t) <(fsource r --time t) --on k --ttl 1d --type left) <(fsource r --time t) --on k --within 1s | fsink -"
	says 'the left input is a changing stream.*--ttl'
	ok "fjoin <(fjoin <(fsource l --time t) <(fsource r --time t) --on k --ttl 1d --type left) <(fsource r --time t) --on k --ttl 1d --select \"l.*\" | fsink -"
	grep -q '"op"' out
}

@test "C43 what has expired is dropped: the state does not grow with the history" {
	seq 1 20000 | jq -c '{l: ., k: ., t: (1700000000 + .)}' >l
	seq 1 20000 | jq -c '{r: ., k: (. + 7), t: (1700000000 + .)}' >r
	ok "fcoord run -q --name j 'fjoin <(fsource l --time t) <(fsource r --time t) --on k --ttl 60s | fsink o/'"
	[ "$(cat o/* | wc -l)" = 19993 ]
	ok "fstate ls state/fjord/j -o json"
	ok "fcoord run -q --name k 'fjoin <(fsource l --time t --at-end hold) <(fsource r --time t --at-end hold) --on k --ttl 60s | fsink p/'"
	ok "fstate scan state/fjord/k --stage fjoin -o json"
	[ "$(grep -c '"rows"' out)" -lt 300 ]
}

@test "killed wherever and run again under fcoord, with several subtasks: the same changes in the end" {
	seq 1 3000 | jq -c '{l: ., k: (. % 97), t: (1700000000 + .)}' >l
	seq 1 3000 | jq -c '{r: ., k: (. % 113), t: (1700000000 + .)}' >r
	ok "fcoord run -d -p 2 --every 20ms --name j 'fjoin <(fsource l --time t --rate $(paced 350) | fkey k) <(fsource r --time t --rate $(paced 320) | fkey k) --on k --ttl inf --type full | fsink o/'"
	for stage in fjoin fkey fjoin fsink; do
		fell j $stage
	done
	a=$(tells j .attempt)
	ok 'fcoord rescale j fjoin=3'
	await "runs j $((a + 1))"
	fell j fjoin
	ok 'fcoord wait j --for done'
	cat o/part-* >all
	python3 - <<-'EOF2'
	import collections, json
	have = collections.Counter()
	for line in open("all"):
	    row = json.loads(line)
	    have[(row.get("l"), row.get("r"))] += 1 if row["op"][0] == "+" else -1
	l = [(n, n % 97) for n in range(1, 3001)]
	r = [(n, n % 113) for n in range(1, 3001)]
	lk, rk = {k for _, k in l}, {k for _, k in r}
	want = collections.Counter([(a, b) for a, i in l for b, k in r if i == k])
	want.update((None, b) for b, k in r if k not in lk)
	assert {k: v for k, v in have.items() if v} == dict(want), (len(have), len(want))
	EOF2
}
