# What every command does before it reads anything.
load common

TOOLS='fsource fkey fmap fwindow fjoin fsink fcat'

@test "-h is one screen on stdout and begins with examples" {
	for c in $TOOLS; do
		ok "$c -h"
		quiet
		[ "$(wc -l <out)" -le 50 ] || { echo "$c: more than a screen"; return 1; }
		[ "$(grep -n -m1 -i example out | cut -d: -f1)" -lt "$(grep -n -m1 -E '^ *--' out | cut -d: -f1)" ]
	done
}

@test "--help is all of it: no shorter than -h, every common flag in it" {
	for c in $TOOLS; do
		ok "$c -h" && cp out short
		ok "$c --help"
		[ "$(wc -l <out)" -ge "$(wc -l <short)" ]
		for flag in --on-bad --name --mem --version; do
			[ "$c" = fcat ] || grep -q -e "$flag" out || { echo "$c --help lacks $flag"; return 1; }
		done
	done
}

@test "--version names the tool" {
	for c in $TOOLS; do
		ok "$c --version"
		grep -qE '[0-9]+\.[0-9]+' out
	done
}

@test "no argument and a terminal on stdin: short help, status 2" {
	for c in fkey fwindow fjoin fsink; do
		rc=0
		script -qec "$c" /dev/null >out </dev/null || rc=$?
		[ "$rc" = 2 ] || { echo "$c: status $rc"; return 1; }
		grep -qi example out
	done
}

@test "an unknown flag is status 2 with did you mean, and nothing on stdout" {
	fails 2 "fsource x --tme t </dev/null"
	says "did you mean" "--time"
	[ ! -s out ]
	fails 2 "fwindow tumble 5m --latenes 5s </dev/null"
	says "did you mean" "--lateness"
	fails 2 "fjoin a b --on id --wthin 5s"
	says "did you mean" "--within"
}

@test "names are whole words: no abbreviations, no bundles" {
	fails 2 "fwindow tumble 5m --late-ness 5s </dev/null"
	fails 2 "fwindow tumble 5m --havin '.n > 1' </dev/null"
	fails 2 "fsource -qv x"
}

@test "a kind of window that is not there gets did you mean" {
	fails 2 "fwindow tumbel 5m </dev/null"
	says "did you mean" tumble
	fails 2 "fjoin a b --on id --window 'tumbel 5m'"
	says "did you mean" tumble
}

@test "a bare number where a unit is needed is an error that says so" {
	fails 2 "fwindow tumble 5 </dev/null"
	says unit "5s|5m"
	fails 2 "fsource x --time t --out-of-order 10"
	says unit
	fails 2 "fjoin a b --on id --within 10"
	says unit
	fails 2 "fwindow tumble 5m --mem 100 </dev/null"
	says unit
}

@test "= always works, and a negative value is a value" {
	ev a:0 >in
	ok "fsource in --time=t | fkey k | fwindow tumble 10s --offset -3s --agg='n=count()' | fsink -"
	ok "fsource in --time=t | fkey k | fwindow tumble 10s --offset=-3s | fsink -"
	brief <<-E
		{"k":"a","window_start":"1969-12-31T23:59:57Z",00:07,"count":1}
	E
}

@test "what only a supervisor needs is accepted and ignored, with one note at -v" {
	ev a:0 >in
	ok "fsource in | fkey k -p 2 --at localhost | fsink -"
	quiet
	ok "fsource in | fkey k -p 2 -v | fsink -"
	says "-p"
}
