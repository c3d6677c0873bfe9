# fsink: stdout, one file, null:, and what it refuses.
load common

setup_in() {
	printf '{"a":%s}\n' 1 2 3 >in
}

@test "- is NDJSON on stdout" {
	setup_in
	ok "fsource in | fsink -"
	diff in out
}

@test "FILE is appended to" {
	setup_in
	ok "fsource in | fsink x.ndjson"
	ok "fsource in | fsink x.ndjson"
	cat in in | diff - x.ndjson
	[ ! -s out ]
}

@test "null: takes everything and writes nothing" {
	setup_in
	ok "fsource in | fsink null:"
	[ ! -s out ]
	quiet
}

@test "a bare file of CSV has one header, also when appended to" {
	setup_in
	ok "fsource in | fsink x.csv --format csv"
	ok "fsource in | fsink x.csv --format csv"
	printf 'a\n1\n2\n3\n1\n2\n3\n' | diff - x.csv
}

@test "a directory that cannot be made, or a file that cannot be written, is an error that names it" {
	setup_in
	fsource in >frames
	fails '1|2' "fsink /proc/nope/x.ndjson <frames"
	says '/proc/nope'
}

@test "what sinks need: an operand" {
	setup_in
	fsource in >frames
	fails 2 "fsink <frames"
	fails 2 "fsink a b <frames"
	fails 2 "fsink - --format jsno <frames"
	says "json"
}

@test "fsink reads text as well" {
	setup_in
	ok "fsink - <in"
	diff in out
}

@test "records are seen soon, not when a buffer is full" {
	mkfifo p
	bg 'fsource - <p | fmap --set "b = 1" | fsink x.ndjson'
	exec 9>p
	echo '{"a":1}' >&9
	await '[ -s x.ndjson ]'
	exec 9>&-
	finish
	[ "$rc" = 0 ]
}
