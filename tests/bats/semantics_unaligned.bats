# Unaligned checkpoints (semantics C26) under fcoord: a stage that is slow, or stands still, does not keep a checkpoint
# from completing, and what is on its way to it is there again after a failure.  The state machine: test_align.
load common
load jobs

TOOLS=${BUILD:-build/obj}/tools
[ "${TOOLS#/}" != "$TOOLS" ] || TOOLS=$BATS_TEST_DIRNAME/../../$TOOLS

# `fmap --slow MS` is tests/tools/fslow, which takes nothing in as long as ./stop is there.
setup() {
	begin_jobs
	export FSLOW_STOP=$PWD/stop
	mkdir tools
	cp "$BIN"/f* "$TOOLS/fslow" tools/
	mv tools/fmap tools/fmap-real
	printf '%s\n' '#!/bin/bash' 'd=${0%/*}' '[ "$1" != --slow ] || exec "$d/fslow" "${@:2}"' \
		'exec "$d/fmap-real" "$@"' >tools/fmap
	chmod +x tools/fmap
	PATH=$PWD/tools:$PATH
	seq 0 29999 | jq -c '{k: (. % 97), t: ., v: .}' >in
}

# No job outlives its test.
teardown() {
	rm -f stop
	end_jobs
}

# job NAME [FLAGS]: run $text in the background.  whole NAME [FLAGS]: and again, now to the end.
job() {
	ok "fcoord run -d --name $1 ${2:-} '$text'"
}

