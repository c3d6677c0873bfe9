# fmap: event time, key fields, faults.
load common

@test "--time gives a new event time" {
	printf '{"t":5,"u":65}\n' >in
	ok "fsource in --time t | fmap --time u | fwindow tumble 10s | fsink -"
	brief <<<'{01:00,01:10,"count":1}'
}

@test "--rename of a key field follows" {
	printf '{"k":"%s"}\n' a b a >in
	ok "fsource in | fkey k | fmap --rename k=user | fwindow global | fsink -"
	printf '{"user":"a","count":2}\n{"user":"b","count":1}\n' | is_sorted
}

@test "setting or dropping a key field is an error that says to put fkey behind it" {
	printf '{"k":"a","v":1}\n' >in
	for op in "--set 'k = 5'" "--drop k" "--keep v"; do
		fails 2 "fsource in | fkey k | fmap $op | fsink -"
		says '\bk\b' fkey || { echo "$op"; return 1; }
	done
	ok "fsource in | fkey k | fmap --set 'v = 5' | fsink -"
}

@test "a record with a condition that is neither true, false nor null is bad" {
	printf '{"a":1}\n' >in
	fails 3 "fmap --where '.a' -o json <in"
}

@test "no operation at all is a usage error or a plain copy, never a crash" {
	printf '{"a":1}\n' >in
	fails '0|2' "fmap -o json <in"
}

@test "an empty stream stays a stream" {
	: >in
	ok "fsource in | fmap --set 'a = 1' | fsink -"
	is </dev/null
}
