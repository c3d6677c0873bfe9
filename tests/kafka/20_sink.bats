# fsink kafka://: exactly once under fcoord and with FSTATE, at least once in a plain shell; what it refuses, and when.
load common

# lines N: records 1..N in ./in.ndjson.
lines() {
	oracle numbers "$1" 4 >in.ndjson
	cp in.ndjson want
}

# job [SOURCE-FLAGS [SINK-FLAGS]]: a text that writes them by their number.
job() {
	echo "fsource in.ndjson --time t ${1:-} | fmap --where \".i > 0\" | fsink $OUT --partition .p ${2:-}"
}

# killed STAGE: once more has been published, that subtask is killed.
killed() {
	progress
	fell j "$1"
}

# crashed [N]: the job runs until it has published (N times); then its coordinator is killed, and all of it with it.
crashed() {
	ok "fcoord run -d --name j --every 50ms '$(job '--rate 500/s')'"
	for ((i = 0; i < ${1:-1}; i++)); do
		progress
	done
	kill -9 "$(tells j .pid)"
}

# lanes_lost: delete the markers that came to be since ./groups was written.
lanes_lost() {
	oracle groups | jq -r .group | sort | comm -13 groups - >lost
	[ -s lost ]
	# shellcheck disable=SC2046 # one word each
	oracle forget $(cat lost)
}

@test "exactly once under fcoord: gen:tx to a topic, whole and with nothing beside it" {
	oracle topic "$out" 4
	ok "fcoord run -q --name j --every 50ms 'fsource \"gen:tx?seed=1&n=5000\" | fsink $OUT --key card'"
	published
	[ "$(wc -l <out)" = 5000 ]
	mv out sent
	ok "fsource 'gen:tx?seed=1&n=5000' | fsink -"
	is_sorted <sent
	jq -e -s 'all(.key == (.value | fromjson | .card | tostring))' got
	jq -e -s 'group_by(.key) | all(map(.partition) | unique | length == 1)' got >/dev/null
}

@test "in a plain shell it is at least once, and says so" {
	oracle topic "$out" 2
	lines 200
	ok "fsource in.ndjson | fsink $OUT -v"
	says "at.least.once"
	published
	wanted
	fails 2 "fsource in.ndjson | fsink $OUT --guarantee exactly"
	says "FSTATE|fcoord"
	published
	wanted
}

@test "--partition puts each record where it says, in order; one that is not there is a bad record" {
	oracle topic "$out" 4
	lines 400
	ok "fcoord run -q --name j --every 50ms '$(job)'"
	exact 400
	published
	jq -e -s 'all(.partition == (.value | fromjson | .p))' got
	fails 3 "fcoord run -q --name k --restart none 'fsource in.ndjson | fsink $OUT --partition \".p + 100\"'"
	says "partition" "has 4 partitions"
	exact 400
}

@test "event time is the record's time" {
	oracle topic "$out" 1
	lines 10
	ok "fsource in.ndjson --time t | fsink $OUT"
	published
	jq -e -s 'all(.timestamp == (.value | fromjson | .t))' got
}

@test "--changes upsert: the last value per key, a deletion is a tombstone" {
	oracle topic "$out" 1 cleanup.policy=compact
	"$BATS_TEST_DIRNAME/../tools/fframe.py" --encode >x.frames <<-'E'
	{"schema":["k","v"],"changing":true}
	["+I",1000,{"k":"a","v":1}]
	["+I",1000,{"k":"b","v":1}]
	["-U",1000,{"k":"a","v":1}]
	["+U",2000,{"k":"a","v":2}]
	["-D",2000,{"k":"b","v":1}]
	["-D",2000,{"k":"z","v":9}]
	E
	ok "fkey k <x.frames | fsink $OUT --changes upsert --key k"
	published
	jq -s -S -c 'reduce .[] as $r ({}; .[$r.key] = ($r.value | if . then fromjson else null end))' got >table
	diff - table <<<'{"a":{"k":"a","v":2},"z":null}' || diff - table <<<'{"a":{"k":"a","v":2},"b":null,"z":null}'
}

@test "a compacted topic takes no record without a key" {
	oracle topic "$out" 1 cleanup.policy=compact
	lines 10
	fails '[236]' "fsource in.ndjson | fsink $OUT"
	says "key"
	published
	[ ! -s got ]
}

