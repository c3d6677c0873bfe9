# Bad input.  tests/golden/bad/NAME.txt: the status, then what the message must have, an ERE a line.
# What befalls streams and disks is in 91_bad_streams.bats.
load common

@test "broken JSON at line n" {
	printf '{"a":1}\n{"a":2}\n{"a" 3}\n{"a":4}\n' >in
	bad broken_json "fsource in -o json"
	printf '{"a":1}\n\n\n{"a":1}x\n' >in
	bad broken_json_tail "fsource in -o json"
	printf '5\n' >in
	bad scalar "fsource in --format json -o json"
	printf '[{"a":1},\n{"a":2}\n' >in
	bad open_array "fsource in -o json"
}

@test "a lone surrogate, NUL bytes, control characters, invalid UTF-8" {
	printf '{"a":1}\n{"a":"\\ud800"}\n' >in
	bad surrogate "fsource in -o json"
	printf '{"a":1}\n{"a":"x\0y"}\n' >in
	bad nul "fsource in -o json"
	printf '{"a":1}\n{"a":"x\xff"}\n' >in
	bad utf8 "fsource in -o json"
	printf 'a\nx\xffy\n' >in.csv
	bad utf8_csv "fsource in.csv -o json"
}

@test "one bad record does not take its neighbours along" {
	printf '{"a":1}\n{"a":"x\0y"}\n{"a":"\xff"}\n{"a":\n{"a":2}\n' >in
	ok "fsource in --on-bad skip -o json"
	printf '{"a":1}\n{"a":2}\n' | is
	says '\b3\b'
}

@test "wrong types" {
	printf '{"a":1}\n{"a":"x"}\n' >in
	bad compare_types "fsource in | fmap --where '.a < 5' | fsink -"
	bad add_text "fsource in | fmap --set 'b = .a + 1' | fsink -"
	bad where_number "fsource in | fmap --where '1' | fsink -"
}

@test "overflow and division by zero" {
	printf '{"a":9223372036854775807}\n' >in
	bad overflow "fsource in | fmap --set 'b = .a + 1' | fsink -"
	printf '{"a":0}\n' >in
	bad zero "fsource in | fmap --set 'b = 1 / .a' | fsink -"
}

@test "a missing time field, a time that is none, a window without event time" {
	printf '{"t":1}\n{"a":2}\n' >in
	bad missing_time "fsource in --time t -o json"
	printf '{"t":1}\n{"t":"yesterday"}\n' >in
	bad not_a_time "fsource in --time t -o json"
	bad no_event_time "fsource in | fwindow tumble 5m | fsink -"
}

@test "CSV: a ragged row and an open quote" {
	printf 'a,b\n1,2\n1,2,3\n' >in.csv
	bad ragged "fsource in.csv -o json"
	printf 'a,b\n1,"x\n' >in.csv
	bad open_quote "fsource in.csv -o json"
}
