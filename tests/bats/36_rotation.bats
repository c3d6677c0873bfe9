# fsource --follow: truncation, and how it ends.
load common

@test "truncated below our position, with no sibling to finish from: status 3, naming the lost range" {
	seq -f '{"a":%.0f}' 100 >log
	bg 'exec fsource log --follow -o json'
	await 'has 100'
	: >log
	echo '{"a":1}' >log
	finish
	[ "$rc" = 3 ]
	says log
}

@test "copytruncate: what is missing is read from the sibling with the same beginning" {
	seq -f '{"a":%.0f}' 200 >log
	bg 'exec fsource log --follow -o json'
	await 'has 200'
	kill -STOP "${pids[-1]}"
	seq -f '{"a":%.0f}' 201 210 >>log
	cp log log.1
	echo '{"a":1000}' >log
	kill -CONT "${pids[-1]}"
	await 'has 1000'
	rec $(seq 210) 1000 | is
}

# rotate [COMMAND]: log becomes log.1, log.1 becomes log.2 ...; COMMAND packs or not.
rotate() {
	local n e
	for n in 5 4 3 2 1; do
		for e in '' .gz; do
			[ ! -e "log.$n$e" ] || mv "log.$n$e" "log.$((n + 1))$e"
		done
	done
	mv log log.1
	"${@:-true}"
}

# Records 1 to 20 are read, then it is rotated N times: 20 more each time.
rotations() {
	local i n=$1
	shift
	await 'has 20'
	for ((i = 1; i <= n; i++)); do
		rotate "$@"
		rec $(seq $((20 * i + 1)) $((20 * i + 20))) >log
	done
	await "has $((20 * n + 20))"
	rec $(seq $((20 * n + 20))) | is
}

@test "rotated twice while one file is finished: nothing in between is left out" {
	rec $(seq 20) >log
	bg 'exec fsource log --follow -o json'
	rotations 2
}

@test "rotated five times, and packed meanwhile" {
	rec $(seq 20) >log
	bg 'exec fsource log --follow -o json'
	rotations 5 eval '[ ! -e log.2 ] || gzip log.2'
}

@test "rotated and packed by a tool that does not keep the time of a file" {
	rec $(seq 20) >log
	bg 'exec fsource log --follow -o json'
	rotations 3 eval '[ ! -e log.3 ] || { gzip -c log.3 >log.3.gz; rm log.3; }'
}

@test "rotated again while a generation in between is read" {
	rec $(seq 20) >log
	bg 'exec fsource log --follow --rate 10/s -o json'
	await 'has 3'
	rotate
	rec $(seq 21 60) >log
	await 'has 20'
	rotate
	rec $(seq 61 80) >log
	await 'has 30'
	rotate
	rec $(seq 81 90) >log
	await 'has 90'
	rec $(seq 90) | is
}

@test "a file that its writer holds on to is read until it is quiet, and no second time" {
	rec $(seq 20) >log
	exec 7>>log
	bg 'exec fsource log --follow -o json'
	await 'has 20'
	rotate
	rec $(seq 23 30) >log
	rec 21 >&7
	await 'has 21'
	rotate
	rec $(seq 31 40) >log
	rec 22 >&7
	exec 7>&-
	await 'has 40'
	rec $(seq 40) | is
}

@test "copied and truncated twice at once: both copies are read" {
	rec $(seq 20) >log
	bg 'exec fsource log --follow -o json'
	await 'has 20'
	kill -STOP "${pids[-1]}"
	rec $(seq 21 40) >>log
	cp log log.2
	rec $(seq 41 60) >log
	cp log log.1
	rec 61 >log
	kill -CONT "${pids[-1]}"
	await 'has 61'
	rec $(seq 61) | is
}

@test "--limit ends a followed source" {
	echo '{"a":1}' >log
	bg 'exec fsource log --follow --limit 2 -o json'
	await 'has 1'
	echo '{"a":2}' >>log
	finish
	[ "$rc" = 0 ]
	rec 1 2 | is
}

@test "SIGTERM ends a followed source; what was read is out" {
	ev a:0 a:1 >log
	bg '(echo $BASHPID >src; exec fsource log --follow --time t) | fwindow running | fsink -'
	await 'grep -q "\"count\":2" out'
	kill -TERM "$(cat src)"
	finish
	[ "$(cat each)" = "143 0 0" ]
}
