# Expressions: functions of values, times and places.
load common

@test "conversions: float takes a number or its text, int truncates, json parses, str prints" {
	exprs <<'E'
float("1.5") => 1.5
float(2) == 2 => true
float("x") => BAD .
int(2.9) => 2
int(-2.9) => -2
str(5) => "5"
json("[1,2]") => [1,2]
json("{\"a\":[1, 2]}").a[1] => 2
json("{") => BAD .
type("a") == type("b") => true
type("a") == type(1) => false
coalesce(null, .nope, 3) => 3
coalesce(null) => null
E
}

@test "calendar: weekday 0 is Sunday; hour minute day month year; strftime; trunc" {
	exprs <<'E'
weekday(time("2024-01-07T00:00:00Z")) => 0
weekday(time("2024-01-06T23:59:59Z")) => 6
hour(time("2024-01-05T10:20:30Z")) => 10
minute(time("2024-01-05T10:20:30Z")) => 20
day(time("2024-01-05T10:20:30Z")) => 5
month(time("2024-01-05T10:20:30Z")) => 1
year(time("2024-01-05T10:20:30Z")) => 2024
strftime(time("2024-01-05T10:20:30Z"), "%Y/%m/%d %H") => "2024/01/05 10"
trunc(time("2024-01-05T10:20:30Z"), 1h) => "2024-01-05T10:00:00Z"
E
}

@test "geodist is in km; hash is the same for the same value" {
	exprs <<'E'
abs(geodist(0, 0, 0, 1) - 111.2) < 0.5 => true
abs(geodist(52.52, 13.405, 48.857, 2.352) - 878) < 5 => true
geodist(10, 20, 10, 20) == 0 => true
hash("a") == hash("a") => true
hash("a") == hash("b") => false
E
}

@test "ts() and key()" {
	ev a:1500 >in
	ok "fsource in --time t | fkey k | fmap --set 'x = ts(); y = key()' --drop t | fsink -"
	is <<<'{"k":"a","x":"1970-01-01T00:00:01.500Z","y":"a"}'
}
