# fmap
load common

m() {
	ok "fmap $1 -o json <in"
}

@test "--where keeps what is true" {
	printf '{"a":%s}\n' 1 5 9 >in
	m "--where '.a > 1 and .a < 9'"
	is <<<'{"a":5}'
}

@test "--set assigns, in place or behind the others" {
	echo '{"a":1,"b":2}' >in
	m "--set 'a = .a + 1; c = .a + .b'"
	is <<<'{"a":2,"b":2,"c":4}'
}

@test "operations are applied in the order given" {
	echo '{"a":1}' >in
	m "--set 'b = .a' --set 'a = 5' --where '.a == 5' --drop a"
	is <<<'{"b":1}'
	m "--where '.a == 5' --set 'a = 5'"
	is </dev/null
}

@test "--keep and --drop" {
	echo '{"a":1,"b":2,"c":3}' >in
	m "--keep a,c"
	is <<<'{"a":1,"c":3}'
	m "--drop a,c"
	is <<<'{"b":2}'
	m "--keep .b"
	is <<<'{"b":2}'
}

@test "--rename keeps the place" {
	echo '{"a":1,"b":2}' >in
	m "--rename a=x"
	is <<<'{"x":1,"b":2}'
	m "--rename a=x,b=y"
	is <<<'{"x":1,"y":2}'
}

@test "--explode: one record per element, the element takes the place of the array" {
	echo '{"a":1,"e":[2,{"c":3},"x"],"z":0}' >in
	m "--explode e"
	is <<'E'
{"a":1,"e":2,"z":0}
{"a":1,"e":{"c":3},"z":0}
{"a":1,"e":"x","z":0}
E
	echo '{"e":[]}' >in
	m "--explode e"
	is </dev/null
}

@test "--explode gives every element of a large array" {
	echo "{\"e\":[$(seq -s, 100000)]}" >in
	m "--explode e"
	seq -f '{"e":%.0f}' 100000 | is
}

@test "an assignment sees those before it, a condition what is set before it" {
	echo '{"a":1,"b":2}' >in
	m "--set 'a = .a + 1; c = .a; a = .a * 10; d = .a'"
	is <<<'{"a":20,"b":2,"c":2,"d":20}'
	m "--set 'a = .b; b = .a' --set 'x = .y; y = 1'"
	is <<<'{"a":2,"b":2,"x":null,"y":1}'
	says "field 'y' was never seen"
	m "--set 'a = 7' --where '.a == 7' --keep b,c"
	is <<<'{"b":2}'
	m "--where '.a == 1' --set 'a = 7' --where '.a == 1'"
	is </dev/null
}

@test "a field that was dropped or renamed is gone for what follows" {
	echo '{"a":1,"b":2}' >in
	m "--drop a --set 'c = .a'"
	is <<<'{"b":2,"c":null}'
	m "--keep b --set 'a = .a ?? 5'"
	is <<<'{"b":2,"a":5}'
	m "--rename a=x --set 'a = .x; x = .a + 1' --drop a"
	is <<<'{"x":2,"b":2}'
	m "--set 'a = 5' --rename a=x,b=a --set 'c = .a + .x'"
	is <<<'{"x":5,"a":2,"c":7}'
}

@test "records that have other fields than those before them" {
	printf '%s\n' '{"a":1}' '{"b":2}' '{"a":1,"b":2,"c":3}' '{"a":4}' >in
	m "--set 'd = .c' --keep a,c,d"
	jq -cS . out >sorted
	diff -u - sorted <<'E'
{"a":1,"d":null}
{"d":null}
{"a":1,"c":3,"d":3}
{"a":4,"d":null}
E
}

@test "--explode: what is computed before, between and behind" {
	echo '{"a":1,"e":[[1,2],[3]]}' >in
	m "--set 'b = .a' --explode e --set 'n = len(.e)' --explode e --where '.e != 2' --set 'a = .e'"
	printf '%s\n' '{"a":1,"e":1,"b":1,"n":2}' '{"a":3,"e":3,"b":1,"n":1}' | is
	m "--set 'e = split(\"x,y\", \",\")' --explode e --set 'f = .e' --drop e"
	printf '%s\n' '{"a":1,"f":"x"}' '{"a":1,"f":"y"}' | is
	m "--keep a --explode e"
	is </dev/null
}