whole() {
	fcoord cancel "$1" || true
	text=${text//--rate 5000\/s/} text=${text//--slow [0-9]/--slow 0}
	ok "fcoord run -q --name $1 ${2:-} '$text'"
}

# took JOB STAGE N: it has taken in that many records; flights JOB: what the newest manifest has in flight, in bytes.
took() {
	[ "$(tells "$1" ".stages[] | select(.name == \"$2\") | .in")" -ge "$3" ]
}

flights() {
	local v n
	until v=("$XDG_STATE_HOME/fjord/$1"/chain/*) # one that is replaced meanwhile is gone
		n=$(jq '[.stages[].subtasks[].flight // [] | .[].end] | add // 0' "${v[-1]}" 2>/dev/null)
	do :; done
	echo "$n"
}

# held JOB N: its source has given out so many.
held() {
	[ "$(tells "$1" '.stages[] | select(.name == "fsource") | .out')" -ge "$2" ]
}

@test "C26 a stage that stands still does not keep checkpoints from completing; an aligned one waits" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 0 | fsink res.ndjson'
	touch stop
	job a "--every 1h --timeout 300ms"
	await 'held a 2000'
	fails 1 "fcoord checkpoint a"
	says "expired"
	fcoord cancel a
	job n "--every 1h --unaligned"
	await 'held n 2000'
	for _ in 1 2 3; do
		ok "fcoord checkpoint n"
		[ "$(flights n)" -gt 20000 ]
	done
	[ ! -s res.ndjson ]
	rm stop
	whole n
	cmp res.ndjson in
}

@test "C26 after:D begins aligned and overtakes later" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 0 | fsink res.ndjson'
	job n "--every 1h --unaligned=after:150ms"
	await 'took n fsink 500'
	ok "fcoord checkpoint n"
	[ "$(flights n)" = 0 ]
	touch stop
	e=$(tells n '.stages[0].out')
	await "held n $((e + 3000))"
	ok "fcoord checkpoint n"
	[ "$(flights n)" -gt 10000 ]
	fell n fmap-2
	rm stop
	whole n
	cmp res.ndjson in
}

@test "C26 whoever is killed, the output is that of a calm run, byte for byte" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 1 | fsink res.ndjson'
	job n "--every 50ms --unaligned"
	for stage in fmap-2 fsink fmap fsource fmap-2 fmap; do
		e=$(tells n .epoch)
		await "[ \"\$(tells n .epoch)\" -gt $((e + 1)) ]"
		fell n $stage
	done
	kill -9 "$(tells n .pid)"
	job n "--every 50ms --unaligned"
	e=$(tells n .epoch)
	await "[ \"\$(tells n .epoch)\" -gt $((e + 1)) ]"
	[ "$(flights n)" -gt 0 ]
	whole n
	cmp res.ndjson in
}

@test "C26 windows, two inputs of different speed and several subtasks" {
	ok "fsource in --time t | fkey k | fwindow tumble 100s --agg 'n=count(),s=sum(.v)' | fsink -"
	cp out calm
	head -n 6000 in >slow.in
	tail -n +6001 in >fast.in
	for p in 2 3; do
		cat >j$p.json <<-EOF
		{"version": 1,
		 "stages": [{"name": "slow", "run": ["fsource", "slow.in", "--time", "t", "--rate", "1000/s"]},
		  {"name": "fast", "run": ["fsource", "fast.in", "--time", "t", "--rate", "5000/s"]},
		  {"name": "key", "run": ["fkey", "k"]},
		  {"name": "win", "run": ["fwindow", "tumble", "100s", "--agg", "n=count(),s=sum(.v)"]},
		  {"name": "last", "run": ["fmap", "--slow", "1"]},
		  {"name": "out", "run": ["fsink", "out$p/"]}],
		 "edges": [{"from": "slow", "to": "key"}, {"from": "fast", "to": "key"}, {"from": "key", "to": "win"},
		  {"from": "win", "to": "last"}, {"from": "last", "to": "out"}],
		 "checkpoint": {"every": "50ms", "unaligned": true}}
		EOF
		ok "fcoord run -d -p $p j$p.json"
		for stage in win key out last win; do
			e=$(tells j$p .epoch)
			await "[ \"\$(tells j$p .epoch)\" -gt $((e + 1)) ]"
			fell j$p $stage
		done
		fcoord cancel j$p
		sed -i 's/, "--rate", "[0-9]*.s"//; s/"--slow", "1"/"--slow", "0"/' j$p.json
		ok "fcoord run -q -p $p j$p.json"
		diff <(sort calm) <(cat out$p/part-* | sort)
	done
}

@test "C26 with another parallelism what was in flight is shared out by key" {
	text='fsource in --time t --rate 5000/s | fkey k | fmap --slow 0 | fwindow tumble 100s --agg "n=count(),s=sum(.v)" | fsink res/'
	ok "fsource in --time t | fkey k | fwindow tumble 100s --agg 'n=count(),s=sum(.v)' | fsink -"
	cp out calm
	for p in 2 3 1; do
		rm -f stop
		job n "--every 1h --unaligned -p $p"
		await 'took n fwindow 1000'
		touch stop
		e=$(tells n '.stages[0].out')
		await "held n $((e + 3000))"
		ok "fcoord checkpoint n"
		[ "$(flights n)" -gt 10000 ]
		kill -9 "$(tells n .pid)"
		await '[ "$(tells n .pid)" = null ]'
	done
	rm stop
	whole n "-p 4"
	diff <(sort calm) <(cat res/part-* | sort)
}

@test "C26 savepoints and stops stay aligned, and so does the end" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 0 | fsink res.ndjson'
	touch stop
	job n "--every 50ms --unaligned"
	await 'held n 2000'
	await '[ "$(flights n)" -gt 20000 ]'
	rm stop
	ok "fcoord savepoint n --out sp"
	jq -e '[.stages[].subtasks[] | has("flight")] | any | not' sp/savepoint.json
	ok "fcoord stop n"
	[ "$(flights n)" = 0 ]
	whole n --unaligned
	cmp res.ndjson in
}

@test "C26 an epoch that is given up loses nothing of what was read for it" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 0 | fsink res.ndjson'
	job n "--every 50ms --timeout 200ms --unaligned"
	touch stop
	await 'held n 2000'
	for stage in fmap fsink fmap-2; do
		n=$(grep -c "given up" state/fjord/n/log || true)
		p=$(sub n $stage)
		kill -STOP "$p"
		await "[ \"\$(grep -c 'given up' state/fjord/n/log)\" -gt $n ]"
		kill -CONT "$p"
		e=$(tells n .epoch)
		await "[ \"\$(tells n .epoch)\" -gt $e ]"
	done
	rm stop
	await 'took n fsink 5000'
	whole n
	cmp res.ndjson in
}

@test "C26 files of records in flight go with their checkpoints" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 1 | fsink res.ndjson'
	job n "--every 50ms --keep 2 --unaligned"
	await 'held n 2000'
	for _ in 1 2; do
		fell n fmap-2
		e=$(tells n .epoch)
		await "[ \"\$(tells n .epoch)\" -gt $((e + 5)) ]"
	done
	kill -9 "$(tells n .pid)"
	await '[ "$(tells n .pid)" = null ]'
	# At most those of an epoch whose manifest was not written yet.
	[ "$(find state/fjord/n/state -name '*.flight-*' | wc -l)" -le 9 ]
	for f in $(jq -r '.stages[].subtasks[].flight // [] | .[].file' state/fjord/n/chain/*); do
		[ -f "state/fjord/n/$f" ]
	done
	whole n "--keep 1"
	[ -z "$(find state/fjord/n/state -name '*.flight-*')" ]
	cmp res.ndjson in
}

@test "C26 what is in flight belongs to its graph: other stages are refused" {
	text='fsource in --rate 5000/s | fmap --name fmap --where ".v >= 0" | fmap --slow 0 | fsink res.ndjson'
	touch stop
	job n "--every 1h --unaligned"
	await 'held n 2000'
	ok "fcoord checkpoint n"
	fcoord cancel n
	rm stop
	fails 4 "fcoord run -q --name n 'fsource in | fmap --where \".v >= 0\" | fsink res.ndjson'"
	says "on their way to" "savepoint"
	whole n
	cmp res.ndjson in
}

@test "C26 words of --unaligned and of the manifest" {
	fails 2 "fcoord run --unaligned=5s 'fsource in | fsink res/'"
	says "unaligned.*after:5s"
	fails 2 "fcoord run --unaligned after:soon 'fsource in | fsink res/'"
	ok "fcoord run -q --unaligned --name a 'fsource in | fsink a/'"
	ok "fcoord run -q --unaligned after:5s --name b 'fsource in | fsink b/'"
	cat a/part-* | cmp - in
	cat b/part-* | cmp - in
}
