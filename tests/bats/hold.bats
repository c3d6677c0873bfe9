# --at-end hold: a line that is run again and again over logs that grow, are packed, renamed, cut.  Times are 10:00 + seconds.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	export XDG_STATE_HOME=$PWD/xdg
	LIMIT=20
	mkdir logs
	seen=0
}

# from_to FROM TO: a record every 30 s.
from_to() {
	seq "$1" 30 "$2" | awk '{ printf "{\"k\":\"a%d\",\"t\":%d}\n", int($1 / 30) % 2, 1704448800 + $1 }'
}

line() {
	echo "fsource ${from:-logs/} --time t --at-end ${1:-hold} ${words:-} | fkey k | fwindow tumble 5m | fsink res/"
}

# night [finish]: one run with state in a shell; what windows it gave, for a0, as MM:COUNT, is in ./new.
night() {
	ok "export FSTATE=st; $(line "${1:-hold}")"
	results
}

results() {
	cat res/part* 2>/dev/null | jq -r 'select(.k == "a0") | .window_start[14:16] + ":" + (.count | tostring)' >all
	tail -n +$((seen + 1)) all | paste -sd ' ' >new
	seen=$(wc -l <all)
}

# gives 'MM:COUNT...': the last run gave that, and said nothing.
gives() {
	quiet
	diff -u <(echo "$1") <(if [ -s new ]; then cat new; else echo; fi)
}

refused() {
	fails "$1" "export FSTATE=st; $(line "${2:-hold}")"
}

@test "a log that is packed or renamed between two runs is not read again" {
	from_to 0 899 >logs/1.log
	night
	gives '00:5 05:5'
	gzip logs/1.log
	from_to 900 1900 >logs/2.log
	night
	gives '10:5 15:5 20:5 25:5'
	mv logs/1.log.gz logs/old
	mv logs/2.log logs/0
	night
	gives ''
	night finish
	gives '30:2'
	mv logs/0 logs/3
	refused 0
	says 'nothing to do'
}

@test "what came to a log before it was packed is read from there" {
	from='logs/*.log'
	from_to 0 899 >logs/1.log
	night
	from_to 900 1260 >>logs/1.log
	gzip logs/1.log
	night
	gives '10:5 15:5'
	night finish
	gives '20:2'
}

@test "two files that begin alike are two" {
	from_to 0 899 >logs/1
	night
	cp logs/1 logs/2
	from_to 900 1260 >>logs/1
	night
	says '20 late records dropped'
	night finish
	diff - new <<<'10:10 15:5 20:2' # what was not closed yet counts the second one, too
}

@test "a copy that is being made, packed or to truncate the log, is not another file" {
	from_to 0 899 >logs/1.log
	night
	gzip -k logs/1.log
	head -c 300 logs/1.log >logs/1.log.1
	night
	gives ''
	rm logs/1.log logs/1.log.1
	night finish
	gives '10:5'
}

@test "several logs wait for the slowest; one without news is not waited for" {
	from_to 0 899 >logs/1
	from_to 0 1300 >logs/2
	night
	gives '00:10 05:10'
	from_to 1320 1900 >>logs/2
	night
	gives '10:10 15:5 20:5 25:5'
	night
	gives ''
	from_to 2100 2500 >logs/3
	from_to 2100 2800 >>logs/2
	night
	gives '30:2 35:10'
	night finish
	gives '40:7 45:2'
}

@test "with --sequence the end of a run is told, too, and the next run goes on with it" {
	words=--sequence
	from_to 0 899 >logs/1
	night
	gives '00:5 05:5'
	from_to 900 1300 >logs/2
	from_to 0 899 >logs/3 # does not put the clock back
	night
	says '20 late records dropped'
	diff - new <<<'10:10 15:5'
	night finish
	diff - new <<<'20:2'
}

@test "a last line without an end is left, and read by the run that finishes" {
	from_to 0 899 >logs/1
	printf '{"k":"a0","t":1704449710}' >>logs/1
	night
	gives '00:5 05:5'
	night
	gives ''
	night finish
	gives '10:5 15:1'
}

