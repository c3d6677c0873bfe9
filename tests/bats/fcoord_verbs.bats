# The verbs of fcoord that look at a job and tell it what to do.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	export XDG_STATE_HOME=$PWD/state
}

# No job outlives its test.
teardown() {
	local p
	while read -r p; do
		kill -9 "$p" 2>/dev/null || true
	done < <(fcoord ls -o json | jq -r '.pid // empty')
}

# start [FLAGS]: the job `live` in the background; it never ends by itself.
live='fsource gen:tx?seed=1 --rate 2000/s | fmap --name fmap --set "fee = .amount * 0.01" | fkey card | fwindow tumble 1m | fsink live/'
start() {
	ok "fcoord run -d --name live --every 50ms ${1:-} '$live'"
	[ "$(cat out)" = live ]
}

# tells JOB FILTER: what jq makes of its status.
tells() {
	fcoord status "$1" -o json | jq -r "$2"
}

# batch: a job that reads 50 records to their end.
batch() {
	seq 0 49 | jq -c '{k: (. % 3), t: (1704448800 + .)}' >in
	ok "fcoord run -q --name batch 'fsource in --time t | fkey k | fwindow tumble 10s | fsink done/'"
}

@test "ls: no jobs, then one that runs, then one that has finished" {
	ok "fcoord ls"
	says "no jobs"
	[ ! -s out ]
	ok "fcoord ls -o json"
	quiet
	start
	batch
	ok "fcoord wait live --for checkpoint"
	ok "fcoord ls"
	grep -E '^name +phase +health +epoch +age +attempt +pid$' out
	grep -E '^batch +finished ' out
	grep -E '^live +running +green ' out
	ok "fcoord ls -o json"
	[ "$(jq -r .name out | paste -sd' ')" = "batch live" ]
	jq -es '.[] | select(.name == "live") | .phase == "running" and .pid > 1 and .attempt == 1 and .epoch > 0 and .age_ms >= 0' out
	jq -es '.[] | select(.name == "batch") | .phase == "finished" and .pid == null and .health == null' out
	ok "fcoord ls -o csv"
	[ "$(head -1 out)" = name,phase,health,epoch,age_ms,attempt,pid,reason ]
	fcoord cancel live
}

@test "status: health, checkpoints, stages and subtasks" {
	start "-p 2"
	ok "fcoord wait live --for checkpoint"
	await '[ "$(tells live .records)" -gt 100 ]'
	await '[ "$(tells live .watermark)" != null ]'
	ok "fcoord status live -o json"
	[ "$(wc -l <out)" = 1 ]
	jq -e '.name == "live" and .phase == "running" and .health == "green" and .bad == 0' out
	[ "$(jq -r '[.stages[].name] | join(" ")' out)" = "fsource fmap fkey fwindow fsink" ]
	jq -e '.stages[] | .parallelism == (.subtasks | length)' out
	jq -e '.stages[] | select(.name == "fmap") | .in == ([.subtasks[].in] | add)' out
	jq -e '.stages[0].subtasks | map(.subtask) == [0, 1] and all(.pid > 1)' out
	jq -re '.watermark' out | grep -E '^20[0-9-]{8}T[0-9:.]+Z$'
	ok "fcoord status live"
	grep -qx 'live: running, green' out
	grep -qE '^watermark  20[0-9-]{8}T' out
	grep -qE '^fmap +all 2 ' out
	fcoord cancel live
}

@test "status of a job that nobody runs is what its store tells" {
	batch
	ok "fcoord status batch"
	grep -qx 'batch: finished' out
	grep -qE '^checkpoint [0-9]+, .* ago$' out
	lacks out 'pid|watermark'
	[ "$(tells batch '[.phase, .pid, .records, .health] | @csv')" = '"finished",,,' ]
}

@test "checkpoint prints an epoch, which history then has" {
	start "--keep 100 --every 1h"
	ok "fcoord checkpoint live"
	first=$(cat out)
	ok "fcoord checkpoint live"
	[ "$(cat out)" -gt "$first" ]
	ok "fcoord history live -o json"
	[ "$(jq -r '[.kind, .epoch, .place, .attempt] | @csv' out | tail -1)" = "\"checkpoint\",$((first + 1)),2,1" ]
	jq -es 'all(.bytes > 0 and .age_ms >= 0) and (map(.place) == [1, 2])' out
	ok "fcoord history live"
	grep -E '^place +epoch +kind +time +age +size +attempt$' out
	fcoord cancel live
}

