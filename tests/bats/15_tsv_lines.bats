# Reading TSV, lines and raw bytes.
load common

@test "TSV escapes are \\t \\n \\\\" {
	printf 'a\tb\nx\\ty\t1\nl1\\nl2\t\\\\\n' >in.tsv
	ok "fsource in.tsv --format tsv -o json"
	is <<'E'
{"a":"x\ty","b":1}
{"a":"l1\nl2","b":"\\"}
E
	ok "fsource in.tsv --format tsv -o tsv"
	diff in.tsv out
}

@test "--format lines and raw" {
	printf 'one, "two"\n\n{"a":1}\n' >in
	ok "fsource in --format lines -o json"
	head -1 out | diff - <(echo '{"line":"one, \"two\""}')
	tail -1 out | diff - <(echo '{"line":"{\"a\":1}"}')
	printf 'hi\n' >in
	ok "fsource in --format raw -o json"
	is <<<'{"line":"aGk="}'
}

@test "a number from a CSV cell counts as one" {
	printf 'k,v\na,2\na,3.5\n' >in.csv
	ok "fsource in.csv | fkey k | fwindow global --agg 's=sum(.v)' | fsink -"
	is <<<'{"k":"a","s":5.5}'
}
