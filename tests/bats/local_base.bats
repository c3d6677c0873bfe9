# The local copy of keyed state: what becomes of a store or a copy that is damaged.
load common
load jobs

setup() {
	begin_jobs
	store=$PWD/state/fjord/j
	copy=$store/local/fwindow-0/base
	seq 0 19999 | jq -c '{k: (. % 997), t: (1704448800 + .), v: .}' >in
}

# job [SOURCE WORDS]: its text; slowly it has not read all of ./in before a test is over.
job() {
	echo "fsource in --time t $1 | fkey k | fwindow tumble 6h --agg 'n=count(), v=sum(.v)' | fsink res/"
}

slowly() {
	bg "fcoord run --name j --every 50ms \"$(job '--rate 1000/s')\""
	await "runs j $1"
}

# whole: the rest is read, and the output is that of a job that nothing has happened to.
whole() {
	ok "fcoord run --name j --every 50ms \"$(job)\""
	cp err said
	ok "$(job | sed 's,res/,-,')"
	find res -type f -not -name '.*' -exec cat {} + | sort | diff <(sort out) -
	cp said err
}

# logs: the files of fwindow's state in the newest checkpoint.  grows: one more is complete.
logs() {
	local v=("$store"/chain/*)
	jq -r '.stages[] | select(.name == "fwindow").subtasks[0].state[].file' "${v[-1]}"
}

grows() {
	local e
	e=$(tells j .epoch)
	await "[ \"\$(tells j .epoch)\" -gt $e ]"
}

# stopped: the job is.  kept: and it has run a while, so there is a copy of all its state.
stopped() {
	fcoord stop j >/dev/null
	finish
}

kept() {
	slowly 1
	grows
	stopped
	[ -s "$copy/data" ]
}

# spoil FILE: a byte in each KiB is another one.
spoil() {
	local at
	for ((at = 100; at < $(stat -c %s "$1"); at += 1024)); do
		printf '\x5a' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
	done
}

@test "no copy without state, nor before the first merge" {
	ok "fcoord run -q --name k 'fsource in --time t | fmap --keep v | fsink res.ndjson'"
	[ -s state/fjord/k/local/fsource-0/base/data ] && [ ! -e state/fjord/k/local/fmap-0 ]
	slowly 1
	grows
	[ ! -e "$copy" ]
	stopped
	[ -s "$copy/data" ]
}

@test "a damaged log is made up for by the copy, told, and replaced" {
	local old
	kept
	old=$(logs)
	spoil "$store/$old"
	slowly 2
	await 'says "state/fwindow-0.1.1.log is damaged at byte .* rebuilt from the local copy"'
	await '[ "$(logs)" != "'"$old"'" ]'
	await "[ ! -e '$store/$old' ]"
	stopped
	rm -r "$store/local"
	whole
	quiet
}

@test "a coordinator that is killed leaves a copy that can be used" {
	kept
	slowly 2
	grows
	kill -9 "$(tells j .pid)"
	finish
	await 'flock -n "$copy/lock" true' # its children have ended
	spoil "$store/state/fwindow-0.1.1.log"
	slowly 3
	await 'says "state/fwindow-0.1.1.log is damaged at byte .* rebuilt from the local copy"'
	await '! logs | grep -q fwindow-0.1.1'
	stopped
	whole
}

@test "a log that is gone counts as damaged" {
	kept
	rm "$store/state/fwindow-0.1.1.log"
	slowly 2
	await 'says "state/fwindow-0.1.1.log is not there; it is being rebuilt from the local copy"'
	await '! logs | grep -q fwindow-0.1.1'
	stopped
	whole
}

@test "a log that is damaged while it is written is replaced, too" {
	kept
	slowly 2
	await '[ -s "$store/state/fwindow-0.2.1.log" ]'
	grows
	spoil "$store/state/fwindow-0.2.1.log"
	await 'says "state/fwindow-0.2.1.log is damaged at byte .* rebuilt from memory"' # the next merge reads it
	await '[ "$(logs)" = state/fwindow-0.2.2.log ]'
	stopped
	whole
}

@test "a damaged copy is made anew" {
	local old
	kept
	spoil "$copy/data"
	slowly 2
	grows
	stopped
	lacks err damaged
	spoil "$store/$(logs | head -1)"
	slowly 3
	await 'says "log is damaged at byte .* rebuilt from the local copy"'
	stopped
	whole
}

@test "a copy that is cut off, empty or of another stage does no harm" {
	kept
	truncate -s 10000 "$copy/data"
	slowly 2
	stopped
	[ -s "$copy/data" ]
	: >"$copy/data"
	slowly 3
	stopped
	cp "$store/local/fsource-0/base/data" "$copy/data"
	whole
	lacks err "local copy"
}

@test "both damaged: status 4, naming the log" {
	kept
	spoil "$copy/data"
	spoil "$store/state/fwindow-0.1.1.log"
	fails 4 "fcoord run --name j --every 50ms \"$(job)\""
	says "restoring 'fwindow' .*state/fwindow-0.1.1.log is damaged at byte"
}

@test "damage behind what the copy holds: status 4; the copy stays" {
	kept
	slowly 2
	grows
	fcoord cancel j
	finish
	spoil "$store/state/fwindow-0.2.1.log"
	fails 4 "fcoord run --name j --every 50ms \"$(job)\""
	says "restoring 'fwindow' .*state/fwindow-0.2.1.log is damaged at byte"
	[ -s "$copy/data" ]
}

@test "whoever holds the copy and stands still is left alone" {
	kept
	exec 8<>"$copy/lock"
	flock -n 8
	whole
	exec 8<&-
}

@test "a rescale makes the copies anew" {
	kept
	ok "fcoord run -d -p 2 --name j --every 50ms \"$(job '--rate 1000/s')\""
	await 'runs j 2'
	ok "fcoord stop j"
	[ -s "$copy/data" ] && [ -s "$store/local/fwindow-1/base/data" ]
	ok "fcoord run -q -p 2 --name j --every 50ms \"$(job)\""
	ok "$(job | sed 's,res/,-,')"
	find res -type f -not -name '.*' -exec cat {} + | sort | diff <(sort out) -
}

@test "the copies of subtasks that are no more are removed" {
	ok "fcoord run -d -p 3 --name j --every 50ms \"$(job '--rate 1000/s')\""
	await 'runs j 1'
	grows
	ok "fcoord stop j"
	[ -s "$store/local/fwindow-1/base/data" ] && [ -s "$store/local/fwindow-2/base/data" ]
	mkdir -p "$store/local/gone-0/base" # of a stage that is no more
	: >"$store/local/gone-0/base/data"
	bg "fcoord run -p 1 --name j --every 50ms \"$(job '--rate 1000/s')\""
	await 'runs j 2'
	await '[ ! -e "$store/local/fwindow-1" ] && [ ! -e "$store/local/fwindow-2" ] && [ ! -e "$store/local/gone-0" ]'
	stopped
	[ "$(echo "$store"/local/fwindow-*)" = "$store/local/fwindow-0" ]
	[ -s "$copy/data" ]
	whole
	quiet
}
