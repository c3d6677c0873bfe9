# Exactly-once in a plain shell (design §6, "Plain shell with FSTATE"): a killed line, run again, has lost and doubled
# nothing; refusals teach.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	LIMIT=20
	seq 0 2999 | jq -c '{k: (. % 7), t: (1704448800 + .), v: .}' >in.ndjson
}

# line [SOURCE-FLAGS [SINK]]: the pipeline of most tests, FSTATE seen by its first stage alone.
line() {
	echo "FSTATE=st fsource in.ndjson --time t $1 | fkey k | fwindow tumble 1m --agg 's=sum(.v)' | fsink ${2:-res/} --every 20ms"
}

# calm [SINK]: what comes out when nothing happens, into ./calm.
calm() {
	ok "$(line '' "${1:-}" | sed 's/FSTATE=st //; s/--every 20ms//')"
	find "${1:-res/}" -type f -not -name '.*' -exec cat {} + >calm
	rm -r "${1:-res/}"
}

# slow: the line runs in the background for seconds; a checkpoint is there.
slow() {
	bg "$(line '--rate 1000/s' "${1:-}")"
	await 'ls st/chain/*.json >/dev/null 2>&1'
}

# part TOOL: the process of our line that runs TOOL (fsink: the coordinator; writer: its child; agent).
part() {
	case $1 in
	writer) pgrep -P "$(part fsink)" -x fsink ;;
	agent) pgrep -P "$(part fsink)" -x fcoord ;;
	*) pgrep -s "${pids[-1]}" -x "$1" | head -1 ;;
	esac
}

# whole [SINK]: the same line again ends well, with the calm output and nothing left behind.
whole() {
	ok "$(line '' "${1:-}")"
	find "${1:-res/}" -type f -not -name '.*' -exec cat {} + | cmp - calm
	await '! pgrep -s "${pids[-1]:-0}" >/dev/null'
	[ ! -e st/join ]
	[ ! -e st/sock ]
	[ -z "$(find . -name '.tmp-*')" ]
}

@test "a line with FSTATE gives what it gives without, and has nothing to do when it is run again" {
	calm
	ok "$(line)"
	cmp calm res/part-0-0.ndjson
	quiet
	ok "$(line)"
	says 'nothing to do'
	cmp calm res/part-0-0.ndjson
}

@test "FSTATE is seen by the first stage, by all of them, or stands behind --state" {
	local text='fkey k | fwindow tumble 1m | fsink'
	ok "fsource in.ndjson --time t | $text a"
	ok "export FSTATE=sb; fsource in.ndjson --time t | $text b"
	ok "fsource --state sc in.ndjson --time t | $text c"
	ok "fsource --state=$PWD/sd in.ndjson --time t | fkey k --state sd | fwindow tumble 1m | fsink d"
	cmp a b && cmp a c && cmp a d
	[ -e sb/chain ] && [ -e sc/chain ] && [ -e sd/chain ]
}

@test "kill -9 of any process, then the same line again" {
	local p
	calm
	for p in fsource fkey fwindow fsink writer agent; do
		slow
		kill -9 "$(part $p)"
		finish
		[ "$rc" != 0 ]
		whole
		rm -r st res
	done
}

@test "kill -9 of all at once; and again, and again" {
	calm
	for _ in 1 2 3; do
		bg "$(line '--rate 2000/s')"
		await '[ "$(cat res/part-* 2>/dev/null | wc -c)" -gt '"$(cat res/part-* 2>/dev/null | wc -c)"' ]'
		kill -9 -- "-${pids[-1]}" || true
		wait "${pids[-1]}" || true
	done
	whole
}

@test "Ctrl-C stops it at a last barrier; it goes on where it was" {
	calm
	slow
	kill -INT -- "-$(ps -o pgid= -p "$(part fsink)" | tr -d ' ')"
	wait "${pids[-1]}" || true
	lacks err 'error|broke off|killed'
	[ "$(jq -r .kind "$(find st/chain -name '*.json' | sort | tail -1)")" = stop ]
	whole
}

@test "SIGTERM of the source stops it as well, and says so in its status" {
	calm
	slow
	kill -TERM "$(part fsource)"
	finish
	[ "$(cat each)" = "143 0 0 143" ]
	whole
}

