# fcoord run: what it promises at the command line -- plans, refusals, statuses, ends, stops, resuming.
load common
load jobs

setup() {
	begin_jobs
	LIMIT=20
}

# numbers FROM TO: records {"k":0..2,"t":second,"v":number}.
numbers() {
	seq "$1" "$2" | jq -c '{k: (. % 3), t: (1704448800 + .), v: .}'
}

# size FILE: 0 when it is not there.  grows FILE: it has more bytes than now.
size() {
	stat -c %s "$1" 2>/dev/null || echo 0
}

grows() {
	local n
	n=$(size "$1")
	await "[ \"\$(size '$1')\" -gt $n ]"
}

# all DIR|FILE...: the output, sorted.
all() {
	find "$@" -type f -not -name '.*' -exec cat {} + | sort
}

# slow TEXT [FLAGS]: the job j reads at 2000/s, in the background; no test sees the end of its 20,000 records (many).
# quick: the same text reads the rest at once.
many() {
	numbers 0 19999
}

slow() {
	text=$1
	ok "fcoord run -d --name j --every 20ms ${2:-} '${text/--slow/--rate 2000/s}'"
	await 'runs j 1'
}

quick() {
	fcoord cancel j || true
	ok "fcoord run -q --name j --every 20ms '${text/--slow/}'"
}

# same_as_bare SOURCE... : ./res against what a plain shell makes of the same pipeline.
same_as_bare() {
	px "$1 | fsink -"
	diff <(sort out) <(all res)
}

window='fsource in --time t | fkey k | fwindow tumble 10s'

# ---- plans ----

@test "explain: text and manifest have the same plan, which a manifest repeats" {
	: >in
	for text in "$window | fsink res/" \
		"$window --late late | fsink res/" \
		"fsource in --on-bad bad | fmap --where .v --on-bad bad | fsink -" \
		"a = fsource in | fkey k
		 @a | fwindow running | fsink x/
		 @a | fwindow count 2 | fsink y.ndjson"; do
		for p in 1 3; do
			ok "fcoord explain -p $p '$text' -o json"
			cp out plan.json
			ok "fcoord explain plan.json -o json"
			cmp out plan.json
			ok "fcoord explain plan.json"
			cp out plan
			ok "fcoord explain -p $p '$text'"
			diff plan out
			ok "fcoord run --dry-run -p $p '$text'"
			diff plan out
		done
	done
	[ ! -e state ]
}

@test "explain: every process, edge and guarantee" {
	: >in
	ok "fcoord explain -p 2 '$window --late late'"
	for line in "fsource .*x2" "fwindow +x2 .*128 key groups" "fsink +x1 +fsink -" "fwindow-late +x1 +fsink late" \
		"fkey +-> fwindow +key, 2 to 2" "fwindow +-> fwindow-late .*late" "fsink +(at least|exactly) once" \
		"fwindow-late +exactly once"; do
		grep -E "^  $line" out
	done
}

@test "lint: file, line and column, with a caret; status 2" {
	: >in
	printf 'fsource in --time t |\n  fkey k | fwindwo tumble 1m |\n  fsink res/\n' >job
	fails 2 "fcoord lint job"
	says "job:2:12: .fwindwo. is not a stage; did you mean fwindow"
	grep -qE '^ {13}\^$' err
	printf '{"version": 1,\n "stages": [{"run": ["fsource", "in"], "paralellism": 2}]}\n' >job.json
	fails 2 "fcoord lint job.json"
	says "job.json:2:40: .*did you mean \"parallelism\""
	ok "fcoord lint '$window | fsink res/'"
	quiet
}

@test "lint: what a shell would do is refused, and it says what to do" {
	while read -r col word text; do
		fails 2 "fcoord lint '$text'"
		says ":1:$col: .*$word"
	done <<-'EOF'
	22 && fsource in | fsink x && true
	9 param fsource $HOME | fsink x
	19 fsink fsource in | fmap > x
	9 exec:CMD fsource `ls` | fsink x
	EOF
}

