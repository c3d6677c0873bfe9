# Signals and sudden deaths in a bare pipeline.
load common

# stage NAME COMMAND...: what a stage of bg begins with, so that its pid stands in ./NAME and SIGINT is not ignored.
stage() {
	local name=$1
	shift
	echo "$BASHPID" >"$name"
	exec env --default-signal=INT,TERM,HUP "$@"
}
export -f stage

# up NAME...: these stages run.
up() {
	local s
	for s; do
		await "[ -s $s ] && [[ \$(cat /proc/\$(cat $s)/comm 2>/dev/null) == f* ]]"
	done
}

# A pipeline that waits for input on fd 9, with two records in it.
start() {
	mkfifo p
	bg "stage src fsource - --time t --watermark each <p | stage key fkey k | stage win fwindow tumble 1h | stage snk ${1:-fsink -}"
	exec 9>p
	up src key win snk
	ev a:1000 a:2000 >&9
	await '[ "$(awk "/^rchar/ { print (\$2 > 20000) + 1 }" /proc/$(cat win)/io)" -ge 1 ]'
	sleep 0.3
}

one_window() {
	brief <<<'{"k":"a",00:00,"window_end":"1970-01-01T01:00:00Z","count":2}'
}

# gone NAME...: these processes have ended.
gone() {
	local s
	for s; do
		await "! [ -d /proc/$(cat "$s") ]"
	done
}

@test "SIGINT to every process: fsource sends watermark MAX and ends with 130, the others finish" {
	start
	kill -INT $(cat src key win snk)
	finish
	[ "$(cat each)" = "130 0 0 0" ]
	one_window
	quiet
}

@test "SIGINT to the group, as a terminal sends it" {
	start
	kill -INT -- "-${pids[-1]}" || true
	gone src key win snk
	one_window
	quiet
}

@test "SIGTERM: 143, the others finish" {
	start
	kill -TERM $(cat src key win snk)
	finish
	[ "$(cat each)" = "143 0 0 0" ]
	one_window
	quiet
}

@test "SIGHUP: 129, the others finish" {
	start
	kill -HUP "$(cat src)"
	finish
	[ "$(cat each)" = "129 0 0 0" ]
	one_window
}

@test "Ctrl-C before anything was read: empty streams, no error" {
	mkfifo p
	bg "stage src fsource - --time t <p | stage key fkey k | stage win fwindow tumble 1h | stage snk fsink -"
	exec 9>p
	up src key win snk
	sleep 0.2
	kill -INT $(cat src key win snk)
	finish
	[ "$(cat each)" = "130 0 0 0" ]
	[ ! -s out ]
	quiet
}

@test "a filter that waits for text ends with 130, and what it has read is out" {
	mkfifo p
	bg "stage key fkey k <p | stage snk fsink -"
	exec 9>p
	up key snk
	ev a:1 a:2 >&9
	await '[ "$(wc -l <out)" = 2 ]'
	kill -INT "$(cat key)"
	finish
	[ "$(cat each)" = "130 0" ]
	ev a:1 a:2 | diff - out
}

@test "a second SIGINT ends at once, also when the reader hangs" {
	bg "stage src fsource 'gen:tx?seed=1' | stage snk sleep 30"
	await '[ -s src ] && [[ $(cat /proc/$(cat src)/comm) == f* ]]'
	await '[[ $(awk "/^State/ { print \$2 }" /proc/$(cat src)/status) == S ]]'
	kill -INT "$(cat src)"
	sleep 0.3
	[ -d "/proc/$(cat src)" ]               # it waits for its output to go
	kill -INT "$(cat src)"
	gone src
	kill "$(cat snk)"
	finish
	[ "$(cut -d' ' -f1 each)" = 130 ]
}

@test "SIGKILL of a middle stage: those behind it end with status 1, and no part is seen" {
	start "fsink dir/"
	kill -9 "$(cat key)"
	exec 9>&-                               # the source finds out when it writes
	finish
	[ "$(cut -d' ' -f2- each)" = "137 1 1" ]
	says 'fwindow: .*broke off' 'fsink: .*broke off'
	[ -z "$(find dir -type f 2>/dev/null)" ]
	gone src key win snk
}

@test "SIGKILL of the source: no window fires" {
	start
	kill -9 "$(cat src)"
	finish
	[ "$(cat each)" = "137 1 1 1" ]
	[ ! -s out ]
}

@test "SIGKILL of the sink: no visible part, and a run after it is not confused by what is left" {
	mkfifo p
	bg "stage src fsource - <p | stage snk fsink dir/"
	exec 9>p
	up src snk
	for i in {1..3000}; do echo '{"a":"some text to fill a buffer with, more than once"}'; done >&9
	await '[ -n "$(find dir -type f 2>/dev/null)" ]'
	kill -9 "$(cat snk)"
	exec 9>&-
	finish
	[ -z "$(find dir -type f ! -name ".*")" ]
	ok "echo '{\"a\":1}' | fsource - | fsink dir/"
	[ "$(cat dir/part-*)" = '{"a":1}' ]
}

@test "| head -3: quiet, status 0 everywhere" {
	seq -f '{"k":"%.0f","t":1}' 100000 >in
	px "fsource in --time t | fkey k | fwindow tumble 1s | fsink - | head -3"
	[ "$(cat each)" = "0 0 0 0 0" ]
	quiet
	[ "$(wc -l <out)" = 3 ]
	px "fsource in --time t | fkey k | fwindow running -o csv | head -3"
	[ "$(cat each)" = "0 0 0 0" ]
	quiet
}

@test "| head -3 on a source that never ends" {
	LIMIT=20 px "fsource 'gen:nexmark?seed=1' | fkey kind | fwindow running | fsink - | head -3"
	[ "$(cat each)" = "0 0 0 0 0" ]
	quiet
}
