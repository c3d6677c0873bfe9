# fmap: event time, key fields, faults.
load common

@test "--time gives a new event time" {
	printf '{"t":5,"u":65}\n' >in
	ok "fsource in --time t | fmap --time u | fwindow tumble 10s | fsink -"
	brief <<<'{01:00,01:10,"count":1}'
}

@test "--rename of a key field follows" {
	printf '{"k":"%s"}\n' a b a >in
	ok "fsource in | fkey k | fmap --rename k=user | fwindow global | fsink -"
	printf '{"user":"a","count":2}\n{"user":"b","count":1}\n' | is_sorted
}

@test "setting or dropping a key field is an error that says to put fkey behind it" {
	printf '{"k":"a","v":1}\n' >in
	for op in "--set 'k = 5'" "--drop k" "--keep v"; do
		fails 2 "fsource in | fkey k | fmap $op | fsink -"
		says '\bk\b' fkey || { echo "$op"; return 1; }
	done
	ok "fsource in | fkey k | fmap --set 'v = 5' | fsink -"
}

@test "a record with a condition that is neither true, false nor null is bad" {
	printf '{"a":1}\n' >in
	fails 3 "fmap --where '.a' -o json <in"
}

@test "no operation at all is a usage error or a plain copy, never a crash" {
	printf '{"a":1}\n' >in
	fails '0|2' "fmap -o json <in"
}

@test "an empty stream stays a stream" {
	: >in
	ok "fsource in | fmap --set 'a = 1' | fsink -"
	is </dev/null
}

@test "ts() sees the --time before it, also of each element" {
	printf '{"t":5,"u":[65,125]}\n' >in
	ok "fsource in --time t | fmap --set 'a = ts()' --explode u --set 'b = ts()' --time u --set 'c = ts()' -o json"
	sed -i 's/1970-01-01T00://g' out
	is <<'E'
{"t":5,"u":65,"a":"00:05Z","b":"00:05Z","c":"01:05Z"}
{"t":5,"u":125,"a":"00:05Z","b":"00:05Z","c":"02:05Z"}
E
}

@test "keys and kinds go along: renamed, hidden, of a changing stream" {
	printf '{"k":"%s"}\n' a b a >in
	ok "fsource in | fkey k | fmap --set 'x = 1' --rename k=user --set 'y = key()' --keep user,y | fwindow global | fsink -"
	printf '{"user":"a","count":2}\n{"user":"b","count":1}\n' | is_sorted
	ok "fsource in | fkey --expr 'upper(.k)' | fmap --set 'h = key(); x = 1' --keep h | fwindow global --agg 'h=max(.h), n=count()' | fsink -"
	jq -c '[.h, .n]' out | sort >got
	printf '["%s]\n' 'A",2' 'B",1' | diff -u - got
	"$BATS_TEST_DIRNAME/../tools/fframe.py" --encode >changes <<'E'
{"schema":["k","v"],"changing":true}
["+I",1000,{"k":"a","v":1}]
["-U",1000,{"k":"a","v":1}]
["+U",2000,{"k":"a","v":2}]
["-D",2000,{"k":"a","v":2}]
E
	ok "fmap --set 'w = .v + 1; v = 0' --drop v -o json <changes"
	jq -c '[.op, .k, .w]' out >got
	printf '["%s]\n' '+I","a",2' '-U","a",2' '+U","a",3' '-D","a",3' | diff -u - got
}

@test "in a job a field that --set makes is not looked for in the input" {
	px 'fcoord explain "fsource in | fmap --set \"x = .a; y = .x + 1\" --where \".x > 1\" --keep y | fsink o"'
	says_reads 'a, y'
	px 'fcoord explain "fsource in | fmap --where \".x == null\" --set \"x = .a\" --keep z | fsink o"'
	says_reads 'x, a, z'
}

# says_reads LIST: what the plan in ./out lets leave the source.
says_reads() {
	grep -E "downstream reads ($1)\$" out || { cat out; return 1; }
}
