# Expressions: numbers and null.
load common

@test "integers stay integers; / truncates toward zero as in C, fdiv does not" {
	exprs <<'E'
7 / 2 => 3
-7 / 2 => -3
-7 % 2 => -1
7 % -2 => 1
fdiv(7, 2) => 3.5
2 + 3 * 4 => 14
7 / 2.0 => 3.5
0.1 + 0.2 => 0.30000000000000004
-(2 + 3) => -5
9007199254740993 + 0 => 9007199254740993
E
}

@test "i64 overflow and division by zero are bad records" {
	exprs <<'E'
9223372036854775807 + 1 => BAD overflow
-9223372036854775807 - 2 => BAD overflow
9223372036854775807 * 2 => BAD overflow
1 / 0 => BAD zero
1 % 0 => BAD zero
1.5 / 0 => BAD zero
fdiv(1, 0) => BAD zero
E
}

@test "an integer that i64 cannot hold passes through; computing with it is a bad record" {
	echo '{"n":9223372036854775808,"f":1e999}' >rec
	exprs <<'E'
.n => 9223372036854775808
.f => 1e999
.n + 1 => BAD .
.f * 2 => BAD .
E
}

@test "null: arithmetic and functions with null give null; missing is null" {
	exprs <<'E'
null + 1 => null
.nope * 2 => null
len(null) => null
upper(.nope) => null
.nope == null => true
.nope != null => false
1 != null => true
1 == null => false
E
}

@test "a comparison with null is false, so !(null > 5) is true; a null condition is false" {
	exprs <<'E'
null > 5 => false
null < 5 => false
!(null > 5) => true
.nope <= .nope => false
if null then 1 else 2 end => 2
E
	printf '{"a":1}\n{"a":null}\n{"b":1}\n{"a":9}\n' >in
	ok "fmap --where '.a > 5' -o json <in"
	is <<<'{"a":9}'
}
