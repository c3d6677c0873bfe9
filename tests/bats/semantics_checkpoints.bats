# The rules of checkpoints (semantics C16-C35) where they can be seen from outside, through fcoord and the tools.
# What is a state machine of its own has unit tests: C16 test_wm, C21 C22 C23 test_align, C27 C31-C33 test_ckpt.  C26 is
# in semantics_unaligned.bats.
load common
load jobs

# rows KEY:SECOND...: records {"k":KEY,"t":SECOND}.
rows() {
	local e
	for e; do
		printf '{"k":"%s","t":%d}\n' "${e%:*}" "${e#*:}"
	done
}

# chain JOB FILTER: what jq makes of its newest manifest.
chain() {
	local v=("$XDG_STATE_HOME/fjord/$1"/chain/*)
	jq -r "$2" "${v[-1]}"
}

# seen DIR: the counts of the windows that are visible, by their start and key.
seen() {
	find "$1" -name 'part-*' -exec cat {} + |
		sed -E 's/.*"k":"([^"]*)".*T..:(..:..)Z","window_end.*"count":([0-9]+).*/\2 \1 \3/' | sort | paste -sd' '
}

# many: 20,000 numbers in ./in, which the job `copy 'STAGES'` reads so slowly that no test sees its end; then
# whole: the same text reads the rest at once, and res.ndjson is ./in.
many() {
	[ -s in ] || seq 0 19999 | sed 's/.*/{"v":&}/' >in
}

copy() {
	many
	stages=$1
	ok "fcoord run -d --name n --every 20ms ${2:-} 'fsource in --rate 2000/s | $stages'"
}

whole() {
	fcoord cancel n || true
	ok "fcoord run -q --name n --every 20ms 'fsource in | $stages'"
	find res* -name '[!.]*' -type f -exec cat {} + | cmp - in
}

# grows JOB: it completes another checkpoint.
grows() {
	local e
	e=$(tells "$1" .epoch)
	await "[ \"\$(tells $1 .epoch)\" -gt $e ]"
}

# windows 'SOURCE WORDS' [FLAGS] ['WINDOW FLAGS']: the job j, ten-second windows into res/, in the background.
windows() {
	ok "fcoord run -d --name j --every 20ms ${2:-} 'fsource $1 --time t --watermark each | fkey k |
		fwindow tumble 10s ${3:-} | fsink res/'"
}

@test "C17 a silent input holds time back until --idle, and is late when it comes back" {
	rows a:1 a:30 >a
	rows b:2 >b
	windows "a b --follow"
	await '[ "$(tells j ".stages[] | select(.name == \"fwindow\") | .in")" = 3 ]'
	ok "fcoord checkpoint j"
	[ -z "$(seen res)" ]
	[ "$(tells j .watermark)" = 1970-01-01T00:00:01.999Z ]
	ok "fcoord cancel j"
	ok "fcoord run -d --name i --every 20ms 'fsource a b --follow --idle 100ms --time t --watermark each | fkey k |
		fwindow tumble 10s --late late | fsink idle/'"
	await '[ "$(seen idle)" = "00:00 a 1 00:00 b 1" ]' # all idle: the greatest of their watermarks is told
	rows b:5 >>b
	await '[ "$(cat late)" = "$(rows b:5)" ]'
	ok "fcoord stop i"
}

@test "C17 idleness outlives a restart" {
	rows a:1 a:25 >a
	rows b:2 >b
	ok "fcoord run -d --name j --every 20ms 'fsource a b --follow --idle 100ms --time t --watermark each | fkey k |
		fwindow tumble 10s | fsink res/'"
	await '[ "$(seen res)" = "00:00 a 1 00:00 b 1" ]'
	fell j fsource
	rows a:41 >>a
	await '[ "$(seen res)" = "00:00 a 1 00:00 b 1 00:20 a 1" ]'
	fcoord stop j
}

@test "C18 a subtask without a split holds nobody back" {
	rows a:1 a:11 >f
	windows "f --follow" "-p 2"
	await '[ "$(seen res)" = "00:00 a 1" ]'
	fcoord stop j
}

@test "C18 a new file begins at the lowest time, and does not set time back" {
	mkdir dir
	rows a:1 a:11 >dir/a
	windows "dir/ --follow" "" "--late late"
	await '[ "$(seen res)" = "00:00 a 1" ]'
	rows b:2 b:61 >dir/b
	rows a:41 >>dir/a
	await '[ "$(seen res)" = "00:00 a 1 00:10 a 1" ]'
	await '[ "$(cat late)" = "$(rows b:2)" ]'
	fcoord stop j
}

@test "C19 what was late before a crash is late after it" {
	rows a:1 a:100 >f
	windows "f --follow" "" "--late late"
	await '[ "$(seen res)" = "00:00 a 1" ]'
	for stage in fwindow fkey fsource; do
		fell j $stage
	done
	rows a:5 >>f
	await '[ -s late ]'
	fcoord stop j
	[ "$(cat late) $(seen res)" = "$(rows a:5) 00:00 a 1" ]
}

@test "C19 a rescale keeps the watermarks" {
	rows a:1 a:100 >f
	windows "f --follow" "" "--late late"
	await '[ "$(seen res)" = "00:00 a 1" ]'
	ok "fcoord rescale j fsource=2 fkey=2 fwindow=3 fsink=2"
	rows a:5 >>f
	await '[ -s late ]'
	fcoord stop j
	[ "$(cat late) $(seen res)" = "$(rows a:5) 00:00 a 1" ]
}

@test "C20 the end of input fires every window; a stop fires none; a drain all" {
	rows a:1 a:11 a:100 >f
	windows "f --follow"
	await '[ "$(seen res)" = "00:00 a 1 00:10 a 1" ]'
	ok "fcoord stop j"
	[ "$(seen res)" = "00:00 a 1 00:10 a 1" ]
	windows "f --follow"
	ok "fcoord stop j --drain"
	[ "$(seen res)" = "00:00 a 1 00:10 a 1 01:40 a 1" ]
	ok "fcoord run -q --name k 'fsource f --time t | fkey k | fwindow tumble 10s | fsink k/'"
	[ "$(seen k)" = "00:00 a 1 00:10 a 1 01:40 a 1" ]
}

@test "C23 C24 a source at its end goes on delivering barriers, also after a restart" {
	seq 1 3 | sed 's/.*/{"w":&}/' >short
	many
	cat >union.json <<-'EOF'
	{"version": 1,
	 "stages": [{"name": "short", "run": ["fsource", "short"]},
	  {"name": "long", "run": ["fsource", "in", "--rate", "2000/s"]},
	  {"name": "pass", "run": ["fmap", "--where", "true"]},
	  {"name": "out", "run": ["fsink", "res.ndjson"]}],
	 "edges": [{"from": "short", "to": "pass"}, {"from": "long", "to": "pass"}, {"from": "pass", "to": "out"}]}
	EOF
	ok "fcoord run -d --every 20ms union.json"
	await '[ "$(grep -c w res.ndjson)" = 3 ]'
	grows union
	for stage in short pass; do
		fell union $stage
		grows union
	done
	fcoord cancel union
	sed -i 's/, "--rate", "2000.s"//' union.json
	ok "fcoord run -q union.json"
	diff <(sort res.ndjson) <(sort short in)
}

@test "C25 the final checkpoint publishes all before the job ends" {
	rows a:1 a:11 b:11 a:100 >f
	for p in 1 3; do
		ok "fcoord run -q -p $p --every 1h --name j$p 'fsource f --time t | fkey k | fwindow tumble 10s | fsink out$p/'"
		[ "$(seen out$p)" = "00:00 a 1 00:10 a 1 00:10 b 1 01:40 a 1" ]
		[ "$(fcoord history j$p -o json | jq -r .kind)" = final ]
		[ -z "$(find out$p -name '.*.*')" ]
	done
	: >empty
	ok "fcoord run -q --every 1h --name e 'fsource empty --time t | fkey k | fwindow tumble 10s | fsink oute/'"
	[ "$(chain e .kind)" = final ]
}

@test "C28 an epoch is published once, whoever is killed" {
	copy 'fmap --name fmap --where ".v >= 0" | fsink res.ndjson'
	for stage in fsink fmap fsource fsink; do
		grows n
		cp res.ndjson read
		fell n $stage
		cmp -n "$(stat -c %s read)" read res.ndjson # what was read stays
	done
	whole
}

@test "C29 a coordinator that dies before it can tell: the next one publishes" {
	for _ in 1 2 3; do
		copy 'fsink res.ndjson'
		grows n
		kill -9 "$(tells n .pid)"
	done
	whole
}

@test "C30 a savepoint publishes, and holds nothing that is pending" {
	rows a:1 a:11 >f
	windows "f --follow" "--every 1h"
	await '[ "$(tells j ".stages[] | select(.name == \"fsink\") | .in")" = 1 ]'
	[ -z "$(seen res)" ]
	ok "fcoord savepoint j --out sp"
	[ "$(seen res)" = "00:00 a 1" ]
	jq -e '[.stages[].subtasks[].pending | length] | add == 0' sp/savepoint.json
	# Output goes on; what begins from there again would put it out twice.
	rows a:21 >>f
	await '[ "$(tells j ".stages[] | select(.name == \"fsink\") | .in")" = 2 ]'
	ok "fcoord stop j"
	[ "$(seen res)" = "00:00 a 1 00:10 a 1" ]
	job='fsource f --time t --watermark each | fkey k | fwindow tumble 10s | fsink'
	fails "2|4" "fcoord run -q --name j --from sp '$job res/'"
	fails "2|4" "fcoord run -q --name k --from sp '$job res/'"
	fails 2 "fcoord run -q --name l --from sp --clone '$job res/'"
	[ "$(seen res)" = "00:00 a 1 00:10 a 1" ]
	ok "fcoord run -q --name m --from sp --clone '$job out2/'"
	[ "$(seen out2)" = "00:10 a 1 00:20 a 1" ]
}

@test "C31 without its manifest an epoch is not published" {
	rows a:1 >f
	windows "f --follow" "--every 1h"
	ok "fcoord checkpoint j"
	rows a:11 >>f
	await '[ "$(tells j ".stages[] | select(.name == \"fsink\") | .in")" = 1 ]'
	echo taken >state/fjord/j/chain/0000000002.json
	px "fcoord checkpoint j"
	[ "$rc" != 0 ]
	await '[ "$(tells j .pid)" = null ]'
	[ -z "$(seen res)" ]
	grep -q 'another coordinator has completed a checkpoint' state/fjord/j/log
}

@test "C32 ids only grow, over restarts and new coordinators; requests do not wait for --min-pause" {
	rows a:1 >f
	windows "f --follow" "--every 1h --min-pause 1h --keep 100"
	for _ in 1 2; do
		ok "fcoord checkpoint j"
		cat out >>ids
		ok "fcoord savepoint j"
		fell j fkey
		ok "fcoord checkpoint j"
		cat out >>ids
		kill -9 "$(tells j .pid)"
		windows "f --follow" "--every 1h --min-pause 1h --keep 100"
	done
	ok "fcoord stop j"
	fcoord history j -o json | jq -es 'map(.epoch) == (map(.epoch) | unique) and (map(.place) | . == [range(1; length + 1)])
		and map(.attempt) == (map(.attempt) | sort)'
	sort -nuc ids
}

@test "C33 checkpoints that fail in a row fail the job, which begins again; one is forgiven" {
	copy 'fmap --name fmap --where ".v >= 0" | fsink res.ndjson' "--timeout 100ms"
	grows n
	p=$(sub n fmap)
	kill -STOP "$p"
	await 'grep -q "given up" state/fjord/n/log'
	kill -CONT "$p"
	grows n
	kill -STOP "$(sub n fmap)"
	await 'runs n 2'
	grep -q 'too many checkpoints failed in a row' state/fjord/n/log
	whole
}

@test "C34 what was sealed in vain is not published, and goes" {
	copy 'fsink res/' "--keep 1"
	for _ in 1 2 3; do
		fell n fsink
		grows n
	done
	whole
	[ -z "$(find res -name '.*.*')" ]
	last=$(tells n .attempt)
	for f in state/fjord/n/s{tate,egments}/*; do
		f=${f##*/}
		grep -q "$f" state/fjord/n/chain/* || [[ $f =~ \.$last\.[0-9]+\.log$ ]] || { echo "left: $f"; false; }
	done
}

@test "C35 key groups: as many as it says, and a rescale moves them" {
	# plan P [FLAGS]: the groups that P subtasks have.
	plan() {
		fcoord explain -p "$1" "fsource f | fkey k ${2:-} | fwindow running | fsink res/" |
			sed -n 's/.*fwindow running  # keyed, \([0-9]*\) key groups/\1/p'
	}
	[ "$(plan 1) $(plan 85) $(plan 86) $(plan 4 '--groups 4')" = "128 128 256 4" ]
	fails 2 "fcoord explain -p 5 'fsource f | fkey k --groups 4 | fwindow running | fsink res/'"
	says "-p 5 is more than its 4 key groups"

	seq 0 19999 | jq -c '{k: (. % 97), t: .}' >f
	job='fsource f --time t --rate 2000/s | fkey k --groups 7 | fwindow tumble 100s | fsink res/'
	ok "fcoord run -d --name g --every 20ms --keep 1000 -p 2 '$job'"
	for p in 3 7 1 4; do
		ok "fcoord rescale g fsource=$p fkey=$p fwindow=$p fsink=$p"
		ok "fcoord checkpoint g"
		[ "$(chain g '.stages[] | select(.name == "fwindow") | "\(.parallelism) \(.groups)"')" = "$p 7" ]
	done
	fails 2 "fcoord rescale g fwindow=8"
	says "7 key groups"
	fcoord cancel g
	ok "fcoord run -q --name g -p 2 '${job/--rate 2000\/s/}'"
	ok "fsource f --time t | fkey k | fwindow tumble 100s | fsink -"
	diff <(sort out) <(cat res/part-* | sort)
}

@test "C35 the number of key groups is fixed for the life of the state" {
	rows a:1 a:11 >f
	windows "f --follow"
	ok "fcoord stop j"
	fails "2|4" "fcoord run -q --name j 'fsource f --time t | fkey k --groups 64 | fwindow tumble 10s | fsink res/'"
	says "groups"
}