@test "the terminal is closed" {
	calm
	slow
	kill -HUP -- "-${pids[-1]}"
	wait "${pids[-1]}" || true
	whole
}

@test "FILE, >> FILE, --visible roll, a header that is there once" {
	local s
	calm
	for s in FILE '- >>FILE' 'FILE --format csv'; do
		slow "$s"
		kill -9 "$(part writer)"
		finish
		ok "$(line '' "$s")"
		case $s in
		*csv) [ "$(grep -c window_start FILE)" = 1 ]; [ "$(wc -l <FILE)" = $(($(wc -l <calm) + 1)) ] ;;
		*) cmp calm FILE ;;
		esac
		rm -r FILE st
	done
	slow 'res/ --visible roll --roll epoch'
	kill -9 "$(part fsource)"
	finish
	ok "$(line '' 'res/ --visible roll --roll epoch')"
	cat $(find res -name 'part-*' | sort -V) | cmp - calm
}

@test "--late and --on-bad are part of the promise" {
	local text
	awk '{ print } NR % 50 == 0 { print "{\"k\": 1, \"t\": 1704448800, \"v\": -1}" } NR % 70 == 0 { print "nonsense" NR }' \
		in.ndjson >odd.ndjson
	text="fsource odd.ndjson --time t --on-bad bad --rate RATE | fkey k | fwindow tumble 10s --late late | fsink res --every 20ms"
	ok "${text/--rate RATE/}"
	mkdir calm && mv res bad late calm
	export FSTATE=st
	bg "${text/RATE/1000\/s}"
	await '[ -s late ] && [ -s bad ]'
	kill -9 "$(part fwindow)"
	finish
	ok "${text/--rate RATE/}"
	cmp res calm/res && cmp late calm/late && cmp bad calm/bad
	[ -s late ] && [ -s bad ]
}

@test "a bad record of a later stage has the same place in every run" {
	local text
	seq 0 2999 | jq -c '{k: 1, t: (1704448800 + .), v: (if . % 90 == 7 then "x" else . end)}' >odd.ndjson
	text="fsource odd.ndjson --time t RATE | fmap --set 'w = .v + 1' --on-bad bad | fsink res --every 20ms"
	ok "${text/RATE/}"
	mkdir calm && mv res bad calm
	export FSTATE=st
	bg "${text/RATE/--rate 1000/s}"
	await '[ -s bad ]'
	kill -9 "$(part fmap)"
	finish
	ok "${text/RATE/}"
	cmp bad calm/bad && cmp res calm/res
}

@test "two sources, aligned at a stage with two inputs" {
	local text
	PATH=$BATS_TEST_DIRNAME/../../build/obj/tools:$PATH
	command -v funion >/dev/null || skip "no funion"
	seq 0 1999 | jq -c '{k: (. % 5), t: (1704448800 + .), v: 1}' >more.ndjson
	text='funion <(fsource in.ndjson --time t RATE) <(fsource more.ndjson --time t RATE) </dev/null | fkey k |
		fwindow tumble 1m --agg "s=sum(.v), n=count()" | fsink res --every 20ms'
	ok "${text//RATE/}"
	sort res >calm
	rm res
	export FSTATE=st
	for p in fsource funion fsink; do
		bg "${text//RATE/--rate 1000\/s}"
		await 'ls st/chain/*.json >/dev/null 2>&1'
		kill -9 "$(pgrep -s "${pids[-1]}" -x $p | head -1)"
		finish
		ok "${text//RATE/}"
		sort res | cmp - calm
		rm -r st res
	done
}

@test "run twice at once" {
	slow
	px "FSTATE=st fsource in.ndjson --time t | fkey k | fsink other/"
	[ "$(cat each)" = "1 1 5" ]
	says 'process [0-9]+ runs this job'
	[ ! -e other ]
	finish
	[ "$rc" = 0 ]
}

@test "a changed pipeline: what has changed is named" {
	ok "$(line '--limit 500')"
	fails 4 "$(line | sed 's/1m/5m/')"
	says "tumble 1m s=sum" "this is 'tumble 5m" "another FSTATE directory"
	fails 4 "FSTATE=st fsource in.ndjson --time t | fkey k | fsink res/"
	says "holds state of 'fwindow'"
}