@test "a bad expression, window or option is status 2, before anything is made" {
	numbers 0 9 >in
	for stages in 'fmap --where ".v ="' 'fkey k | fwindow tumble 1x' 'fkey k | fwindow tumble 1s --agg "a=sum(.v"' \
		'fmap --whree .v' 'fkey' 'fmap --keep a,,b'; do
		fails 2 "fcoord run 'fsource in | $stages | fsink res/'"
	done
	[ ! -e res ] && [ ! -e state ]
}

@test "refused at the start: what cannot be kept" {
	numbers 0 9 >in
	fails 2 "fcoord run 'fsource - | fsink res/' <in"
	says "stdin cannot be read again" "--guarantee at-least-once"
	mkfifo fifo
	fails 2 "fcoord run 'fsource fifo | fsink res/'"
	says "a pipe cannot be read again"
	fails 2 "fcoord run 'fsource in | fmap --where .v --name x | fmap --where .k --name x | fsink res/'"
	says "two stages are called x"
	fails 2 "fcoord run 'fsource in | fkey k --groups 4 | fwindow running -p 5 | fsink res/'"
	says "-p 5 is more than its 4 key groups"
	fails 2 "fcoord run -p 2 'fsource in --limit 3 -p 2 | fsink res/'"
	says "limit"
	fails 2 "fcoord run '$window | fsink postgres://localhost/db/x'"
	says "not yet"
	fails 2 "fcoord run --guarantee exactly '$window'"
	fails 2 "fcoord run"
	fails 2 "fcoord run a b"
}

# ---- statuses ----

@test "a missing file is status 2; the text that is right then may write there" {
	numbers 0 9 >in
	for i in 1 2 3; do
		fails 2 "fcoord run 'fsource gone$i | fsink res/'"
		says "gone$i"
	done
	ok "fcoord run 'fsource in | fsink res/'"
	diff <(sort in) <(all res)
}

@test "bad data is status 3, shown with its place, and not tried again" {
	numbers 0 9 >in
	echo '{"k":1,' >>in
	fails 3 "fcoord run --name j 'fsource in | fsink res/'"
	says "in:11:8"
	[ "$(tells j .attempt)" = 1 ]
	[ -z "$(all res)" ]
	fails 3 "fcoord run --name k 'fsource in --on-bad skip | fmap --set \"x = 1 / (.v - 5)\" | fsink res2/'"
	says "division by zero"
	[ "$(tells k .attempt)" = 1 ]
}

@test "another pipeline on old state is status 4, and names both" {
	numbers 0 99 >in
	job="fsource in --time t --follow --watermark each | fkey k"
	ok "fcoord run -d --name j --every 20ms '$job | fwindow tumble 1m | fsink res/'"
	ok "fcoord wait j --for checkpoint"
	ok "fcoord stop j"
	fails 4 "fcoord run --name j '$job | fwindow tumble 5m | fsink res/'"
	says "state was written by 'tumble 1m.*', this is 'tumble 5m.*'"
	fails 4 "fcoord run --name j '$job | fwindow session 1m | fsink res/'"
	fails 4 "fcoord run --name j '$job | fwindow tumble 1m --agg \"n=count()\" | fsink res/'"
	ok "fcoord run -q --name j '${job/--follow/} | fmap --where \".v >= 0\" | fwindow tumble 1m | fsink res/'"
	[ "$(all res | jq -s 'map(.count) | add')" = 100 ]
}

@test "another key on old state is status 4, and not tried again" {
	numbers 0 99 >in
	job="fsource in --time t --follow --watermark each"
	ok "fcoord run -d --name j --every 20ms '$job | fkey k | fwindow tumble 1m | fsink res/'"
	ok "fcoord wait j --for checkpoint"
	ok "fcoord stop j"
	LIMIT=5
	fails 4 "fcoord run --name j '$job | fkey v | fwindow tumble 1m | fsink res/'"
	fails 4 "fcoord run --name j '$job | fwindow tumble 1m | fsink res/'"
	[ "$(tells j .attempt)" -le 3 ]
}

@test "state without a stage that takes it up is status 4" {
	numbers 0 99 >in
	job="fsource in --time t --follow --watermark each | fkey k"
	ok "fcoord run -d --name j --every 20ms '$job | fwindow tumble 1m | fsink res/'"
	ok "fcoord wait j --for checkpoint"
	ok "fcoord stop j"
	LIMIT=5
	fails 4 "fcoord run --name j '$job | fsink res/'"
	says "holds state of 'fwindow'" "--fresh"
}

