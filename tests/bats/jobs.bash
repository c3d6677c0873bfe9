# jobs -- what bats files about running jobs share; behind common.bash.
# shellcheck shell=bash

# begin_jobs: a test that runs jobs has a directory of its own for them; what setup() begins with.
begin_jobs() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	export XDG_STATE_HOME=$PWD/state
}

setup() {
	begin_jobs
}

# end_jobs: no job outlives its test.
end_jobs() {
	local p
	while read -r p; do
		kill -9 "$p" 2>/dev/null || true
	done < <(fcoord ls -o json 2>/dev/null | jq -r '.pid // empty')
	for p in "${pids[@]}"; do
		kill -9 -- "-$p" 2>/dev/null || true
	done
}

teardown() {
	end_jobs
}

# tells JOB FILTER: what jq makes of its status.  sub JOB STAGE [I]: the process of a subtask.
tells() {
	fcoord status "$1" -o json | jq -r "$2"
}

sub() {
	tells "$1" ".stages[] | select(.name == \"$2\") | .subtasks[${3:-0}].pid"
}

# runs JOB ATTEMPT: it runs, in that attempt or a later one.
runs() {
	[ "$(tells "$1" "if .phase == \"running\" and .attempt >= $2 then 1 else 0 end")" = 1 ]
}

# paced N: N records a second, or fewer where the programs are slow, so that the job outlives its kills.
paced() {
	echo "$(($1 / (${FJORD_SANITIZED:-0} * 2 + 1)))/s"
}

# fell JOB STAGE: kill a subtask; the job runs again.
fell() {
	local a
	a=$(tells "$1" .attempt)
	await "[ \"\$(sub $1 $2)\" -gt 0 ]" # it has no process for a moment while it is started again
	kill -9 "$(sub "$1" "$2")"
	await "runs $1 $((a + 1))"
}
