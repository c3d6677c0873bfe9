# Expressions: --set, and what is wrong with an expression.
load common

@test "a regular expression with a fault is status 2" {
	echo '{}' >rec
	fails 2 "fmap --where '\"a\" =~ \"(\"' <rec"
	says .
}

@test "--set goes left to right, each sees the ones before" {
	echo '{"amount":600}' >rec
	ok "fmap --set 'fee = .amount * 0.01; big = .fee > 5' -o json <rec"
	is <<<'{"amount":600,"fee":6.0,"big":true}' || is <<<'{"amount":600,"fee":6,"big":true}'
}

@test "an error in an expression shows the place with a caret" {
	echo '{"a":1}' >rec
	fails 2 "fmap --set 'x = .a + * 2' <rec"
	grep -qE '^[^^]*\^' err
	grep -qF '.a + * 2' err
	# the caret stands below the fault
	line=$(grep -F '.a + * 2' err | head -1) caret=$(grep -E '^ *\^' err | head -1)
	[ "${line:${#caret}-1:1}" = '*' ]
}

@test "a function that is not there: status 2, did you mean" {
	echo '{}' >rec
	fails 2 "fmap --set 'x = lenn(\"a\")' <rec"
	says lenn "did you mean" "\\blen\\b"
}

@test "pure: now() and random() are not there" {
	echo '{}' >rec
	fails 2 "fmap --set 'x = now()' <rec"
	fails 2 "fmap --set 'x = random()' <rec"
}

@test "a wrong number of arguments is status 2" {
	echo '{}' >rec
	fails 2 "fmap --set 'x = len()' <rec"
	fails 2 "fmap --set 'x = len(1, 2)' <rec"
}

@test "a field never seen in the whole stream: null, and a warning at the end with did you mean" {
	printf '{"user":"a"}\n{"user":"b"}\n' >in
	ok "fmap --where '.usr == null' -o json <in"
	[ "$(wc -l <out)" = 2 ]
	says usr "did you mean" user
	[ "$(grep -c usr err)" = 1 ]
	printf '{"user":"a"}\n{"usr":"b"}\n' >in
	ok "fmap --where '.usr == null' -o json <in"
	quiet
}