@test "a damaged newest manifest is status 4; --accept-rewind goes back to the one before" {
	numbers 0 99 >in
	job="fsource in --time t --follow --watermark each | fkey k | fwindow tumble 10s | fsink res/"
	ok "fcoord run -d --name j --every 20ms '$job'"
	await '[ -s res/part-0-0.ndjson ]'
	ok "fcoord stop j"
	before=$(all res)
	newest=$(find state/fjord/j/chain -type f | sort | tail -1)
	cp "$newest" kept
	LIMIT=5
	sed -i 's/"kind":"stop"/"kind":"stoq"/' "$newest"
	fails 4 "fcoord run --name j '$job'"
	says "$(basename "$newest").*damaged" "--accept-rewind"
	truncate -s 100 "$newest"
	fails 4 "fcoord run --name j '$job'"
	fails 4 "fcoord run -d --name j '$job'"
	[ "$(all res)" = "$before" ]
	cp kept "$newest" # whole again: it goes on
	ok "fcoord run -d --name j '$job'"
	ok "fcoord stop j"
	truncate -s 100 "$(find state/fjord/j/chain -type f | sort | tail -1)"
	LIMIT=20
	ok "fcoord run --name j --accept-rewind '${job/--follow/}'"
	same_as_bare "fsource in --time t | fkey k | fwindow tumble 10s"
}

@test "a second fcoord on the same job is status 5 and names the process" {
	numbers 0 99 >in
	job='fsource in --follow | fsink res/'
	ok "fcoord run -d --name j '$job'"
	pid=$(tells j .pid)
	fails 5 "fcoord run --name j '$job'"
	says "process $pid runs this job"
	fails 5 "fcoord run -d --name j '$job'"
	fails 5 "fcoord run --fresh --name j '$job'"
	[ "$(tells j '"\(.pid) \(.phase)"')" = "$pid running" ]
	# Another job may not write there.
	fails 2 "fcoord run -q --name k 'fsource in | fsink res/'"
	says "res"
	fcoord cancel j
}

@test "--restart none and fixed: so often, then status 1 with what it was" {
	numbers 0 9 >in
	job='fsource in --follow | fmap --name fmap --where ".v >= 0" | fsink res/'
	for how in none fixed:2,10ms; do
		bg "fcoord run --name ${how%%:*} --every 20ms --restart $how '$job'"
		attempts=1
		[ $how = none ] || attempts=3
		for ((a = 1; a <= attempts; a++)); do
			await "runs ${how%%:*} $a 2>/dev/null"
			kill -9 "$(sub ${how%%:*} fmap)"
		done
		finish
		[[ $rc = 1 || $rc = 137 ]]
		says "killed by signal 9|status 1"
		[ "$(tells ${how%%:*} '"\(.attempt) \(.phase)"')" = "$attempts failed" ]
		rm -r res
	done
}

# ---- ends ----

@test "a finished job has nothing to do; with grown input it is status 2 and names it" {
	numbers 0 99 >in
	ok "fcoord run --name j '$window | fsink res/'"
	before=$(all res)
	ok "fcoord run --name j '$window | fsink res/'"
	says "nothing to do"
	numbers 100 100 >>in
	fails 2 "fcoord run --name j '$window | fsink res/'"
	says "in has grown" "--fresh"
	[ "$(all res)" = "$before" ]
	[ "$(tells j .phase)" = finished ]
}

@test "--at-end hold: each run adds what came, and windows stay open" {
	: >in
	job="fsource in --time t --at-end hold | fkey k | fwindow tumble 10s | fsink res/"
	for i in 0 1 2; do
		numbers $((i * 33)) $((i * 33 + 32)) >>in
		printf '{"k":0,"t":' >>in # an unterminated line is left for the next run
		ok "fcoord run -q --name j '$job'"
		truncate -s -11 in
	done
	ok "fcoord run -q --name j '${job/--at-end hold/}'"
	same_as_bare "$window"
}

@test "--at-end hold on growing lines" {
	numbers 0 9 >in
	numbers 10 10 | head -c 12 >>in
	job="fsource in --at-end hold | fsink res.ndjson"
	ok "fcoord run -q --name j '$job'"
	numbers 0 9 | cmp - res.ndjson
	numbers 10 10 | tail -c +13 >>in
	ok "fcoord run -q --name j '$job'"
	cmp in res.ndjson
}

