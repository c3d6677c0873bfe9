# fsource: compression and formats of files.
load common

@test ".gz and .zst are unpacked" {
	rec 1 2 3 | gzip >x.ndjson.gz
	rec 4 5 6 | zstd -q >y.ndjson.zst
	ok "fsource x.ndjson.gz y.ndjson.zst -o json"
	rec 1 2 3 4 5 6 | is
	gzip -dc x.ndjson.gz >x
	ok "fsource - -o json <x.ndjson.gz"
	rec 1 2 3 | is
}

@test "compression is seen from the content, not from the name" {
	rec 1 | gzip >plain.ndjson
	rec 2 >not-really.gz
	ok "fsource plain.ndjson not-really.gz -o json"
	rec 1 2 | is
}

@test "members that follow each other in one .gz are one text" {
	{ rec 1 | gzip; rec 2 | gzip; } >x.gz
	ok "fsource x.gz -o json"
	rec 1 2 | is
}

@test "a .gz that is cut is an error, never a short success" {
	seq -f '{"a":%.0f}' 20000 | gzip >whole.gz
	head -c 20000 whole.gz >cut.gz
	px "fsource cut.gz -o json"
	[ "$rc" != 0 ]
	says 'cut\.gz'
}

@test "a file of frames is read as such" {
	rec 1 2 >in
	ok "fsource in -o frames"
	cp out kept.frames
	ok "fsource kept.frames -o json"
	rec 1 2 | is
}

@test "--format decides against the sniffing" {
	printf '[1]\n2\n' >in
	ok "fsource in --format csv -o json"
	is <<<'{"[1]":2}'
	fails 2 "fsource in --format jsno"
	says json
}

@test "each file has its own CSV header; columns are unified by name" {
	printf 'a,b\n1,2\n' >x.csv
	printf 'b,a\n3,4\n' >y.csv
	ok "fsource x.csv y.csv -o json"
	printf '{"a":1,"b":2}\n{"a":4,"b":3}\n' | is
}

@test "--limit counts good records and stops" {
	printf '{"a":1}\nbad\n{"a":2}\n{"a":3}\n' >in
	ok "fsource in --limit 2 --on-bad skip -o json"
	rec 1 2 | is
	fails 2 "fsource in --limit x"
}

@test "--rate holds back" {
	rec $(seq 30) >in
	from=$(date +%s%N)
	ok "fsource in --rate 100/s -o json"
	[ $(($(date +%s%N) - from)) -ge 150000000 ]
	rec $(seq 30) | is
}
