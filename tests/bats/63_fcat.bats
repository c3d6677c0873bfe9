# fcat
load common

@test "one NDJSON line per record and nothing else; FILE or stdin" {
	ev a:1000 b:2000 >in
	ok "fsource in --time t --watermark each -o frames"
	cp out f
	ok "fcat f"
	diff in out
	ok "fcat <f"
	diff in out
	ok "fcat - <f"
	diff in out
}

@test "--marks shows watermarks and the rest as lines that begin with #" {
	ev a:1000 b:2000 >in
	ok "fsource in --time t --watermark each | fkey k | fcat --marks"
	[ "$(grep -v '^#' out)" = "$(cat in)" ]
	grep -qE '^#.*(999|00:00\.999)' out
	grep -qE '^#.*(1999|00:01\.999)' out
	grep -qiE '^#.*schema' out
	grep -qiE '^#.*end' out
	head -1 out | grep -q '^#'
}

@test "marks stand where they are on the wire: the record, then its mark" {
	ev a:1000 b:2000 >in
	ok "fsource in --time t --watermark each | fcat --marks"
	first=$(grep -n -m1 -E '^#.*(\b999|00:00\.999)' out | cut -d: -f1)
	[ "$(grep -n '"k":"a"' out | cut -d: -f1)" -lt "$first" ]
	[ "$first" -lt "$(grep -n '"k":"b"' out | cut -d: -f1)" ]
}

@test "a file that is missing is status 2" {
	fails 2 "fcat nope"
	says nope
}

@test "tee, zstd and a file on an edge change nothing" {
	seq -f '{"a":%.0f}' 5000 >in
	ok "fsource in | tee copy | zstd -q | zstd -dcq | fkey a | fsink -"
	diff in out
	ok "fkey a <copy | fsink -"
	diff in out
}
