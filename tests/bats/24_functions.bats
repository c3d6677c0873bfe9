# Expressions: functions of text and numbers.
load common

@test "text: len, substr count code points from 0; upper, lower are ASCII" {
	exprs <<'E'
len("héllo") => 5
len("") => 0
substr("héllo", 1, 3) => "éll"
upper("äbc") => "äBC"
lower("ÄBC") => "Äbc"
trim("  a b ") => "a b"
split("a,b,,c", ",") => ["a","b","","c"]
split("a,b,,c", ",")[0] => "a"
split("a,b,,c", ",")[2] => ""
split("a,b,,c", ",")[4] => null
split(str(.x ?? "a::b:"), "::")[1] => "b:"
split(str(.x ?? "a/b/"), "/")[2] => ""
split(str(.x ?? "a/b/"), "/")[3] => null
split(str(.x ?? "a/b/"), "/")[-1] => null
split(str(.x ?? ""), "/")[0] => ""
split(str(.x ?? ""), "")[0] => null
split(str(.x ?? "aé\"b"), "")[1] => "é"
split(str(.x ?? "aé"), "")[2] => null
split(.x, "/")[0] => null
split(str(.x ?? "a"), .x)[0] => null
split(.x ?? 5, "/")[0] => BAD string
len(split(str(.x ?? "a/b"), "/")[1]) => 1
contains("abc", "bc") => true
starts_with("abc", "ab") => true
ends_with("abc", "ab") => false
E
}

@test "concat takes any number of arguments, replace is literal" {
	exprs <<'E'
concat("a") => "a"
concat("a", "b", "c", "d") => "abcd"
replace("a.b.c", ".", "-") => "a-b-c"
E
}

@test "regex_extract: group 1 if not said, null without a match" {
	exprs <<'E'
regex_extract("a12b", "[a-z]([0-9]+)") => "12"
regex_extract("a12b", "([a-z])([0-9]+)", 2) => "12"
regex_extract("a12b", "[0-9]+", 0) => "12"
regex_extract("abc", "([0-9]+)") => null
E
}

@test "numbers: round half away from zero; log natural; min and max of any number of values" {
	exprs <<'E'
round(2.5) == 3 => true
round(-2.5) == -3 => true
floor(-1.5) == -2 => true
ceil(1.2) == 2 => true
abs(-5) => 5
sqrt(9) == 3 => true
pow(2, 10) == 1024 => true
abs(log(exp(1)) - 1) < 0.000001 => true
min(3, 1, 2) => 1
max(3, 1, 2, 9) => 9
max(4) => 4
E
}

@test "sqrt of a negative number and log of 0 are bad records, never NaN" {
	exprs <<'E'
sqrt(-1) => BAD .
log(0) => BAD .
E
}
