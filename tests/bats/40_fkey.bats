# fkey
load common

@test "the key decides what is counted together; the record itself is not changed" {
	printf '{"v":%s,"user":"%s"}\n' 1 a 2 b 3 a >in
	count_by 'fkey user'
	printf '{"user":"a","count":2}\n{"user":"b","count":1}\n' | is_sorted
	ok "fsource in | fkey user | fsink -"
	diff in out
}

@test "a key of several fields" {
	printf '{"a":"%s","b":%s}\n' x 1 x 2 x 1 >in
	count_by 'fkey a,b'
	printf '{"a":"x","b":1,"count":2}\n{"a":"x","b":2,"count":1}\n' | is_sorted
}

@test "parts of a composite key do not run into each other" {
	printf '{"a":"%s","b":"%s"}\n' x yz xy z >in
	count_by 'fkey a,b'
	printf '{"a":"x","b":"yz","count":1}\n{"a":"xy","b":"z","count":1}\n' | is_sorted
}

@test "--expr: the key is called key" {
	printf '{"v":%s}\n' 1 2 3 >in
	count_by 'fkey --expr ".v % 2"'
	printf '{"key":0,"count":1}\n{"key":1,"count":2}\n' | is_sorted
	ok "fsource in | fkey --expr '.v % 2' | fsink -"
	diff in out
}

@test "the key of a path is called after its last part" {
	printf '{"user":{"id":"%s"}}\n' a b a >in
	count_by 'fkey .user.id'
	printf '{"id":"a","count":2}\n{"id":"b","count":1}\n' | is_sorted
	ok "fsource in | fkey user.id | fsink -"
	diff in out
}

@test "--global removes the key" {
	printf '{"user":"%s"}\n' a b a >in
	count_by 'fkey user | fkey --global'
	is <<<'{"count":3}'
	count_by 'cat'
	is <<<'{"count":3}'
}

@test "a later fkey takes the place of an earlier one" {
	printf '{"a":"%s","b":"z"}\n' x y >in
	count_by 'fkey a | fkey b'
	is <<<'{"b":"z","count":2}'
}