@test "an output directory of another job; a state directory of fcoord; one of something else" {
	ok "$(line)"
	fails 2 "FSTATE=st2 fsource in.ndjson --time t | fkey k | fsink res/"
	says 'another job'
	XDG_STATE_HOME=$PWD/x ok "fcoord run -q --name j 'fsource in.ndjson | fsink o/'"
	ok "fcoord run -q --state fs --name j 'fsource in.ndjson | fsink o2/'"
	px "FSTATE=fs/j fsource in.ndjson | fsink o2/"
	[ "$(cat each)" = "1 2" ]
	says "fcoord's job 'j'" 'directory of its own'
	px "FSTATE=$PWD fsource in.ndjson | fsink o3/"
	[ "$(cat each)" = "1 2" ]
	says 'is not a store'
}

@test "what cannot be exactly-once is refused, with what to do instead" {
	px "cat in.ndjson | FSTATE=st fsource - | fkey k | fsink res/"
	[[ $(cat each) == *" 2 2 2" ]] || { cat each err; false; }
	says 'stdin cannot be read again' '--follow|write it to a file'
	px "export FSTATE=st; cat in.ndjson | fkey k | fsink res/"
	says 'begins with fsource FILE'
	fails 2 "FSTATE=st fsource in.ndjson | fsink - | cat"
	says 'may print an epoch again' '--guarantee at-least-once'
	ok "FSTATE=st fsource in.ndjson | fsink - --guarantee at-least-once | cat"
	fails 2 "FSTATE=s2 fsource in.ndjson -o json | cat"
	says 'ends in fsink'
	px "export FSTATE=s3; fsource in.ndjson --time t | fkey k | fwindow tumble 1m --late >(fsink late/) | fsink res/"
	says 'one sink'
	px "fsource in.ndjson | FSTATE=s4 fkey k | fsink res/"
	says 'export FSTATE'
}

@test "no fsink at all" {
	px "FSTATE=st fsource in.ndjson | fkey k >frames"
	[[ $(cat each) == *2* ]]
	says 'no fsink took this pipeline up within 10 s'
}

@test "a finished line whose input has grown says so" {
	ok "$(line)"
	cp in.ndjson more.ndjson
	seq 3000 3100 | jq -c '{k: 1, t: (1704448800 + .), v: .}' >>in.ndjson
	fails 2 "$(line)"
	says 'in.ndjson' 'at-end hold'
}

@test "fcoord goes on with the state of a line" {
	calm
	slow
	kill -9 "$(part fsink)"
	finish
	export XDG_STATE_HOME=$PWD/x
	fails 2 "fcoord run --state . --name st 'fsource in.ndjson | fsink o/'"
	says 'plain shell' '--from'
	ok "fcoord run -q --from st --name grown 'fsource in.ndjson --time t | fkey k | fwindow tumble 1m --agg \"s=sum(.v)\" | fsink res/'"
	find res -type f -not -name '.*' -exec cat {} + | cmp - calm
	px "$(line)"
	[ "$(cat each)" = "1 1 1 2" ]
	says "goes on as fcoord's job 'grown'"
}

@test "bad records are told once, by the run that had them" {
	awk '{ print } NR % 100 == 0 { print "nonsense" }' in.ndjson >odd.ndjson
	export FSTATE=st
	bg "fsource odd.ndjson --time t --on-bad skip --at-end hold --rate 1000/s | fkey k | fsink res --every 20ms"
	await '[ "$(wc -l <res)" -gt 500 ]'
	kill -9 "$(part fkey)"
	finish
	ok "fsource odd.ndjson --time t --on-bad skip --at-end hold | fkey k | fsink res --every 20ms"
	says '30 bad records skipped'
	ok "fsource odd.ndjson --time t --on-bad skip --at-end hold | fkey k | fsink res --every 20ms"
	quiet
}

@test "fmap right behind fsource: a stage that would share a process under fcoord has its own here" {
	ok "fsource in.ndjson --time t | fmap --where '.v % 2 == 0' | fsink want"
	line="FSTATE=st fsource in.ndjson --time t RATE | fmap --where '.v % 2 == 0' | fsink out.nd --every 20ms"
	bg "${line/RATE/--rate 1500/s}"
	await 'ls st/chain/*.json >/dev/null 2>&1'
	pkill -9 -s "${pids[-1]}" -x fmap
	finish
	ok "${line/RATE/}"
	cmp want out.nd
}
