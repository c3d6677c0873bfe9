# fsink DIR/ in a bare shell.
load common

@test "DIR/part-SUBTASK-N.ext, made with its directory" {
	rec 1 2 3 >in
	ok "fsource in | fsink d/"
	ls d | grep -qE '^part-0-[0-9]+\.ndjson$'
	[ "$(ls d | wc -l)" = 1 ]
	cat d/part-* | diff in -
}

@test "parts are hidden until END; what stays hidden begins with a dot" {
	rec 1 2 3 >in
	mkfifo p
	bg 'fsource - <p | fsink d/'
	exec 9>p
	cat in >&9
	await '[ -n "$(find d -type f -size +0 2>/dev/null)" ] || [ -n "$(ls -A d 2>/dev/null)" ]'
	[ -z "$(ls d)" ]
	exec 9>&-
	finish
	[ "$rc" = 0 ]
	[ "$(ls d | wc -l)" = 1 ]
	cat d/part-* | diff in -
	[ -z "$(find d -name '.*part*')" ]
}

@test "a bare run into a directory that has parts numbers on and overwrites nothing" {
	rec 1 2 3 >in
	ok "fsource in | fsink d/"
	first=$(ls d)
	sum=$(md5sum <"d/$first")
	echo '{"a":9}' >in2
	ok "fsource in2 | fsink d/"
	[ "$(ls d | wc -l)" = 2 ]
	[ "$(md5sum <"d/$first")" = "$sum" ]
	[ "$(cat "d/$(ls d | sort -V | tail -1)")" = '{"a":9}' ]
}

@test "--roll SIZE gives several parts, whole lines each, numbered in order" {
	rec $(seq 2000) >in
	ok "fsource in | fsink d/ --roll 1KiB"
	[ "$(ls d | wc -l)" -gt 5 ]
	for f in $(ls d | sort -V); do
		cat "d/$f"
	done | diff in -
	for f in d/*; do
		[ "$(tail -c 1 "$f" | od -An -tx1 | tr -d ' ')" = 0a ]
	done
}

@test "--roll TIME makes a part visible while the input is open" {
	rec 1 2 3 >in
	mkfifo p
	bg 'fsource - <p | fsink d/ --roll 200ms'
	exec 9>p
	cat in >&9
	await '[ -n "$(ls d 2>/dev/null)" ]'
	cat d/part-* | diff in -
	exec 9>&-
	finish
	[ "$rc" = 0 ]
}

@test "--roll with a fault is status 2" {
	rec 1 2 3 >in
	fsource in >frames
	fails 2 "fsink d/ --roll 100 <frames"
	says unit
}