@test "savepoint prints its path; another job begins with it" {
	start
	ok "fcoord savepoint live"
	[ -f "$(cat out)/savepoint.json" ]
	ok "fcoord savepoint live --out mine"
	[ "$(cat out)" = "$PWD/mine" ]
	jq -e '.kind == "savepoint"' mine/savepoint.json
	fails "1|2" "fcoord savepoint live --out mine"
	says "holds a savepoint already"
	fcoord cancel live
	ok "fcoord run -d --name copy --clone --from mine '${live/live\//copied/}'"
	ok "fcoord wait copy --for checkpoint --timeout 20s"
	fcoord cancel copy
}

@test "stop prints the savepoint; run goes on from there" {
	start
	ok "fcoord wait live --for checkpoint"
	ok "fcoord stop live"
	[ -f "$(cat out)/savepoint.json" ]
	[ "$(tells live .phase)" = stopped ]
	[ "$(fcoord history live -o json | tail -1 | jq -r .kind)" = stop ]
	epoch=$(tells live .epoch)
	start
	ok "fcoord wait live --for checkpoint"
	[ "$(tells live .epoch)" -gt "$epoch" ]
	[ "$(tells live .attempt)" = 2 ]
	ok "fcoord stop live --drain"
	[ "$(tells live .phase)" = drained ]
	ok "fcoord wait live --for done"
}

@test "cancel ends at once, without a last barrier; run goes on" {
	start
	ok "fcoord wait live --for checkpoint"
	ok "fcoord cancel live"
	[ ! -s out ]
	[ "$(tells live .phase)" = failed ]
	start
	ok "fcoord cancel live"
	ok "fcoord stop live || true"
	says "live is not running: it has failed, or was killed or cancelled; fcoord logs"
}

@test "restart begins again in the same process, a rescale with other parallelism" {
	start
	ok "fcoord wait live --for checkpoint"
	pid=$(tells live .pid)
	ok "fcoord restart live"
	[ "$(tells live '"\(.pid) \(.attempt) \(.phase)"')" = "$pid 2 running" ]
	ok "fcoord rescale live fmap=3 fsink=2"
	[ "$(tells live '[.stages[].parallelism] | join(" ")')" = "1 3 1 1 2" ]
	[ "$(tells live .attempt)" = 3 ]
	ok "fcoord wait live --for checkpoint"
	fails 2 "fcoord rescale live fmop=2"
	says "there is no stage 'fmop'"
	fails 2 "fcoord rescale live fmap=none"
	fails 2 "fcoord rescale live fmap"
	says "needs STAGE=N"
	[ "$(tells live .attempt)" = 3 ]
	fcoord cancel live
}

@test "wait: what is behind is met, what is ahead is waited for, what cannot come is an error" {
	fails 2 "fcoord wait nobody --for done"
	batch
	for what in running checkpoint done; do
		ok "fcoord wait batch --for $what"
	done
	fails 2 "fcoord wait batch"
	says "for what"
	fails 2 "fcoord wait batch --for ever"
	start
	ok "fcoord wait live --for running"
	fails 1 "fcoord wait live --for done --timeout 50ms"
	says "waited in vain; live is running"
	bg "fcoord wait live --for done"
	fcoord stop live >path
	finish
	[ "$rc" = 1 ]
	says "live is not running \(stopped\)"
}

@test "wait for a job that fails tells so" {
	printf '{"a":1}\nnonsense\n' >in
	px "fcoord run -d --name bad 'fsource in --follow | fsink bad/'"
	fails 1 "fcoord wait bad --for done --timeout 20s"
	says "bad is not running: it has failed" "fcoord logs bad"
	ok "fcoord logs bad"
	grep -q 'in:2:1' out
}

