# Statuses, and ends that are not the usual one.
load common

@test "a named file that is missing is status 2 and is named" {
	fails 2 "fsource nope.ndjson -o json"
	says 'nope\.ndjson' "no such file|not there|does not exist|cannot"
	fails 2 "fsource nope.ndjson | fsink -"
	: >in
	for words in "nope.ndjson in --ttl inf" "in nope.ndjson --ttl inf" "in nope.ndjson --lookup"; do
		fails 2 "fjoin $words --on k"
		says 'nope\.ndjson' "no such file"
	done
}

@test "no byte at all on stdin is an error, except at fsource" {
	echo '{"k":1}' >in
	for c in "fkey k" "fmap --keep k" "fwindow tumble 5s" "fjoin - in --on k --ttl inf" "fsink -" "fcat"; do
		fails 1 "$c </dev/null"
		says .
	done
	ok "fsource - -o json </dev/null"
	[ ! -s out ]
}

@test "| head -3 ends quietly, the stages before it with status 0" {
	seq -f '{"a":%.0f}' 200000 >in
	px "fjoin in in --on a --ttl inf | fsink - | head -3"
	[ "$(cat each)" = "0 0 0" ]
	quiet
	px "fsource in | fmap --set 'b = .a + 1' | fsink - | head -3"
	[ "$(cat each)" = "0 0 0 0" ]
	quiet
	is <<-E
		{"a":1,"b":2}
		{"a":2,"b":3}
		{"a":3,"b":4}
	E
}

@test "| head -3 behind a generator without end" {
	LIMIT=20 px "fsource 'gen:tx?seed=1' -o json | head -3"
	[ "$(cat each)" = "0 0" ]
	quiet
	[ "$(wc -l <out)" = 3 ]
}

@test "Ctrl-C in a bare run: fsource ends with 130, the others finish what they have" {
	mkfifo p
	bg '(echo $BASHPID >src; exec env --default-signal=INT fsource - --time t <p) | fwindow tumble 1h | fsink -'
	exec 9>p
	ev a:0 a:1 >&9
	await '[ -s src ] && [ "$(cat /proc/$(cat src)/comm)" = fsource ]'
	# the records must have been read: the pipe is empty again when a second write has gone through
	head -c 3000000 /dev/zero | tr '\0' '\n' >&9
	kill -INT "$(cat src)"
	finish
	exec 9>&-
	[ "$(cat each)" = "130 0 0" ]
	brief <<<'{00:00,"window_end":"1970-01-01T01:00:00Z","count":2}'
}
