# --late and --on-bad: a file gets NDJSON, a pipe gets frames; nothing is lost, nothing is silent.
load common

# Three records that are late for tumble 5s, four that are not.
late_in() {
	ev a:1000 a:9000:1 a:2000:2 b:3000:3 b:20000 a:4000:4 a:21000 >in
	sed -n '3p;4p;6p' in >want.late
}

LATE="fsource in --time t --watermark each | fkey k | fwindow tumble 5s"

@test "--late FILE: the records as they came, counted; the main output is not touched" {
	late_in
	ok "$LATE | fsink -"
	late 3
	sort out >want
	ok "$LATE --late late | fsink -"
	diff want.late late
	diff want <(sort out)
	says '\b3\b late records'
}

@test "--late FILE appends, and is made also when nothing is late" {
	late_in
	ok "$LATE --late late | fsink null:"
	ok "$LATE --late late | fsink null:"
	diff <(cat want.late want.late) late
	ok "$LATE --lateness 1h --late none | fsink null:"
	[ -f none ]
	[ ! -s none ]
	lacks err late
}

@test "--late >( ): frames, with HELLO, END and the fields' names" {
	late_in
	ok "$LATE --late >(fcat --marks >side) | fsink null:"
	await 'grep -q "^# end done" side'
	diff want.late <(grep -v '^#' side)
	[ "$(head -1 side | cut -c1-12)" = '# hello run ' ]
	ok "$LATE --late >(fmap --where '.v > 2' | fsink dir/) | fsink null:"
	await '[ -s dir/part-0-0.ndjson ] || [ -s dir/part-0-1.ndjson ]'
	diff <(sed 1d want.late) <(cat dir/part-*)
}

@test "--late into a pipe when nothing is late is an empty stream, not an error" {
	late_in
	ok "$LATE --lateness 1h --late >(fsink - >side; echo \$? >status) | fsink null:"
	await '[ -s status ]'
	[ "$(cat status)" = 0 ]
	[ ! -s side ]
	quiet
}

@test "many late records through a slow pipe: all of them, and no deadlock" {
	{ ev a:100000000; seq -f '{"k":"a","t":"1970-01-01T00:00:00Z","n":%.0f,"pad":"....................................................."}' 60000; } >in
	ok "$LATE --late >(sleep 1; fsink - | wc -l >side) | fsink -"
	await '[ -s side ]'
	[ "$(cat side)" = 60000 ]
	late 60000 2>/dev/null || says '\b60000\b late records'
}

@test "late records with a field that shows up late" {
	ev a:100000000 >in
	echo '{"k":"a","t":"1970-01-01T00:00:01Z"}' >>in
	echo '{"k":"a","new":1,"t":"1970-01-01T00:00:02Z"}' >>in
	ok "$LATE --late >(fsink side) | fsink null:"
	await '[ "$(wc -l <side 2>/dev/null)" = 2 ]'
	diff <(sed 1d in | jq -cS .) <(jq -cS . side)
}

@test "the reader of a side leaves: a failure that names it, never a quiet end" {
	{ ev a:100000000; seq -f '{"k":"a","t":"1970-01-01T00:00:00Z","n":%.0f,"pad":"....................................................."}' 60000; } >in
	px "(sleep 0.3; cat in) | fsource - --time t --watermark each | fkey k | fwindow tumble 5s --late >(exec true) | fsink -"
	[ "$(cut -d' ' -f4 each)" = 1 ]
	says 'fwindow: .*reader left'
	{ seq -f 'bad %.0f' 60000; echo '{"a":1}'; } >in
	px "(sleep 0.3; cat in) | fmap --keep a --on-bad >(exec true) | fsink -"
	[ "$(cut -d' ' -f2 each)" = 1 ]
	says 'fmap: .*reader left'
}

@test "the reader of the main output leaves: the side still gets its END" {
	{ ev a:100000000; seq -f '{"k":"a","t":"1970-01-01T00:00:00Z","n":%.0f}' 100; ev a:200000000 a:300000000; } >in
	ok "$LATE --late >(fsink dir/; echo \$? >status) -o json | head -1"
	await '[ -s status ]'
	[ "$(cat status)" = 0 ]
	[ "$(cat dir/part-* | wc -l)" = 100 ]
}

@test "--on-bad FILE and >( ): place, reason, text" {
	printf '{"a":1}\noops\n{"a":2}\n{"a":\n' >in
	ok "fsource in --on-bad bad | fsink -"
	printf '{"a":1}\n{"a":2}\n' | is
	diff <(printf 'oops\n{"a":\n') <(jq -r .record bad)
	ok "fsource in --on-bad >(fcat >side) | fsink -"
	await '[ "$(wc -l <side)" = 2 ]'
	diff bad side
	says '\b2\b bad records'
}

@test "--on-bad of a filter: the record as NDJSON, its number in the stream" {
	printf '{"a":1}\n{"a":0}\n{"a":5}\n{"a":0,"b":[1]}\n' >in
	ok "fsource in | fmap --set 'x = 10 / .a' --on-bad bad | fsink -"
	printf '{"a":1,"x":10}\n{"a":5,"x":2}\n' | is
	diff <(printf '%s\n' '{"a":0}' '{"a":0,"b":[1]}') <(jq -r .record bad)
	diff <(printf '2:1\n4:1\n') <(jq -r '.at | sub("^[a-z]+:"; "")' bad)
}

@test "--on-bad and --late of one stage, into one pipeline each" {
	late_in
	echo '{"k":"a"}' >>in
	ok "fsource in --time t --watermark each --on-bad >(fsink bad.out) | fkey k | fwindow tumble 5s --late >(fsink late.out) | fsink -"
	await '[ -s bad.out ] && [ "$(wc -l <late.out)" = 3 ]'
	diff want.late late.out
	jq -e '.at == "in:8:1"' bad.out
}

@test "a PATH that cannot be written is refused at the start" {
	late_in
	fails 2 "fwindow tumble 5s --late no/such/dir/x <in"
	says 'no/such/dir/x'
	fails 2 "fsource in --on-bad no/such/dir/x -o json"
	says 'no/such/dir/x'
}

@test "under --on-bad fail what was good before the bad record is out, in every stage" {
	printf '{"a":1}\n{"a":2}\nbad\n' >in
	for s in "fsource in -o json" "fmap --keep a -o json <in" "fsink - <in" "fsource in | fsink -" "fsource in | fmap --keep a | fsink -"; do
		px "$s"
		[ "$rc" != 0 ]
		printf '{"a":1}\n{"a":2}\n' | is || { echo "$s"; return 1; }
	done
}