# ---- stops ----

@test "SIGINT stops at a last barrier with 130, SIGTERM with 143; run goes on; all comes once" {
	many >in
	job="${window/--time t/--time t --rate 2000\/s} | fsink res/"
	attempt=0
	for sig in INT TERM; do
		bg "exec fcoord run --name j --every 20ms '$job'"
		await "runs j $((++attempt)) 2>/dev/null"
		grows res/part-0-0.ndjson
		kill -$sig "$(tells j .pid)"
		finish
		[ "$sig $rc" = "INT 130" ] || [ "$sig $rc" = "TERM 143" ]
		[ "$(tells j .phase)" = stopped ]
		[ "$(fcoord history j -o json | tail -1 | jq -r .kind)" = stop ]
	done
	ok "fcoord run -q --name j '${job/--rate 2000\/s/}'"
	same_as_bare "$window"
}

@test "a second Ctrl-C ends it at once, without an orphan; run goes on" {
	numbers 0 999 >in
	job='fsource in --follow | fmap --name fmap --where ".v >= 0" | fsink res.ndjson'
	bg "exec fcoord run --name j --every 20ms '$job'"
	await 'runs j 1 2>/dev/null'
	await 'cmp -s in res.ndjson'
	pid=$(tells j .pid)
	mapfile -t procs < <(tells j '.stages[].subtasks[].pid')
	kill -STOP "$(sub j fmap)" # no barrier gets through
	kill -INT "$pid"
	await 'grep -q "stopping at a last barrier" err'
	kill -INT "$pid"
	finish
	[ "$rc" = 130 ]
	await '! kill -0 ${procs[*]} 2>/dev/null'
	for p in "${procs[@]}"; do
		! kill -0 "$p" 2>/dev/null
	done
	ok "fcoord run -q --name j '${job/--follow/}'"
	cmp in res.ndjson
}

@test "drained: nothing goes on from there by accident" {
	numbers 0 99 >in
	job="fsource in --time t --follow --watermark each | fkey k | fwindow tumble 1h | fsink res/"
	ok "fcoord run -d --name j --every 20ms '$job'"
	await '[ "$(tells j ".stages[] | select(.name == \"fwindow\") | .in")" = 100 ]'
	ok "fcoord stop j --drain"
	sp=$(cat out)
	[ "$(all res | jq -s 'map(.count) | add')" = 100 ]
	LIMIT=5
	fails 2 "fcoord run --name j '$job'"
	says "drained" "--fresh"
	fails 2 "fcoord run --name k --clone --from $sp '${job/res/res2}'"
	says "drain"
	[ "$(tells j .phase)" = drained ]
	job=${job/--follow/}
	ok "fcoord run -q --name j --fresh '${job/res/res2}'"
	[ "$(all res2 | jq -s 'map(.count) | add')" = 100 ]
}

@test "--fresh forgets, unless output is complete and not published" {
	numbers 0 99 >in
	ok "fcoord run -q --name j 'fsource in | fsink one.ndjson'"
	ok "fcoord run -q --name j --fresh 'fsource in | fsink two.ndjson'"
	cmp one.ndjson two.ndjson
	[ "$(tells j .attempt)" -ge 1 ]
}

@test "-d prints the name once it runs; what it says and prints goes to the store" {
	numbers 0 9 >in
	ok "fcoord run -q -d --name j 'fsource in | fsink -'"
	is <<<j
	quiet
	ok "fcoord wait j --for done"
	cmp in state/fjord/j/out
	printf '{"a":1}\n{"a":\n' >bad
	px "fcoord run -d --name k 'fsource bad | fsink res/'"
	[[ $rc = 0 || $rc = 3 ]]
	await 'grep -q bad:2: state/fjord/k/log'
	fails 2 "fcoord run -d --name l 'fsource gone | fsink res2/'"
	says gone
}

# ---- savepoints ----

