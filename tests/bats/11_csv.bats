# Reading CSV and TSV.
load common

@test "a cell is a number only when its shortest print is the same text; empty is null" {
	csv_back <<'E'
a
7
007
1e3
-5
+5
1.5
1.50
0.1
9223372036854775807
9223372036854775808
true
null
E
	is <<'E'
{"a":7}
{"a":"007"}
{"a":"1e3"}
{"a":-5}
{"a":"+5"}
{"a":1.5}
{"a":"1.50"}
{"a":0.1}
{"a":9223372036854775807}
{"a":"9223372036854775808"}
{"a":"true"}
{"a":"null"}
E
}

@test "an empty cell is null; with :str it stays \"\"" {
	printf 'a,b\n,1\n' | csv_back
	is <<<'{"a":null,"b":1}'
	printf 'a,b\n,1\n' | csv_back "--fields 'a:str, b'"
	is <<<'{"a":"","b":1}'
}

@test "quotes, doubled quotes, line breaks and commas in quotes; CRLF; no last line end" {
	printf 'a,b\r\n"x,y","say ""hi""\nthere"\r\nlast,1' | csv_back
	is <<'E'
{"a":"x,y","b":"say \"hi\"\nthere"}
{"a":"last","b":1}
E
}

@test "cells keep their blanks; blank lines are skipped; a BOM is skipped" {
	printf '\xef\xbb\xbfa,b\n x , 1\n\ny,2\n' | csv_back
	is <<'E'
{"a":" x ","b":" 1"}
{"a":"y","b":2}
E
}

@test "a ragged row is a bad record: place and text" {
	printf 'a,b\n1,2\n3\n4,5\n' >in.csv
	fails 3 "fsource in.csv -o json"
	says 'in\.csv:3:'
	printf 'a,b\n1,2,3\n' >in.csv
	fails 3 "fsource in.csv -o json"
	says 'in\.csv:2:'
}

@test "a header alone gives no record and no error" {
	csv_back <<<'a,b'
	is </dev/null
}