@test "a record that the broker would refuse is found before anything of its epoch is there" {
	oracle topic "$out" 1 max.message.bytes=10000
	{ oracle numbers 99 1; oracle numbers 1 1 --first 100 --pad 20000; } >in.ndjson
	fails 3 "fcoord run -q --name j --every 1m --restart none 'fsource in.ndjson | fsink $OUT'"
	says "10000|max.message.bytes"
	published
	[ ! -s got ]
}

@test "a topic that is not there is status 6" {
	lines 10
	fails 6 "fsource in.ndjson | fsink $OUT"
	says "$out"
	fails 6 "fcoord run -q --name j 'fsource in.ndjson | fsink $OUT'"
	says "$out"
}

@test "-X: unknown properties are refused" {
	oracle topic "$out" 1
	lines 10
	fails 2 "fsource in.ndjson | fsink $OUT -X no.such.property=1"
	says "no.such.property"
}

@test "no broker is status 1, and it says where it was looked for" {
	lines 10
	fails 1 "fsource in.ndjson | fsink kafka://127.0.0.1:1/$out"
	says "127.0.0.1:1"
}

@test "kill -9 of fsink and of others in the middle: every record once, in order" {
	oracle topic "$out" 4
	lines 6000
	followed 6000
	ok "fcoord run -d --name j --every 50ms '$(job '--rate 500/s')'"
	killed fsink
	killed fsource
	killed fsink
	ok "fcoord wait j --for done"
	judged
	exact 6000
}

@test "kill -9 of fcoord in the middle, and run again: every record once, in order" {
	oracle topic "$out" 4
	lines 4000
	followed 4000
	crashed
	crashed
	ok "fcoord run -q --name j --every 50ms '$(job)'"
	judged
	exact 4000
}

@test "several sinks, and another number of them after a crash: every record once" {
	oracle topic "$out" 4
	lines 4000
	text="fsource in.ndjson --time t --rate 500/s | fkey p | fsink $OUT --partition .p"
	ok "fcoord run -d --name j --every 50ms -p 3 '$text'"
	progress
	kill -9 "$(tells j .pid)"
	ok "fcoord run -q --name j --every 50ms -p 2 '${text/--rate 500\/s/}'"
	exact 4000
}

@test "killed with FSTATE, and the same line again: every record once, in order" {
	oracle topic "$out" 4
	lines 4000
	followed 4000
	line="export FSTATE=st; fsource in.ndjson --time t --rate 1000/s | fmap --where '.i > 0' | fsink $OUT --partition .p --every 50ms"
	bg "$line"
	progress
	kill -9 -- "-${pids[-1]}"
	ok "$line"
	judged
	exact 4000
}

@test "handles that are used again (--txn-reuse): every record once, in order" {
	oracle topic "$out" 4
	lines 4000
	ok "fcoord run -d --name j --every 50ms '$(job '--rate 1000/s' '--txn-reuse 100')'"
	killed fsink
	ok "fcoord wait j --for done"
	exact 4000
}

@test "a job that was stopped goes on" {
	oracle topic "$out" 4
	lines 3000
	ok "fcoord run -d --name j --every 50ms '$(job '--rate 1000/s')'"
	progress
	ok "fcoord stop j"
	ok "fcoord run -q --name j --every 50ms '$(job)'"
	exact 3000
}

@test "fcoord txn ls shows the lanes" {
	oracle topic "$out" 1
	lines 100
	ok "fcoord run -q --name j --every 50ms 'fsource in.ndjson | fsink $OUT'"
	ok "fcoord txn ls j"
	grep -q "$out" out
}

@test "a marker that is lost stops it with status 7; the operator says what it was" {
	oracle topic "$out" 4
	lines 4000
	oracle groups | jq -r .group | sort >groups
	crashed 3 # so that a checkpoint knows of an epoch that is published
	lanes_lost
	fails 7 "fcoord run -q --name j --every 50ms '$(job)'"
	says "marker" "--marker-lost"
	ok "fcoord run -q --name j --every 50ms '$(job '' '--marker-lost published')'"
	published # what came behind the epochs in doubt is there, and nothing comes twice
	jq -r '.value | fromjson | .i' got | sort -n >seen
	[ "$(tail -1 seen)" = 4000 ]
	[ "$(tail -1000 seen | head -1)" = 3001 ]
	[ -z "$(uniq -d seen)" ]
}
