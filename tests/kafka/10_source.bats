# fsource kafka://: what it reads, from where to where, with which times and fields; how it resumes and what stops it.
load common

@test "to its end in a plain shell: every record once, each partition in order" {
	numbered 1000 4
	ok "fsource --until end $IN | fsink -"
	wanted
	for p in 0 1 2 3; do
		diff <(jq -c "select(.p == $p)" want) <(jq -c "select(.p == $p)" out)
	done
}

@test "as kcat users expect: -o json, two topics, head" {
	numbered 100 2
	ok "fsource --until end -o json $IN | jq -c ."
	wanted
	one=$in in=$in-b
	numbered 50 1 --first 101
	ok "fsource --until end kafka://$KAFKA/$one,$in | fsink -"
	wanted
	ok "fsource --until end $IN | fsink - | head -3"
	[ "$(wc -l <out)" = 3 ]
}

@test "a topic without records ends at once, one with more subtasks than partitions too" {
	oracle topic "$in" 2
	ok "fsource --until end $IN | fsink -"
	[ ! -s out ]
	more 100 2
	ok "fcoord run -q --name j -p 3 'fsource --until end $IN | fsink res/'"
	find res -type f -not -name '.*' -exec cat {} + >out
	wanted
}

@test "--from latest: what comes from now on" {
	numbered 100 2
	ok "fsource --from latest --until end $IN | fsink -"
	[ ! -s out ]
	bg "fsource --from latest $IN | fsink -"
	await 'more 2 2 --first 101; [ -s out ]'
	[ "$(jq -s 'map(.i) | min' out)" -ge 101 ]
}

@test "--from TIME and --until TIME: the records in between" {
	numbered 100 2
	ok "fsource --from 2024-01-05T10:00:00.500Z --until end $IN | fsink -"
	diff <(seq 50 100) <(jq .i out | sort -n)
	ok "fsource --from earliest --until 2024-01-05T10:00:00.505Z $IN | fsink -"
	diff <(seq 1 50) <(jq .i out | sort -n)
	ok "fsource --from 2024-01-05T10:00:00.2Z --until 2024-01-05T10:00:00.305Z $IN | fsink -"
	diff <(seq 20 30) <(jq .i out | sort -n)
}

@test "--from group: where the group has got to" {
	numbered 100 2
	oracle commit "g-$in" "$in" 0 20
	oracle commit "g-$in" "$in" 1 45
	ok "fsource --from group -X group.id=g-$in --until end $IN | fsink -"
	diff <(seq 42 2 100; seq 91 2 99) <(jq .i out | sort -n | awk '{ print ($1 % 2) " " $1 }' | sort -k1,1 -k2,2n | cut -d ' ' -f 2)
}

@test "neither aborted nor open transactions are seen" {
	numbered 400 4 --txn "$in" --every 40 --abort-every 2
	cp want committed
	more 40 4 --first 401 --txn "$in-open" --end open
	mv committed want
	ok "fsource --until end $IN | fsink -"
	wanted
	oracle fence "$in-open"
	ok "fsource --until end $IN | fsink -"
	wanted
}

@test "each partition has a watermark of its own: nothing is late" {
	oracle topic "$in" 2
	for p in 0 1; do
		seq 1 5000 | jq -c "{i: ., p: $p, t: (1704448800000 + $p * 1000000 + . * 100)}" |
			oracle produce "$in" --partition p --time t
	done
	ok "fsource --until end $IN | fkey p | fwindow tumble 10s | fsink -"
	[ "$(jq -s 'map(.count) | add' out)" = 10000 ]
	lacks err late
}

@test "the record's own time is the event time, unless --time says else" {
	oracle topic "$in" 1
	echo '{"i":1,"t":"2024-01-05T11:00:00Z","ms":1704448800000}' | oracle produce "$in" --time ms
	ok "fsource --until end $IN | fmap --set 'at = ts()' --keep at | fsink -"
	is <<<'{"at":"2024-01-05T10:00:00Z"}'
	ok "fsource --time kafka --until end $IN | fmap --set 'at = ts()' --keep at | fsink -"
	is <<<'{"at":"2024-01-05T10:00:00Z"}'
	ok "fsource --time t --until end $IN | fmap --set 'at = ts()' --keep at | fsink -"
	is <<<'{"at":"2024-01-05T11:00:00Z"}'
}

@test "--meta: partition, offset, key, headers and timestamp as fields" {
	numbered 20 2 --header=a=b
	ok "fsource --meta k_ --until end $IN | fsink -"
	jq -e -s 'length == 20 and all(.k_partition == .p and .k_key == .k)' out
	diff <(seq 0 9) <(jq 'select(.p == 1).k_offset' out)
	[ "$(jq -r 'select(.i == 7).k_timestamp' out)" = 2024-01-05T10:00:00.070Z ]
	jq -e -s 'all(.k_headers | tostring | test("\"a\".*\"b\""))' out
}

