# Bad input at the edges: fields, sizes, years, directories.
load common

# At most 1.5 GB of addresses, which a sanitizer's shadow would not fit into.
bounded() {
	[ -n "${FJORD_SANITIZED:-}" ] || ulimit -v 1500000
}

@test "an unknown field: did you mean, once, at the end" {
	printf '{"user":"a"}\n{"user":"b"}\n' >in
	bad unknown_field "fsource in | fkey usr | fwindow global | fsink -"
	is <<<'{"usr":null,"count":2}'
}

@test "a line of 100 MB is a bad record, in bounded memory" {
	{ printf '{"a":1}\n{"a":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}\n{"a":2}\n'; } >in
	(bounded; bad long_line "fsource in -o json")
	[ "$(stat -c %s err)" -lt 10000 ]
	(bounded; ok "fsource in --on-bad skip -o json")
	printf '{"a":1}\n{"a":2}\n' | is
}

@test "year 9999: a time that can be read is kept, its window does not overflow" {
	printf '{"t":"9999-12-31T23:59:59.999Z"}\n' >in
	ok "fsource in --time t | fmap --set 'x = ts()' | fsink -"
	is <<<'{"t":"9999-12-31T23:59:59.999Z","x":"9999-12-31T23:59:59.999Z"}'
	fails '0|3' "fsource in --time t | fwindow tumble 1d --lateness 7d | fsink -"
	[ "$rc" = 3 ] || jq -e '.count == 1' out
}

@test "an empty file is an empty stream, through every stage" {
	: >in
	ok "fsource in --time t | fkey k | fmap --set 'a = 1' | fwindow tumble 5m --agg 's=sum(.v)' | fsink -"
	is </dev/null
	lacks err 'error'
}

@test "a directory, or a file that may not be read, in place of a file" {
	mkdir d
	bad directory "fsource d -o json"
}
