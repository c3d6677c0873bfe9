# fcoord txn: the lanes of a job, without disturbing it; and the end of a transaction that a dead one has left open.
load common

# job [SOURCE-FLAGS]: records of ./in.ndjson by their number to $out.
job() {
	echo "fsource in.ndjson --time t ${1:-} | fkey p | fsink $OUT --partition .p"
}

# begun N P: a job j with P sinks is on its way with N records.  Checkpoints come when they are asked for.
begun() {
	oracle topic "$out" 4
	oracle numbers "$1" 4 >in.ndjson
	ok "fcoord run -d --name j --every 1h --restart none -p $2 '$(job '--rate 500/s')'"
	await "lanes '.attempt == 1' | grep -qx $2"
	await '[ "$(tells j .records)" -gt 0 ]'
}

# lanes FILTER: how many lanes it holds for.
lanes() {
	fcoord txn ls j -o json | jq -s "map(select($1)) | length"
}

# all_are STATE: every lane is in it.
all_are() {
	fcoord txn ls j -o json | jq -e -s "length > 0 and all(.state == \"$1\")"
}

# lane: the name of its only one.
lane() {
	fcoord txn ls j -o json | jq -r .lane
}

# killed: the job, and whatever was its own.
killed() {
	kill -9 "$(tells j .pid)"
	await '[ "$(tells j .phase)" = failed ]'
}

# left_open LANE: somebody who goes by its name leaves a transaction open that has a record and a marker.
left_open() {
	"$KAFKA_PYTHON" - "$KAFKA" "$1" "$out" <<-'E'
	import os, sys
	import confluent_kafka as ck
	boot, lane, topic = sys.argv[1:]
	p = ck.Producer({"bootstrap.servers": boot, "transactional.id": lane, "log_level": 2})
	p.init_transactions(60)
	p.begin_transaction()
	p.produce(topic, b"never to be seen", partition=0)
	p.flush(60)
	group = ck.Consumer({"bootstrap.servers": boot, "group.id": lane}).consumer_group_metadata()
	p.send_offsets_to_transaction([ck.TopicPartition("fjord-markers", 0, 99 << 16)], group, 60)
	os._exit(0)
	E
}

@test "a running job is shown, and is not disturbed" {
	oracle topic "$out" 4
	oracle numbers 4000 4 >in.ndjson
	followed 4000
	ok "fcoord run -d --name j --every 50ms -p 2 '$(job '--rate 500/s')'"
	fails 5 "fcoord txn abort j"
	says "runs this job"
	for _ in {1..20}; do
		ok "fcoord txn ls j -o json"
		jq -e -s 'all(.state | IN("settled", "to be published", "transaction open"))' out
	done
	ok "fcoord txn ls j"
	grep -qE "fsink +0 +$out +fjord\.[0-9a-f]{32}\.fsink\.1\.0 " out
	grep -qE "fsink +1 +$out +fjord\.[0-9a-f]{32}\.fsink\.1\.1 " out
	ok "fcoord wait j --for done"
	[ "$(tells j .attempt)" = 1 ]
	judged
	exact 4000
	all_are settled
}

@test "a job that has no checkpoint yet has the lanes of its newest attempt" {
	begun 4000 2
	[ "$(lanes '.stage == "fsink" and .epoch == null and .pending == [] and .state == "settled"')" = 2 ]
	killed
	ok "fcoord txn ls j"
	grep -q settled out
	quiet
}

@test "what is published is the epoch of the last checkpoint, of a job that was stopped" {
	begun 4000 2
	ok "fcoord checkpoint j"
	await "[ \"\$(lanes '.epoch == $(cat out) and .attempt == 1')\" = 2 ]"
	ok "fcoord stop j"
	all_are settled
	ok "fcoord txn ls j -o json"
	jq -e -s "all(.epoch == $(tells j .epoch) and .topic == \"$out\" and .reason == null)" out
}

@test "abort ends what is open at once, publishes nothing, and the job goes on" {
	begun 3000 1
	ok "fcoord checkpoint j"
	await "[ \"\$(lanes '.epoch == 1')\" = 1 ]"
	killed
	left_open "$(lane)"
	echo '{"i":3001,"p":4,"at":0}' | oracle produce "$out" --partition at
	all_are "transaction open"
	[ "$(lanes '.epoch == 1 and .attempt == 1')" = 1 ] # the marker of the one before
	published
	lacks out 3001
	ok "fcoord txn abort j"
	says "1 lane is fenced" "run again"
	[ "$(wc -l <out)" = 2 ]
	published
	grep -q 3001 out
	lacks out never
	all_are settled
	ok "fcoord run -q --name j '$(job)'"
	exact 3001
}

@test "what a run could not publish is shown, and the next one publishes it; abort does not" {
	begun 4000 1
	oracle settings "$out" max.message.bytes=10
	ok "fcoord checkpoint j"
	await '[ "$(tells j .phase)" = failed ]'
	oracle settings "$out" max.message.bytes=1000000
	ok "fcoord txn ls j -o json"
	jq -e '.pending == [1] and .epoch == null and (.state | IN("transaction open", "to be published"))' out
	ok "fcoord txn abort j"
	all_are "to be published"
	published
	[ ! -s got ]
	ok "fcoord run -q --name j '$(job)'"
	exact 4000
}

@test "a marker that is gone is marker lost, and what to do stands there" {
	begun 4000 1
	ok "fcoord checkpoint j"
	await "[ \"\$(lanes '.epoch == 1')\" = 1 ]"
	killed
	oracle forget "$(lane)"
	ok "fcoord txn ls j"
	grep -q "marker lost" out
	says "--marker-lost"
	ok "fcoord txn ls j -o json"
	jq -e '.state == "marker lost" and .epoch == null and .pending == [1] and (.reason | test("--marker-lost"))' out
}

@test "a text with a parameter, and one that is not that of the first run" {
	oracle topic "$out" 4
	oracle numbers 100 4 >in.ndjson
	text="fsource in.ndjson --time t | fsink kafka://\${AT}/$out --partition .p"
	ok "fcoord run -q --name j --param AT=$KAFKA '$text'"
	fails 2 "fcoord txn ls j"
	says AT
	ok "fcoord txn ls j --param AT=$KAFKA"
	grep -q settled out
	ok "fcoord txn ls j '$(job)'"
	grep -q settled out
	fails 2 "fcoord txn ls j 'fsource in.ndjson | fsink x/'"
	says "no Kafka sink fsink"
	fails 6 "fcoord txn ls j 'fsource in.ndjson | fsink kafka://$KAFKA/$out-not'"
	says "$out-not"
	fails 1 "fcoord txn ls j 'fsource in.ndjson | fsink kafka://127.0.0.1:1/$out'"
	says "127.0.0.1:1"
}

@test "jobs without Kafka sinks have no lanes; a job that nobody knows is status 2" {
	oracle numbers 10 1 >in.ndjson
	ok "fcoord run -q --name j 'fsource in.ndjson | fsink x.ndjson'"
	ok "fcoord txn ls j"
	says "no lanes"
	ok "fcoord txn ls j -o json"
	[ ! -s out ]
	ok "fcoord txn abort j"
	fails 2 "fcoord txn ls k"
	says "no job 'k'"
	fails 2 "fcoord txn frobnicate j"
	fails 2 "fcoord txn ls"
	lacks <(ldd "$BIN/fcoord") rdkafka
}
