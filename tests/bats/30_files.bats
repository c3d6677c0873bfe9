# fsource: files, directories, globs, compression.
load common

@test "several files are read in the order of the arguments" {
	rec 1 2 >b
	rec 3 >a
	ok "fsource b a -o json"
	rec 1 2 3 | is
}

@test "- is stdin" {
	rec 1 >in
	ok "fsource - -o json <in"
	rec 1 | is
	ok "cat in | fsource - | fsink -"
	rec 1 | is
}

@test "DIR/ reads its files" {
	mkdir d
	rec 1 >d/1.ndjson
	rec 2 >d/2.ndjson
	ok "fsource d/ -o json"
	rec 1 2 | is_sorted
}

@test "DIR/ leaves out what begins with a dot" {
	mkdir d
	rec 1 >d/1.ndjson
	rec 2 >d/.hidden
	ok "fsource d/ -o json"
	rec 1 | is
}

@test "a quoted glob is fsource's own" {
	mkdir d
	rec 1 >d/1.ndjson
	rec 2 >d/2.ndjson
	rec 3 >d/3.other
	ok "fsource 'd/*.ndjson' -o json"
	rec 1 2 | is_sorted
}

@test "a glob that matches nothing is status 2" {
	fails 2 "fsource 'nope/*.ndjson' -o json"
	says 'nope/\*\.ndjson'
}
