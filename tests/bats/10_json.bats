# Reading JSON, and printing it again.
load common

@test "NDJSON is printed without blanks; nested values too; blank lines are skipped" {
	back <<'E'
 { "a" : 1 , "b" : [ 1, { "c" : "x y" } ] , "d" : { } }

{"a":true}
E
	is <<'E'
{"a":1,"b":[1,{"c":"x y"}],"d":{}}
{"a":true}
E
}

@test "fields print in the order of first appearance; absent is not printed, null is" {
	back <<'E'
{"b":1,"a":2}
{"c":3,"a":null,"b":4}
{}
E
	is <<'E'
{"b":1,"a":2}
{"b":4,"a":null,"c":3}
{}
E
}

@test "a file that is one JSON array gives its elements" {
	printf '[ {"a":1},\n {"a":2} ,{"a":3}]\n' | back
	printf '{"a":1}\n{"a":2}\n{"a":3}\n' | is
	printf '[]' | back
	is </dev/null
}

@test "a BOM is skipped" {
	printf '\xef\xbb\xbf{"a":1}\n' | back
	is <<<'{"a":1}'
}

@test "a name given twice: the last wins" {
	back <<<'{"a":1,"b":2,"a":3}'
	is <<<'{"a":3,"b":2}'
}

@test "the last line needs no line end, and CRLF is one" {
	printf '{"a":1}\r\n{"a":2}' | back
	printf '{"a":1}\n{"a":2}\n' | is
}

@test "text keeps its code points; what must be escaped is escaped" {
	back <<'E'
{"a":"é\u00e9 \ud83d\ude00 \" \\ \/ \n\t\u0001"}
E
	jq -e '.a == "éé 😀 \" \\ / \n\t\u0001"' out
	grep -q 'é' out
}