@test "a held job is finished with what is new; a finished one reads no more" {
	from_to 0 899 >logs/1
	night
	from_to 900 1300 >>logs/1
	from_to 1320 1400 >logs/2
	night finish
	gives '10:5 15:5 20:4'
	for end in hold finish; do
		refused 0 $end
		says 'nothing to do'
	done
	from_to 3000 3600 >logs/4
	refused 2 hold
	says 'the job is finished' 'closed all its windows' 'logs/4 is new'
	refused 2 finish
	says 'the job is finished' 'logs/4 is new' 'at-end hold'
	rm logs/4
	refused 0
	says 'nothing to do'
}

@test "an empty file has no format yet" {
	: >logs/1
	night
	gives ''
	from_to 0 899 | head -c 1 >logs/1
	night
	from_to 0 899 >logs/1
	night finish
	gives '00:5 05:5 10:5'
}

@test "a log that is rotated by renaming: the old one to its end, then the new one" {
	from_to 0 899 >logs/app.log
	night
	from_to 900 1000 >>logs/app.log
	mv logs/app.log logs/app.log.1
	from_to 1020 1900 >logs/app.log
	night
	gives '10:5'
	from_to 1920 2000 >>logs/app.log
	gzip <logs/app.log.1 >logs/app.log.2.gz
	mv logs/app.log logs/app.log.1
	from_to 2010 3000 >logs/app.log
	night
	gives '15:5 20:5 25:5'
	rm logs/app.log.2.gz # fell off
	mv logs/app.log.1 logs/app.log.2
	mv logs/app.log logs/app.log.1
	night
	gives ''
	night finish
	gives '30:5 35:5 40:5 45:5 50:1'
}

@test "a named log that is rotated twice between two runs" {
	from=logs/app.log
	from_to 0 899 >logs/app.log
	night
	from_to 900 1000 >>logs/app.log
	touch -d '2 days ago' logs/app.log
	mv logs/app.log logs/app.log.2
	from_to 1020 1400 >logs/app.log.1
	touch -d '1 day ago' logs/app.log.1
	from_to 0 600 >logs/app.log.9 # older than all that was read
	touch -d '9 days ago' logs/app.log.9
	night
	gives '10:5'
	from_to 1410 1900 >logs/app.log
	night
	gives '15:5 20:5 25:5'
	night finish
	gives '30:2'
}

@test "a log that is copied and truncated, and has its old size again" {
	from_to 0 899 >logs/app.log
	night
	from_to 900 1000 >>logs/app.log
	cp logs/app.log logs/app.log.1
	from_to 1020 1900 >logs/app.log
	night
	gives '10:5'
	night finish
	gives '15:5 20:5 25:5 30:2'
}

@test "a log that was replaced is refused, naming what may be lost and the ways on" {
	from_to 0 899 >logs/app.log
	night
	rm logs/app.log
	from_to 1020 1900 >logs/app.log
	for _ in 1 2; do
		refused 3
		says 'logs/app.log' 'behind byte 780' 'logs/app.log.1' 'FSTATE'
	done
	mv logs/app.log aside
	night
	gives ''
	mv aside logs/app.log
	night
	gives '10:5 15:3 20:5 25:5'
}

@test "nothing is there yet" {
	for from in logs/ 'logs/*.log'; do
		night
		gives ''
	done
	from=logs/
	night
	from_to 0 899 >logs/1.log
	night
	gives '00:5 05:5'
	rm -r logs st res
	mkdir logs
	refused 2 finish
	says 'no file matches logs/'
}

@test "the same under fcoord; a source that holds has one subtask" {
	night() {
		ok "fcoord run -q -p 2 --name j '$(line "${1:-hold}")'"
		results
	}
	night
	from_to 0 899 >logs/1.log
	night
	gives '00:5 05:5'
	gzip logs/1.log
	from_to 900 1300 >logs/2.log
	night
	gives '10:5 15:5'
	ok "fcoord run --name j '$(line)'"
	lacks err 'nothing to do'
	fails 2 "fcoord run -p 2 --name j '$(line finish)'"
	says 'fsource -p 1'
	ok "fcoord run --name j '$(line finish)'"
	lacks err 'nothing to do'
	results
	diff - new <<<'20:2'
	ok "fcoord run --name j '$(line finish)'"
	says 'nothing to do'
}
