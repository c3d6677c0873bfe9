# Changing streams at the sink and on their way: `op`, and --changes upsert.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	LIMIT=20
	frames x <<'E'
{"schema":["k","v"],"changing":true}
["+I",1000,{"k":"a","v":1}]
["-D",1000,{"k":"z","v":9}]
["+I",1000,{"k":"b","v":1}]
["-U",1000,{"k":"a","v":1}]
["+U",2000,{"k":"a","v":2}]
["-D",2000,{"k":"b","v":1}]
E
}

# frames NAME: lines of JSON (fframe.py --encode) as NAME.frames.
frames() {
	"$BATS_TEST_DIRNAME/../tools/fframe.py" --encode >"$1.frames"
}

# many: a stream of changes of 7 keys in ./in.frames, what is there at its end in ./table.
many() {
	jq -nc '{schema: ["k", "v"], changing: true},
		(range(1500) | {k: (. % 7), v: .} as $n | {k: $n.k, v: (. - 7)} as $o |
		if . < 7 then ["+I", ., $n]
		elif . == 1499 then ["-D", ., $o]
		elif . % 11 == 0 then ["-D", ., $o], ["+I", ., $n]
		else ["-U", ., $o], ["+U", ., $n] end)' | frames in
	jq -nc 'range(1493; 1499) | {k: (. % 7), v: .}' | sort >table
}

# is_table FILE...: what their upserts leave is ./table.
is_table() {
	cat "$@" | jq -nSc 'reduce inputs as $r ({}; .[$r.k | tostring] = if $r.op == "-D" then null else $r end) |
		.[] | select(. != null)' | sort | diff -u table -
}

changelog() {
	is <<'E'
{"op":"+I","k":"a","v":1}
{"op":"-D","k":"z","v":9}
{"op":"+I","k":"b","v":1}
{"op":"-U","k":"a","v":1}
{"op":"+U","k":"a","v":2}
{"op":"-D","k":"b","v":1}
E
}

upserts() {
	is <<'E'
{"k":"a","v":2}
{"op":"-D","k":"z"}
E
}

@test "a changing stream is written with op: stdout, FILE, DIR/, fcat, -o of filters" {
	ok "fkey k <x.frames | fsink -"
	changelog
	ok "fsink f <x.frames; cat f"
	changelog
	ok "fsink d/ <x.frames; cat d/*"
	changelog
	ok "fcat x.frames"
	changelog
	ok "fmap --where true -o json <x.frames"
	changelog
	ok "fkey k -o csv <x.frames"
	printf '%s\n' op,k,v +I,a,1 -D,z,9 +I,b,1 -U,a,1 +U,a,2 -D,b,1 | is
	ok "fsink - --format tsv <x.frames"
	[ "$(head -2 out | tail -1)" = $'+I\ta\t1' ]
	ok "fsink kept --format frames <x.frames; fcat kept"
	changelog
	ok "fsink p/ --partition-by .k <x.frames; cat p/k=z/*"
	[ "$(cat out)" = '{"op":"-D","k":"z","v":9}' ]
}

@test "fsource keeps the kinds of a file of frames" {
	ok "fsource x.frames | fsink -"
	changelog
	ok "fsource x.frames --fields k,v:i64 --format frames -o json"
	changelog
	echo '{"k":"c","v":1}' >plain
	ok "fsource x.frames plain | fsink -"
	[ "$(tail -1 out)" = '{"op":"+I","k":"c","v":1}' ]
	fails 2 "fsource plain x.frames | fsink -"
	says 'name it first'
}

@test "fmap and fkey keep kinds" {
	ok "fmap --set 'w = .v + 1' --rename v=x --where '.k != \"z\"' <x.frames | fkey k | fkey --expr .k | fcat"
	is <<'E'
{"op":"+I","k":"a","x":1,"w":2}
{"op":"+I","k":"b","x":1,"w":2}
{"op":"-U","k":"a","x":1,"w":2}
{"op":"+U","k":"a","x":2,"w":3}
{"op":"-D","k":"b","x":1,"w":2}
E
	ok "fmap --set 't = 1000 * .v' --time t --keep k <x.frames | fkey --rebalance | fcat"
	[ "$(jq -r .op out | tr '\n' ' ')" = '+I -D +I -U +U -D ' ]
	ok "fmap --set 'l = [.v, .k]' --explode l --keep l <x.frames | fcat"
	[ "$(head -3 out | tail -1)" = '{"op":"-D","l":9}' ]
	[ "$(jq -r .op out | tr '\n' ' ')" = '+I +I -D -D +I +I -U -U +U +U -D -D ' ]
}

@test "what cannot be written with op is refused before any record" {
	fails 2 "fsink - --format raw <x.frames"
	says '--changes upsert'
	fails 2 "fmap --rename v=op <x.frames | fsink f"
	says '--rename op='
	[ ! -s out ] && [ ! -s f ]
	fails 2 "fmap --rename v=op -o csv <x.frames"
	ok "fsink null: <x.frames"
	ok "fmap --keep k <x.frames | fsink null: --format raw --changes upsert"
}

