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
