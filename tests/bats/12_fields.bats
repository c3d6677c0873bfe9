# --fields keeps and types columns.
load common

@test "--fields keeps what it names, in its order of naming, and nothing else" {
	printf 'a,b,c\n1,2,3\n' >in.csv
	ok "fsource in.csv --fields 'c, a' -o json"
	jq -e 'keys == ["a","c"] and .a == 1 and .c == 3' out
	echo '{"a":1,"b":2,"c":{"d":1}}' >in
	ok "fsource in --fields 'a, c' -o json"
	is <<<'{"a":1,"c":{"d":1}}'
}

@test "--fields types CSV cells: f64, str, time" {
	printf 'user,amount,at\n007,5,2024-01-05\n' >in.csv
	ok "fsource in.csv --fields 'user:str, amount:f64, at:time' -o json"
	jq -e '.user == "007" and .amount == 5 and .at == "2024-01-05T00:00:00Z"' out
}

@test "--fields types JSON values as well" {
	echo '{"user":"a","amount":5,"at":1704448800}' >in
	ok "fsource in --fields 'user, amount:f64, at:time' -o json"
	jq -e '.amount == 5 and .at == "2024-01-05T10:00:00Z"' out
}

@test "a value that its type cannot hold is a bad record" {
	printf 'a,b\nx,1\n' >in.csv
	fails 3 "fsource in.csv --fields 'a:f64' -o json"
	says 'in\.csv:2:'
	fails 3 "fsource in.csv --fields 'a:time' -o json"
	says 'in\.csv:2:'
}

@test "a type that is not there is status 2 with did you mean" {
	printf 'a\n1\n' >in.csv
	fails 2 "fsource in.csv --fields 'a:f46'"
	says "f46" "f64"
}

@test "a column of --fields that never comes is null, with a warning that says did you mean" {
	printf 'user,b\nx,1\n' >in.csv
	ok "fsource in.csv --fields 'usr, b' -o json"
	jq -e '.usr == null and .b == 1' out
	says usr "did you mean" user
}

@test "empty cells are null for every type but str" {
	printf 'a,b,c\n,,\n' >in.csv
	ok "fsource in.csv --fields 'a:f64, b:time, c:str' -o json"
	is <<<'{"a":null,"b":null,"c":""}'
}
