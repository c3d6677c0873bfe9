# jobs -- what bats files about running jobs share; behind common.bash.
# shellcheck shell=bash

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

# fell JOB STAGE: kill a subtask; the job runs again.
fell() {
	local a
	a=$(tells "$1" .attempt)
	kill -9 "$(sub "$1" "$2")"
	await "runs $1 $((a + 1))"
}
