# The examples that join: their results against what awk and Python make of the same data.
load common

EXAMPLES=$BATS_TEST_DIRNAME/../../examples
export BIN

@test "examples/bank: a join that is killed matches every transfer once; unaligned rules would not" {
	ok "'$EXAMPLES/bank/run' -k kept"
	quiet
	grep -q '^60000 transfers, 60000 lines of result, 60000 transfers matched as they were made$' out
	grep -q 'restarting from epoch' out
	# matched again, from the inputs alone
	awk -F '[:,"{}]+' 'NR == FNR { from[$3] = $7; paid[$3] = $9; next } paid[$3] == $9 { print $3, from[$3], $7, $9 + 0 }' \
		kept/debits.ndjson kept/credits.ndjson | sort >want
	[ "$(wc -l <want)" = 60000 ]
	awk 'NR > 1 { print $1, $2, $3, $4 + 0 }' kept/matched.tsv | sort | cmp - want
	# what mixup.awk tells: nothing is wrong with aligned barriers, and much with the others
	awk '/^aligned/ { a = $(NF - 2) == 60000 && $(NF - 1) + $NF == 0 } /first barrier/ { f = $(NF - 1) > 0 && $NF == 0 }
		/last one/ { l = $NF > 0 && $(NF - 1) == 0 } END { exit !(a && f && l) }' out
}

@test "examples/bank: a result that differs is found" {
	mkdir bad
	cp "$EXAMPLES"/bank/* bad
	sed -i 's/--within 0s..30s/--within 0s..19s/' bad/run
	fails 1 "bad/run"
	grep -q "^got truth differ" out
	grep -q "restarting from epoch" out
}

@test "examples/flights: each flight with the weather and the plane that Python finds" {
	ok "'$EXAMPLES/flights/run' -k kept"
	quiet
	python3 - "$EXAMPLES/data" <<-'END'
	import bisect, collections, csv, datetime, gzip, json, sys

	def rows(name):
	    with gzip.open("%s/%s.csv.gz" % (sys.argv[1], name), "rt", newline="") as f:
	        return list(csv.DictReader(f))

	def moment(text):
	    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

	weather = collections.defaultdict(list)
	for r in rows("weather"):
	    weather[r["origin"]].append((moment(r["time_hour"]), r))
	planes = {r["tailnum"]: r for r in rows("planes")}

	def number(text):
	    return float(text) if text else None

	want = collections.Counter()
	for f in rows("flights"):
	    left = moment(f["sched"]) + 60 * int(f["dep_delay"] or 0)
	    known = weather[f["origin"]]
	    i = bisect.bisect_right(known, left, key=lambda x: x[0]) - 1
	    w = known[i][1] if i >= 0 and left - known[i][0] <= 3600 else {}
	    p = planes.get(f["tailnum"], {})
	    want[left, f["carrier"], int(f["flight"]), f["origin"], f["tailnum"] or None, w.get("time_hour"),
	         number(w.get("temp")), number(w.get("visib")), p.get("manufacturer"), number(p.get("seats"))] += 1
	got = collections.Counter()
	for line in open("kept/flown.ndjson"):
	    r = json.loads(line)
	    got[moment(r["left"]), r["carrier"], r["flight"], r["origin"], r["tailnum"], r["weather_at"],
	        r["temp"], r["visib"], r["manufacturer"], r["seats"]] += 1
	assert sum(want.values()) == 27004
	print(list((want - got).items())[:3], list((got - want).items())[:3])
	sys.exit(want != got)
	END
	# the table: as many flights as left, and the rows that the README shows
	awk '/^visibility/ { on = 1; next } /^$/ { on = 0 } on { n += $(NF - 4) } END { exit n != 26483 }' out
	grep '^5 to 10 ' out | grep -qF -f - "$EXAMPLES/flights/README.md"
}