@test "records that are no JSON: bad, or raw" {
	oracle topic "$in" 1
	printf '{"i":1}\nnot json\n{"i":2}\n' | oracle produce "$in"
	fails 3 "fsource --until end $IN | fsink -"
	says "$in" "not json"
	ok "fsource --on-bad skip --until end $IN | fsink -"
	printf '{"i":1}\n{"i":2}\n' | is
	ok "fsource --format lines --until end $IN | fsink - --format raw"
	grep -qx 'not json' out
}

@test "-X: unknown properties and bad values are refused, secrets are not shown" {
	numbered 10 1
	fails 2 "fsource -X no.such.property=1 --until end $IN | fsink -"
	says "no.such.property"
	fails 2 "fsource -X fetch.wait.max.ms=soon --until end $IN | fsink -"
	says "fetch.wait.max.ms"
	ok "fsource -X fetch.wait.max.ms=20 --until end $IN | fsink -"
	wanted
}

@test "a topic that is not there is status 6" {
	fails 6 "fsource --until end $IN | fsink -"
	says "$in"
}

@test "no broker is status 1, and it says where it was looked for" {
	fails 1 "fsource --until end kafka://127.0.0.1:1/$in | fsink -"
	says "127.0.0.1:1"
}

@test "killed in the middle under fcoord: every record once" {
	numbered 4000 4
	ok "fcoord run -d --name j --every 50ms 'fsource --rate 1000/s --until end $IN | fmap --where \".i > 0\" | fsink res/'"
	for _ in 1 2; do
		ok "fcoord wait j --for checkpoint"
		fell j fsource
	done
	ok "fcoord wait j --for done"
	find res -type f -not -name '.*' -exec cat {} + >out
	wanted
}

@test "killed with FSTATE, and the same line again: every record once" {
	numbered 4000 4
	bg "export FSTATE=st; fsource --rate 2000/s --until end $IN | fmap --where '.i > 0' | fsink res/ --every 50ms"
	await 'ls st/chain/*.json >/dev/null 2>&1'
	kill -9 -- "-${pids[-1]}"
	ok "export FSTATE=st; fsource --rate 2000/s --until end $IN | fmap --where '.i > 0' | fsink res/ --every 50ms"
	find res -type f -not -name '.*' -exec cat {} + >out
	wanted
}

# The group of a job is told how far it is; nothing is read from there.
@test "the job's group shows how far it is" {
	numbered 100 1
	oracle groups | jq -r .group | sort >before
	ok "fcoord run -q --name j --every 50ms 'fsource --until end $IN | fsink res/'"
	oracle groups | jq -r .group | sort | comm -13 before - >new
	await 'while read -r g; do oracle offsets "$g"; done <new | jq -e "select(.topic == \"$in\" and .offset == 100)" >/dev/null'
}

@test "partitions that are added while it runs are read from their beginning" {
	numbered 100 2
	ok "fcoord run -d --name j --every 50ms 'fsource -X topic.metadata.refresh.interval.ms=500 $IN | fsink res/'"
	count() { find res -type f -not -name '.*' -exec cat {} + 2>/dev/null | wc -l; }
	await '[ "$(count)" = 100 ]'
	oracle partitions "$in" 4
	more 100 4 --first 101
	await '[ "$(count)" = 200 ]'
	fell j fsource
	more 100 4 --first 201
	await '[ "$(count)" = 300 ]'
	ok "fcoord stop j"
	find res -type f -not -name '.*' -exec cat {} + >out
	wanted
}

@test "records that were deleted before we read them: an error that names them" {
	numbered 100 1
	job="fsource $IN | fsink res/"
	ok "fcoord run -d --name j --every 50ms '$job'"
	await '[ "$(cat res/part* 2>/dev/null | wc -l)" = 100 ]'
	ok "fcoord stop j"
	more 200 1 --first 101
	oracle truncate "$in" 0 150
	fails '[1-7]' "fcoord run -q --name j --restart none '$job'"
	says "$in" "100" "150"
	[ "$(cat res/part* | wc -l)" = 100 ]
}

@test "a topic that is deleted under it: an error, not an end" {
	numbered 100 1
	bg "timeout -k 1 20 fsource -X topic.metadata.refresh.interval.ms=500 $IN | fsink -"
	await '[ "$(wc -l <out)" = 100 ]'
	oracle delete "$in"
	finish
	[[ $rc =~ ^[1-7]$ ]] || { echo "status $rc"; cat err; return 1; }
	says "$in"
}
