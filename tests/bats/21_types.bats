# Expressions: types, times, paths, constants.
load common

@test "different types: == is false, != true, < a bad record" {
	exprs <<'E'
"1" == 1 => false
"1" != 1 => true
true == 1 => false
1 == 1.0 => true
"a" < 1 => BAD .
true < 2 => BAD .
"a" < "b" => true
E
}

@test "times: difference is ms, plus or minus a duration is a time, durations compare with ms" {
	echo '{"at":"2024-01-05T10:00:00Z"}' >rec
	exprs <<'E'
time("2024-01-05T10:00:01Z") - time("2024-01-05T10:00:00Z") => 1000
time("2024-01-05T10:00:00Z") + 90m => "2024-01-05T11:30:00Z"
time("2024-01-05T10:00:00Z") - 250ms => "2024-01-05T09:59:59.750Z"
1500 < 2s => true
1h30m == 5400000 => true
@1704448800 == time("2024-01-05T10:00:00Z") => true
2024-01-05T10:00:00Z == @1704448800 => true
E
}

@test "a string against a time literal is parsed as a time" {
	echo '{"at":"2024-01-05T12:00:00+02:00"}' >rec
	exprs <<'E'
.at == @1704448800 => true
.at > @1704448799 => true
.at < 2024-01-05T10:00:00Z => false
E
}

@test "paths: .a.b, .items[0], .\"odd name\"; [..] and .x may follow any expression" {
	echo '{"a":{"b":7},"items":["x",{"y":8}],"odd name":9}' >rec
	exprs <<'E'
.a.b => 7
.items[0] => "x"
.items[1].y => 8
.items[5] => null
.a.nope.deeper => null
."odd name" => 9
json('{"a":{"b":7}}').a.b => 7
split("p,q", ",")[1] => "q"
E
}

@test "strings in either quotes, constants, in, if" {
	exprs <<'E'
'it' => "it"
"say 'x'" => "say 'x'"
true => true
null => null
2 in [1, 2] => true
"c" in ["a", "b"] => false
if 1 < 2 then "y" else "n" end => "y"
E
}
