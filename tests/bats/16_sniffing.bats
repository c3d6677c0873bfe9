# Reading: limits, and what stdin is taken for.
load common

@test "numbers that i64 and f64 cannot hold pass through unchanged" {
	back <<'E'
{"a":9223372036854775808,"b":-9223372036854775808,"c":1e999,"d":123456789012345678901234567890}
E
	is <<'E'
{"a":9223372036854775808,"b":-9223372036854775808,"c":1e999,"d":123456789012345678901234567890}
E
}

@test "depth limit 512" {
	deep() { printf '{"a":%s%s}\n' "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"; }
	deep 500 | back
	deep 600 >in
	fails 3 "fsource in -o json"
	says "in:1:" "deep|depth|nest"
}

@test "stdin is sniffed: frames, else NDJSON, else CSV; so cat x | fkey works" {
	echo '{"k":"a"}' >j
	printf 'k\na\n' >c
	ok "fsource j -o frames"
	cp out f
	for x in j c f; do
		ok "fkey k -o json <$x"
		is <<<'{"k":"a"}'
	done
}

@test "-o json into a pipe, frames without it" {
	echo '{"k":"a"}' >in
	ok "fsource in | head -c 3"
	lacks out '^{'
}