@test "--changes upsert: the last record of each key; a deletion by its key, if anybody can have seen the record" {
	ok "fkey k <x.frames | fsink - --changes upsert"
	upserts
	ok "fsink f --changes upsert --key k <x.frames; cat f"
	upserts
	ok "fkey k <x.frames | fsink d/ --changes upsert; cat d/*"
	upserts
	ok "fsink f.frames --changes upsert --key .k --format frames <x.frames; fcat f.frames"
	printf '%s\n' '{"op":"+I","k":"a","v":2}' '{"op":"-D","k":"z"}' | is
	ok "fsink p/ --changes upsert --key k --partition-by .v <x.frames; cat p/v=2/* p/v=9/*"
	upserts
}

@test "an update that a filter has parted" {
	ok "fmap --where '.v < 2' <x.frames | fsink - --changes upsert --key k"
	[ ! -s out ]
	frames y <<'E'
{"schema":["k","v"],"changing":true}
["-U",1000,{"k":"a","v":1}]
["+U",2000,{"k":"a","v":2}]
E
	ok "fmap --where '.v < 2' <y.frames | fsink - --changes upsert --key k"
	[ "$(cat out)" = '{"op":"-D","k":"a"}' ]
	ok "fmap --where '.v == 2' <y.frames | fsink - --changes upsert --key k"
	[ "$(cat out)" = '{"k":"a","v":2}' ]
}

@test "--changes upsert of a stream that does not change: the last record of each key" {
	ev a:1000:1 b:1000:2 a:2000:3 >in
	ok "fsource in | fkey k | fsink - --changes upsert"
	is <<'E'
{"k":"a","t":"1970-01-01T00:00:02.000Z","v":3}
{"k":"b","t":"1970-01-01T00:00:01.000Z","v":2}
E
	ok "fsource in --fields k,v | fsink - --changes upsert --key '.v % 2' --format csv"
	printf 'k,v\na,3\nb,2\n' | is
	ok "fsource in --fields v | fsink - --changes upsert --key kk"
	says "'kk' was never seen"
}

@test "--changes upsert needs a key" {
	fails 2 "fsink - --changes upsert <x.frames"
	says '--key FIELD' fkey
	fails 2 "fsink - --changes upsert --key 'lower(' <x.frames"
	says '--key'
	fails 2 "fsink - --key k <x.frames"
	says 'kafka://' upsert
}

@test "csv and raw cannot say that a record is gone: a bad record" {
	fails 3 "fsink - --changes upsert --key k --format csv <x.frames"
	says 'csv cannot say' '--format json' '"k":"z"'
	ok "fsink - --changes upsert --key k --format csv --on-bad bad <x.frames"
	printf 'k,v\na,2\n' | is
	[ "$(jq -r .record bad)" = '{"k":"z","v":9}' ]
	ok "fmap --keep k <x.frames | fsink d/ --changes upsert --key k --format raw --on-bad skip; cat d/*"
	[ "$(cat out)" = a ]
}

@test "what upsert holds is bounded by --mem" {
	seq 100000 | jq -c '{k: .}' >in
	fails 1 "fsource in | fkey k | fsink - --changes upsert --mem 1MiB"
	says 'more than --mem'
	ok "fsource in | fmap --set 'k = .k % 100' | fkey k | fsink - --changes upsert --mem 1MiB"
	[ "$(wc -l <out)" = 100 ]
}

# line SINK [FLAGS [SOURCE-FLAGS]]: a pipeline of a shell with FSTATE over ./in.frames.
line() {
	echo "FSTATE=st fsource in.frames $3 | fkey k | fsink $1 $2 --every 20ms"
}

# kill_at_work SINK [FLAGS]: the line is killed when something of its output is there.
kill_at_work() {
	bg "$(line "$1" "$2" '--rate 1000/s')"
	await "cat $1* 2>/dev/null | grep -q ."
	kill -9 -- "-${pids[-1]}" || true
	wait "${pids[-1]}" || true
}

@test "FSTATE: each epoch has the last record of a key, also when the run is killed and goes on" {
	many
	ok "$(line calm '--changes upsert')"
	is_table calm
	[ "$(wc -l <calm)" -lt 2000 ]
	rm -r st
	for sink in d/ f; do
		kill_at_work "$sink" '--changes upsert'
		ok "$(line "$sink" '--changes upsert')"
		find "$sink" -type f -not -name '.*' -exec cat {} + >all
		is_table all
		rm -r st
	done
}

@test "FSTATE: op, byte for byte, also when the run is killed and goes on; upsert cannot go on with it" {
	many
	ok "fkey k <in.frames | fsink calm"
	kill_at_work f
	fails 4 "$(line f '--changes upsert')"
	says upsert
	ok "$(line f)"
	cmp f calm
}

@test "fcoord: upsert and op in parallel; --key brings it together in one subtask" {
	export XDG_STATE_HOME=$PWD/state
	many
	ok "fcoord run -p 2 'fsource in.frames | fkey k | fsink d/ --changes upsert'"
	is_table d/*
	ok "fcoord run -p 2 'fsource in.frames | fkey v | fsink e/ --changes upsert --key k'"
	is_table e/*
	ok "fcoord run -p 2 'fsource in.frames | fkey k | fsink o/'"
	sort o/* >got
	ok "fkey k <in.frames | fsink -"
	sort out | cmp - got
	ok "fcoord run 'fsource in.frames | fkey k | fsink g --changes upsert --guarantee at-least-once'"
	is_table g
}