@test "--from: a moved savepoint, also with other parallelism; --clone is a job of its own" {
	many >in
	job='fsource in --time t --slow --watermark each | fkey k | fwindow tumble 10s --agg "n=count(), s=sum(.v)"'
	slow "$job | fsink res/"
	await '[ -s res/part-0-0.ndjson ]'
	ok "fcoord stop j"
	sp=$(cat out)
	all res >first
	mkdir far
	mv "$sp" far/there
	cp -r far/there copy
	quick
	job=${job/--slow/}
	ok "fcoord run -q --name k -p 3 --clone --from far/there --every 1h '$job | fsink clone/'"
	diff <(all res) <(all clone first | sort)
	fails "2|4" "fcoord run -q --name l --from copy '$job | fsink res/'" # its lanes are ahead
	fails 2 "fcoord run -q --name j --from copy '$job | fsink res/'"
	diff <(all res) <(all clone first | sort)
	fails 2 "fcoord run -q --name m --from nowhere '$job | fsink m/'"
	says "nowhere holds no savepoint"
	fails 2 "fcoord run -q --name m --clone '$job | fsink m/'"
	says "--from"
}

@test "--from in another store: a moved job goes on, and its output with it" {
	numbers 0 99 >in
	job='fsource in --follow | fsink res/'
	ok "fcoord run -d --name j --every 20ms '$job'"
	await '[ "$(all res | wc -l)" = 100 ]'
	ok "fcoord stop j"
	sp=$(cat out)
	mv "$sp" sp
	rm -r state
	numbers 100 199 >>in
	ok "fcoord run -q --every 1h --state other --name k --from sp '${job/--follow/}'"
	lacks err "checkpoint .* failed"
	diff <(sort in) <(all res)
}

# ---- sinks ----

@test "fsink - prints epochs as they complete, and says that it is at-least-once" {
	numbers 0 999 >in
	ok "fcoord run --name j --every 20ms 'fsource in --rate 4000/s' | cat"
	cmp in out
	says "fsink is at-least-once"
	ok "fcoord run -q --name k 'fsource in | fmap --keep v' | cat"
	quiet
}

@test ">> FILE is exactly once, whoever is killed" {
	many >in
	echo before >res
	job='fsource in --rate 2000/s | fmap --name fmap --where ".v >= 0" | fsink -'
	setsid fcoord run -q --name j --every 20ms "$job" >>res 2>err 3>&- &
	pids+=("$!")
	for stage in fsink fmap; do
		grows res
		fell j $stage
	done
	grows res
	kill -9 "$(tells j .pid)"
	timeout 20 fcoord run -q --name j --every 20ms "${job/--rate 2000\/s/}" >>res 2>err
	diff <(echo before; cat in) res
}

@test "FILE goes on behind what is there, exactly once; a foreign change is refused" {
	numbers 0 999 >in
	echo '{"old":1}' >res.ndjson
	job='fsource in --follow | fsink res.ndjson'
	ok "fcoord run -d --name j --every 20ms '$job'"
	await '[ "$(wc -l <res.ndjson)" = 1001 ]'
	ok "fcoord stop j"
	diff <(echo '{"old":1}'; cat in) res.ndjson
	cp res.ndjson kept
	truncate -s -5 res.ndjson
	fails 4 "fcoord run -q --name j '$job'"
	says "res.ndjson"
	cp kept res.ndjson
	echo foreign >>res.ndjson
	fails 4 "fcoord run -q --name j '$job'"
	says "res.ndjson has .* bytes"
}

@test "--late and --on-bad are lanes: exactly once as well" {
	many | sed '7~100s/.*/nonsense/; 9~100s/17044[0-9]*/1704000000/' >in
	slow 'fsource in --time t --slow --watermark each --on-bad bad | fkey k | fwindow tumble 10s --late late | fsink res/'
	for stage in fwindow fwindow-late fsource-bad; do
		grows late
		grows bad
		fell j $stage
	done
	quick
	grep 1704000000 in | cmp - late
	[ "$(wc -l <bad) $(sort bad | uniq -d)" = "200 " ]
	px "fsource in --time t --watermark each --on-bad skip | fkey k | fwindow tumble 10s | fsink -"
	diff <(sort out) <(all res)
}

