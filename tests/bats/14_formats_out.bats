# -o and --format: what is printed.
load common

setup_in() {
	cat >in <<'E'
{"a":1,"b":"x,y","c":null}
{"a":2.5,"b":"say \"hi\"","d":[1,2]}
E
}

@test "-o csv: header, RFC 4180 quotes, null and absent are empty" {
	setup_in
	ok "fsource in --fields 'a,b,c,d' -o csv"
	is <<'E'
a,b,c,d
1,"x,y",,
2.5,"say ""hi""",,"[1,2]"
E
}

@test "-o tsv: tabs and escapes" {
	printf '{"a":"x\\ty","b":"l\\nm","c":"\\\\"}\n' >in
	ok "fsource in -o tsv"
	printf 'a\tb\tc\nx\\ty\tl\\nm\t\\\\\n' | is
}

@test "-o frames reads back as the same records" {
	setup_in
	ok "fsource in -o json" && cp out want
	ok "fsource in -o frames | fkey a -o frames | fsink -"
	diff want out
}

@test "fsink --format: json, csv, tsv" {
	echo '{"a":1,"b":"x"}' >in
	ok "fsource in | fsink - --format csv"
	printf 'a,b\n1,x\n' | is
	ok "fsource in | fsink - --format tsv"
	printf 'a\tb\n1\tx\n' | is
	ok "fsource in | fsink - --format json"
	is <<<'{"a":1,"b":"x"}'
}

@test "fsink --format raw writes lines as they came" {
	printf 'one\n\xff two\n' >in
	ok "fsource in --format raw | fsink - --format raw"
	cmp in out
}

@test "a new column after the header of a CSV file is an error that names --fields" {
	{ seq -f '{"a":%.0f}' 20000; echo '{"a":1,"b":2}'; } >in
	px "fsource in | fsink - --format csv"
	[ "$rc" != 0 ]
	says "--fields" '\bb\b'
	ok "fsource in --fields 'a, b' | fsink - --format csv"
	[ "$(tail -1 out)" = "1,2" ]
}

@test "a terminal gets a readable table; -o json decides otherwise" {
	echo '{"user":"ada","n":1}' >in
	script -qec 'fsource in' /dev/null </dev/null >out
	grep -q user out
	grep -q ada out
	lacks out '^\{'
	script -qec 'fsource in -o json' /dev/null </dev/null >out
	grep -q '^{"user":"ada","n":1}' out
}

@test "NO_COLOR and --color=never: no escape sequences on a terminal; always: some" {
	echo '{"user":"ada","n":1}' >in
	script -qec 'NO_COLOR=1 fsource in' /dev/null </dev/null >out
	lacks out $'\e\\['
	script -qec 'fsource in --color=never' /dev/null </dev/null >out
	lacks out $'\e\\['
	fails 2 "fsource in --color=sometimes"
}

@test "frames begin with a line for people that says to add | fsink -" {
	echo '{"a":1}' >in
	ok "fsource in -o frames"
	head -c 200 out | grep -aq 'fsink -'
}