@test "logs: all, the last lines, and following until the end" {
	batch
	ok "fcoord logs batch"
	start
	bg "fcoord logs live --follow"
	fcoord restart live
	fcoord stop live >path
	finish
	[ "$rc" = 0 ]
	log=$XDG_STATE_HOME/fjord/live/log
	seq 30000 >"$log"
	ok "fcoord logs live --tail 2"
	is <<<$'29999\n30000'
	ok "fcoord logs live --tail 0"
	[ ! -s out ]
	ok "fcoord logs live --tail 29000"
	[ "$(wc -l <out) $(head -1 out)" = "29000 1001" ]
	ok "fcoord logs live --tail 30001"
	cmp out "$log"
	printf 'without an end' >>"$log"
	ok "fcoord logs live --tail 2"
	[ "$(cat out)" = $'30000\nwithout an end' ]
}

@test "a job that does not run, or is not there" {
	batch
	for words in "checkpoint batch" "savepoint batch" "stop batch" "cancel batch" "restart batch" "rescale batch fkey=2"; do
		fails 1 "fcoord $words"
		says "batch is not running: it has finished"
		[ ! -s out ]
	done
	fails 2 "fcoord status bathc"
	says "there is no job 'bathc'" "did you mean 'batch'"
	fails 2 "fcoord stop"
	says "needs the name of a job"
	fails 2 "fcoord stop batch live"
	fails 2 "fcoord ls batch"
}

@test "a damaged manifest is said to be so" {
	batch
	newest=$(ls "$XDG_STATE_HOME"/fjord/batch/chain/* | tail -1)
	sed -i 's/"kind":"final"/"kind":"finol"/' "$newest"
	[ "$(fcoord ls -o json | jq -r .phase)" = damaged ]
	fails 1 "fcoord wait batch --for done"
	says "damaged"
	ok "fcoord history batch"
	grep -q damaged out
	says "$(basename "$newest")"
}

@test "a job that has not answered yet is starting, and is waited for" {
	batch
	exec 8<"$XDG_STATE_HOME/fjord/batch/lock"
	flock 8
	[ "$(tells batch .phase)" = starting ]
	fails 1 "fcoord wait batch --for done --timeout 100ms 8>&-"
	says "waited in vain; batch is starting"
	bg "exec 8>&-; fcoord checkpoint batch"
	exec 8>&-
	finish
	[ "$rc" = 1 ]
	says "has finished"
}

@test "doctor: nothing is wrong here, and what would be is said with what to do" {
	ok "fcoord doctor"
	lacks out '^bad'
	grep -qE '^(ok|warn) +store: .* can be written; a sync takes [0-9.]+ ms' out
	grep -q '^ok   tools: all of version' out
	[ "$(ls -A)" = "$(printf 'each\nerr\nout')" ]
	fails 1 "fcoord doctor --state /proc/fjord -o json"
	jq -es '.[] | select(.check == "store") | .result == "bad" and (.text | test("names another place"))' out
	ok "FSTATE=$PWD fcoord doctor"
	grep -q '^warn jobs: lie in' out
}

@test "each verb has a short help that begins with examples, and knows its typos" {
	for verb in $(fcoord -h | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | grep -vx fcoord); do
		ok "fcoord $verb -h"
		quiet
		[ "$(wc -l <out)" -le 24 ]
		grep -q "^Usage: fcoord $verb" out
		grep -q '^Examples:' out
		fails 2 "fcoord $verb --stat x"
		says "fcoord $verb: --stat is not an option"
	done
	fails 2 "fcoord stauts"
	says "did you mean 'status'"
}

# offers WORD...: what bash would offer for the last word.
offers() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_fjord "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
}

@test "completion: verbs, their options and values, names of jobs" {
	batch
	"$BATS_TEST_DIRNAME/../../scripts/completion" "$BIN" >completion
	. ./completion
	[ "$(offers fcoord st)" = "status stop" ]
	[ "$(offers fcoord status '')" = batch ]
	[ "$(offers fcoord wait batch --for '')" = "running checkpoint done" ]
	[ "$(offers fcoord stop batch --d)" = --drain ]
	[ "$(offers fcoord ls -o c)" = csv ]
	[ "$(offers fcoord run i)" = in ]
	[ "$(offers fsource --format t)" = tsv ]
}
