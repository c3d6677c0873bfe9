# Short reads and writes, and EAGAIN, change no byte: binaries with injected faults against the usual ones.
load common

FAULTY=$BATS_TEST_DIRNAME/../../build/faults/bin

setup_file() {
	env -u MAKEFLAGS -u MAKELEVEL -u BUILD -u BIN make -s -C "$BATS_TEST_DIRNAME/../.." FAULTS=1 binaries >&2
}

# same TEXT: its output in ./out and in ./dir is what the usual binaries give, with each kind of fault.
same() {
	rm -rf dir
	ok "$1"
	cp out want
	! [ -d dir ] || mv dir want.dir
	for f in short eagain; do
		FFAULT=$f PATH=$FAULTY:$PATH ok "$1"
		cmp want out || { echo "$f: $1"; return 1; }
		! [ -d want.dir ] || diff -r want.dir dir
		rm -rf dir
	done
	rm -rf want.dir
}

# 202 records in order; with `new` the second has a field that the first does not.
input() {
	local more=
	[ -z "${1:-}" ] || more=',"new":[1,{"x":null}]'
	{ printf '{"k":"a","t":"1970-01-01T00:00:01Z","v":1}\n{"v":2.5,"t":"1970-01-01T00:00:02Z","k":"b"%s}\n' "$more"
		for i in {1..200}; do ev "k$((i % 7)):$((2000 + i * 100)):$i"; done; } >in
}

@test "the whole pipeline into stdout" {
	input new
	same "fsource in --time t --out-of-order 1s | fkey k | fwindow tumble 5s --agg 'count(), s=sum(.v), l=collect(.v)' | fsink -"
	[ "$(wc -l <out)" -gt 20 ]
}

@test "every window kind" {
	input
	for w in 'slide 10s/3s' 'session 1s' 'cumulate 20s/5s' 'count 10/5' global running; do
		same "fsource in --time t --watermark each | fkey k | fwindow $w --agg 'count(), sum(.v)' | fsink -"
	done
}

@test "stdin, pipes and text between the stages" {
	input
	same "cat in | fsource - --time t --watermark each | fkey k | fcat --marks | grep -v '^# hello\|^# schema'"
	same "cat in | fmap --set 'x = .v * 2' -o csv | fkey k | fsink - --format tsv"
	same "cat in | fkey --expr 'upper(.k)' -o json | fsink - --format csv"
}

@test "CSV with quotes and line breaks, a JSON array, packed files" {
	printf 'a,b\n1,"x\ny"\n2,"say ""hi"""\r\n\n3,é€😀\n4,last' >in.csv
	same "fsource in.csv | fmap --set 'n = len(.b)' | fsink -"
	same "fsink - <in.csv"
	printf '\xef\xbb\xbf [ {"a":1},\n{"a":"\\u00e9"} ,{"a":[1,2]}\n]' >in.json
	same "fsource in.json -o json"
	same "fsink - <in.json"
	input
	gzip -k in
	same "fsource in.gz -o json"
}

@test "part files" {
	input
	same "fsource in --time t | fkey k | fsink dir/ --partition-by .k"
	same "fsource in --time t | fkey k | fsink dir/ --roll 1KiB --format csv"
}

@test "late records and dead letters" {
	input new
	ev late:0 >>in
	echo 'broken' >>in
	same "fsource in --time t --watermark each --on-bad bad -q | fkey k | fwindow tumble 1s --late late -q | fsink - && cat late bad && rm -f late bad"
	[ "$(grep -c broken out)" = 1 ]
}

@test "a supervised job: control, edges, checkpoints, parallel windows" {
	input
	export XDG_STATE_HOME=$PWD/state LIMIT=20
	for p in 1 3; do
		run="rm -rf res state; fcoord run -q -p $p --every 20ms 'fsource in --time t --rate 2000/s | fkey k |
			fwindow tumble 5s --agg \"count(), sum(.v)\" | fsink res/' && find res -name 'part-*' | xargs sort"
		same "$run"
		[ "$(wc -l <out)" -gt 20 ]
	done
}

@test "bytes that are cut off are still noticed" {
	input
	fsource in -o frames >in.fr
	head -c 3000 in.fr >cut.fr
	for f in short eagain; do
		FFAULT=$f PATH=$FAULTY:$PATH fails 1 "fkey k <cut.fr | fsink -"
		[ "$(cat each)" = "1 1" ]
	done
}
