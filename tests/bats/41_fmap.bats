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
