# Expressions: precedence and regular expressions.
load common

@test "precedence, loose to tight: || && ! comparison ?? + - * / % unary -" {
	exprs <<'E'
true || false && false => true
false && false || true => true
!1 == 2 => true
not 1 == 2 and true => true
null ?? 1 + 2 => 3
1 + 2 ?? 5 => 3
null ?? 1 == 1 => true
2 + 3 * 4 - 6 / 2 => 11
-2 * 3 => -6
10 % 4 * 2 => 4
1 < 2 && 2 < 3 => true
E
}

@test "words stand for signs: and or not" {
	exprs <<'E'
true and not false => true
false or true => true
E
}

@test "?? is the default for null, and only for null" {
	exprs <<'E'
null ?? 5 => 5
false ?? 5 => false
.nope ?? .nada ?? "z" => "z"
E
}

@test "=~ is PCRE2, unanchored" {
	exprs <<'E'
"abc" =~ "b" => true
"abc" =~ "^b" => false
"a1" =~ "\\d$" => true
"foobar" =~ "foo(?=bar)" => true
null =~ "a" => false
E
}

@test "a regular expression that would take for ever meets its match limit" {
	LIMIT=20
	printf '{"s":"%s!"}\n' "$(printf 'a%.0s' $(seq 60))" >rec
	fails '0|3' "fmap --set 'x = .s =~ \"^(a+)+\$\"' -o json <rec"
}
