# --on-bad fail | skip | PATH
load common

setup_in() {
	printf '{"a":1}\n{"a":\n{"a":2}\nnonsense\n' >in
}

@test "fail is the default: file:line:col, cause and the text; status 3" {
	setup_in
	fails 3 "fsource in -o json"
	says '^(fsource: )?in:2:[0-9]+: .' '\{"a":'
}

@test "skip goes on, counts, and says so at the end" {
	setup_in
	ok "fsource in --on-bad skip -o json"
	printf '{"a":1}\n{"a":2}\n' | is
	says '\b2\b' 'bad|skip'
}

@test "a path gets the record with place, reason and text" {
	setup_in
	ok "fsource in --on-bad bad.ndjson -o json"
	printf '{"a":1}\n{"a":2}\n' | is
	[ "$(wc -l <bad.ndjson)" = 2 ]
	jq -e 'keys == ["at","reason","record"]' bad.ndjson
	[ "$(jq -r .record bad.ndjson)" = $'{"a":\nnonsense' ]
	diff <(printf 'in:2\nin:4\n') <(jq -r '.at | sub(":[0-9]+$"; "")' bad.ndjson)
	jq -e '.reason | length > 3' bad.ndjson
	says '\b2\b'
}

@test "a bad record of an expression: skipped, or a dead letter with the record" {
	printf '{"a":1}\n{"a":0}\n{"a":5}\n' >in
	fails 3 "fsource in | fmap --set 'x = 10 / .a' | fsink -"
	says "zero" '\{"a":0\}'
	ok "fsource in | fmap --set 'x = 10 / .a' --on-bad skip | fsink -"
	printf '{"a":1,"x":10}\n{"a":5,"x":2}\n' | is
	ok "fsource in | fmap --set 'x = 10 / .a' --on-bad dead | fsink -"
	[ "$(jq -r .record dead)" = '{"a":0}' ]
	jq -e '.reason | test("zero")' dead
}

@test "never silent: nothing is said when there was nothing bad" {
	echo '{"a":1}' >in
	ok "fsource in --on-bad skip -o json"
	quiet
	ok "fsource in --on-bad dead -o json"
	quiet
}

@test "the rows before a bad record are out" {
	printf '{"a":1}\n{"a":2}\nbad\n' >in
	px "fsource in | fmap --keep a | fsink -"
	[ "$(cut -d' ' -f1 each)" = 3 ]
	printf '{"a":1}\n{"a":2}\n' | is
}

@test "a dead letter that is not UTF-8 is still valid JSON" {
	printf '{"a":"\xff"}\n' >in
	ok "fsource in --on-bad dead -o json"
	jq -e '.at and .reason and .record' dead
}
