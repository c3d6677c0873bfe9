# common.bash -- what every script here begins with (`load common`).
#
# Each test runs in a directory of its own.  FJORD_BIN names the tools' directory (default: bin/ of this tree).
# A tool's output goes to ./out, its messages to ./err, and its status is looked at.

BIN=${FJORD_BIN:-$BATS_TEST_DIRNAME/../../bin}
BIN=$(cd "$BIN" 2>/dev/null && pwd || echo "$BIN")
GOLDEN=$BATS_TEST_DIRNAME/../golden
PATH=$BIN:$PATH
export LC_ALL=C TZ=UTC
unset FSTATE NO_COLOR

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
}

teardown() {
	local p
	for p in "${pids[@]}"; do
		kill -9 -- "-$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
}

# What is put behind a pipeline's text: each stage's status goes to ./each; the caller gets that of the first stage
# that failed, since those behind it only say that their input broke off.
KEEP_STATUS=$'\nr=("${PIPESTATUS[@]}"); echo "${r[@]}" >each; for s in "${r[@]}"; do [ "$s" = 0 ] || exit "$s"; done'

# px TEXT: run a pipeline; $rc is the status of the first stage that failed, ./each has all of them.
px() {
	rc=0
	timeout -k 5 "${LIMIT:-60}" bash -c "$1$KEEP_STATUS" >out 2>err 3>&- || rc=$?
}

# ok TEXT: it must succeed.  fails STATUS TEXT: it must end with that status (several: '2|3').
ok() {
	fails 0 "$1"
}

fails() {
	px "$2"
	[[ $rc =~ ^($1)$ ]] && return
	echo "status $rc, expected $1: $2"
	cat err
	return 1
}

# bg TEXT: start a pipeline; finish: wait for it, $rc is its status.
bg() {
	setsid bash -c "$1$KEEP_STATUS" >out 2>err 3>&- &
	pids+=("$!")
}

finish() {
	rc=0
	wait "${pids[-1]}" || rc=$?
}

# not_yet TEXT: skip the test while the tool says that this comes later.
not_yet() {
	px "$1"
	! { [ "$rc" = 2 ] && grep -q "not yet" err; } || skip "not yet there: $1"
}

# await CONDITION: poll until the command succeeds, at most 20 s.
await() {
	local end=$((SECONDS + 20))
	until eval "$1"; do
		((SECONDS < end)) || { echo "waited in vain for: $1"; cat err; return 1; }
		sleep 0.02
	done
}

# says REGEX...: each stands in the messages (case does not matter, quotes are seen without their backslash).
# quiet: there are none.
says() {
	local r
	for r; do
		sed 's/\\"/"/g' err | grep -iE -- "$r" >/dev/null || { echo "no /$r/ in the messages:"; cat err; return 1; }
	done
}

# lacks FILE REGEX: no line of the file matches.
lacks() {
	if grep -iE -- "$2" "$1"; then
		echo "$1 must not have /$2/"
		return 1
	fi
}

quiet() {
	[ ! -s err ] || { echo "messages where none belong:"; cat err; return 1; }
}

# is, is_sorted, brief: ./out against stdin: as it is, as a multiset, and with windows of 1970-01-01T00 cut to mm:ss.
is() {
	diff -u - out
}

is_sorted() {
	diff -u <(sort) <(sort out)
}

brief() {
	sort >want
	sed -E 's/"window_(start|end)":"1970-01-01T00:([^"]*)Z"/\2/g' out | sort | diff -u want -
}

# ev KEY:MS[:VALUE]...: records {"k":KEY,"t":RFC 3339 of MS,"v":VALUE} as NDJSON.
ev() {
	local e k ms v
	for e; do
		IFS=: read -r k ms v <<<"$e"
		printf '{"k":"%s","t":"%(%Y-%m-%dT%H:%M:%S)T.%03dZ"' "$k" $((ms / 1000)) $((ms % 1000))
		[ -z "$v" ] || printf ',"v":%s' "$v"
		printf '}\n'
	done
}

# win 'WINDOW WORDS' ['SOURCE FLAGS']: the window over ./in, keyed by k, with a mark after each record.
win() {
	ok "fsource in --time t --watermark each ${2:-} | fkey k | fwindow $1 | fsink -"
}

# late N: that many late records were reported.
late() {
	if [ "$1" = 0 ]; then
		lacks err 'late records? dropped'
	else
		says "fwindow: $1 late records? dropped"
	fi
}

# exprs: lines `EXPR => JSON` or `EXPR => BAD WORD` (a bad record, status 3, with WORD in its message) from stdin;
# fmap computes each on the one record in ./rec.
exprs() {
	local line e want got bad=0
	[ -f rec ] || echo '{"x":null}' >rec
	while IFS= read -r line; do
		e=${line% => *} want=${line##* => }
		E=$e px 'fmap --set "x = $E" --keep x -o json <rec'
		got=$(cat out)
		case $rc,$want in
		3,BAD\ *) grep -qiE -- "${want#BAD }" err && continue ;;
		0,*) [ "$got" = "{\"x\":$want}" ] && continue ;;
		esac
		bad=1
		echo "$e: status $rc, $got $(cat err), expected $want"
	done
	return $bad
}

# rec VALUE...: records {"a":VALUE}.  values VALUE...: records {"v":VALUE} in ./in.  has VALUE: {"a":VALUE} is in ./out.
rec() {
	printf '{"a":%s}\n' "$@"
}

values() {
	printf '{"v":%s}\n' "$@" >in
}

has() {
	grep -q "^{\"a\":$1}\$" out
}

# back, csv_back [FLAGS]: what `fsource -o json` makes of the JSON or CSV on stdin.
back() {
	cat >in
	ok "fsource in -o json"
}

csv_back() {
	cat >in.csv
	ok "fsource in.csv ${1:-} -o json"
}

# agg LIST: the one result over all of ./in.  count_by STAGE: how many records each key has.
agg() {
	ok "fsource in | fwindow global --agg '$1' | fsink -"
}

count_by() {
	ok "fsource in | $1 | fwindow global | fsink -"
}

# bad NAME TEXT: run it; golden/bad/NAME.txt has the status, then what the message must say, an ERE a line.
# No message carries a raw control byte.
bad() {
	local want=$GOLDEN/bad/$1.txt
	fails "$(sed -n 's/^status //p' "$want")" "$2"
	mapfile -t lines < <(grep -vE '^(status |#|$)' "$want")
	says "${lines[@]}"
	lacks err $'[\x01-\x08\x0e-\x1f\x7f]'
}