@test "--visible roll: what is seen is whole; --roll epoch: a part per epoch" {
	numbers 0 1999 >in
	ok "fcoord run -q --name j --every 20ms 'fsource in --rate 8000/s | fsink res/ --roll epoch --visible roll'"
	[ "$(find res -name 'part-*' | wc -l)" -gt 2 ]
	find res -name 'part-*' | sort -t- -k3n | xargs cat | cmp - in
	[ -z "$(find res -name '.part*')" ]
}

# ---- sources ----

@test "compressed sources go on in the middle after a kill" {
	many >in
	head -n 300 in | gzip >a.gz
	tail -n +301 in | zstd -q >b.zst
	slow 'fsource a.gz b.zst --slow | fsink res.ndjson'
	for _ in 1 2 3; do
		grows res.ndjson
		fell j fsource
	done
	quick
	cmp in res.ndjson
}

@test "a followed log that is rotated while the source is dead" {
	numbers 0 99 >log
	ok "fcoord run -d --name j --every 20ms 'fsource log --follow | fsink res.ndjson'"
	await '[ "$(wc -l <res.ndjson)" = 100 ]'
	kill -STOP "$(sub j fsource)"
	numbers 100 149 >>log
	mv log log.1
	numbers 150 199 >log
	fell j fsource
	await '[ "$(wc -l <res.ndjson)" = 200 ]'
	ok "fcoord stop j"
	numbers 0 199 | cmp - res.ndjson
}

@test "generators go on in the middle after a kill" {
	for gen in '"gen:tx?seed=7&n=20000"' '"gen:nexmark?seed=7&n=20000"'; do
		rm -rf res.ndjson state
		slow "fsource $gen --slow | fsink res.ndjson"
		for _ in 1 2; do
			grows res.ndjson
			fell j fsource
		done
		quick
		ok "fsource $gen | fsink -"
		cmp out res.ndjson
	done
}

@test "-p 1 to 4 give the same results" {
	for i in 0 1 2; do
		numbers $((i * 1000)) $((i * 1000 + 999)) | jq -c '.k = .v % 53' >in$i
	done
	stages='fsource in0 in1 in2 --time t --out-of-order 1h | fkey k | fwindow tumble 100s --agg "n=count(), s=sum(.v), d=distinct(.v)"'
	ok "$stages | fsink -"
	sort out >want
	for p in 1 2 3 4; do
		ok "fcoord run -q --every 20ms --name p$p -p $p '$stages | fsink p$p/'"
		diff want <(all p$p)
		jq -r .k want | sort -un | wc -l
	done
}

@test "--param fills in words" {
	numbers 0 9 >in
	ok "fcoord run -q --name j --param f=in --param 'w=.v > 4' 'fsource \${f} | fmap --where \${w} | fsink -'"
	[ "$(wc -l <out)" = 5 ]
	fails 2 "fcoord run --name j 'fsource \${f} | fsink -'"
	says '--param f='
}

@test "fan-out: every branch gets every record, whatever the key and the parallelism" {
	seq 1 3000 | awk '{ printf "{\"k\":\"u%d\",\"t\":%d}\n", $1 % 20, $1 * 1000 }' >fan
	for p in 1 3; do
		ok "fcoord run -q -p $p --name fan$p 'x = fsource fan --time t | fkey k
@x | fsink one$p/
@x | fmap --set \"b = 1\" | fsink two$p/'"
		[ "$(cat one$p/* | wc -l)" = 3000 ]
		[ "$(cat two$p/* | wc -l)" = 3000 ]
	done
}

@test "two sinks on one path are refused, however it is written" {
	echo '{"a":1}' >one
	fails 2 "fcoord run 'fsource one | fsink q; fsource one | fsink ./q'"
	says "give each a file or directory of its own"
	fails 2 "fcoord run 'fsource one | fsink d/; fsource one | fsink .//d/'"
}

@test "drain of an idle source fires what is open" {
	printf '{"k":"a","t":1}\n{"k":"a","t":2}\n' >idle
	px "fcoord run -d --every 50ms --name idle 'fsource idle --follow --idle 50ms --time t | fkey k | fwindow tumble 1m | fsink drained/'"
	await 'fcoord status idle -o json | grep -q "\"records\":2"'
	fcoord wait idle --for checkpoint
	ok "fcoord stop idle --drain"
	[ "$(cat drained/* | wc -l)" = 1 ]
}
