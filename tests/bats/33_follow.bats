# fsource --follow: growth, rotation, new files.
load common

@test "--follow waits for growth" {
	echo '{"a":1}' >log
	bg 'exec fsource log --follow -o json'
	await 'has 1'
	echo '{"a":2}' >>log
	await 'has 2'
	rec 1 2 | is
}

@test "a line that is not ended waits for its end" {
	printf '{"a":1}\n{"a":' >log
	bg 'exec fsource log --follow -o json'
	await 'has 1'
	printf '23}\n{"a":3}\n' >>log
	await 'has 3'
	rec 1 23 3 | is
}

@test "rotation: the old file is read to its end, then the new one" {
	echo '{"a":1}' >log
	bg 'exec fsource log --follow -o json'
	await 'has 1'
	mv log log.1
	echo '{"a":2}' >>log.1
	await 'has 2'
	echo '{"a":3}' >log
	await 'has 3'
	rec 1 2 3 | is
}

@test "new files in a followed directory are found" {
	mkdir d
	echo '{"a":1}' >d/1
	bg 'exec fsource d/ --follow -o json'
	await 'has 1'
	echo '{"a":2}' >d/2
	await 'has 2'
	rec 1 2 | is
}

@test "new files that match a followed glob are found" {
	mkdir d
	echo '{"a":1}' >d/1.ndjson
	bg 'exec fsource "d/*.ndjson" --follow -o json'
	await 'has 1'
	echo '{"a":9}' >d/other
	echo '{"a":2}' >d/2.ndjson
	await 'has 2'
	rec 1 2 | is
}
