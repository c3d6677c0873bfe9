# common -- what every script here begins with (`load common`): that of tests/bats, and a broker at $KAFKA.
#
# Each test has topics of its own: $in and $out are names for them, $IN and $OUT their URIs.
# shellcheck shell=bash
# shellcheck disable=SC2034 # tests use them

load ../bats/common
load ../bats/jobs

# begin_test: what setup() begins with.
begin_test() {
	begin_jobs
	in=in-$BATS_SUITE_TEST_NUMBER-$SRANDOM
	out=out-$BATS_SUITE_TEST_NUMBER-$SRANDOM
	IN=kafka://$KAFKA/$in
	OUT=kafka://$KAFKA/$out
	LIMIT=60
}

setup() {
	begin_test
}

# end_test: no job or reader outlives its test.
end_test() {
	end_jobs
	[ -z "${reader:-}" ] || { kill -9 "$reader" && wait "$reader"; } 2>/dev/null || true
}

teardown() {
	end_test
}

# not COMMAND: it fails (`!` alone would not end a test).
not() {
	! "$@"
}

# oracle VERB ARGS: oracle.py, at our broker.
oracle() {
	local boot=("$KAFKA")
	case $1 in numbers | check) boot=() ;; esac
	"$KAFKA_PYTHON" "$BATS_TEST_DIRNAME/oracle.py" "$1" "${boot[@]}" "${@:2}"
}

# numbered N P [FLAGS]: the topic $in with P partitions and records 1..N, record i in partition i mod P, which ./want
# has as well.  Their times are 2024-01-05T10:00:00Z + i * 10 ms, in the record (t) and on it.
numbered() {
	oracle topic "$in" "$2"
	more "$1" "$2" "${@:3}"
}

# more N P [FLAGS]: more of them (--first N says from where).
more() {
	local numbers=() flags=()
	while [ $# -gt 2 ]; do
		case $3 in
		--first | --pad | --keys) numbers+=("$3" "$4") && set -- "$1" "$2" "${@:5}" ;;
		*) flags+=("$3") && set -- "$1" "$2" "${@:4}" ;;
		esac
	done
	oracle numbers "$@" "${numbers[@]}" >records
	oracle produce "$in" --partition p --time t --key k "${flags[@]}" <records
	cat records >>want
}

# wanted: ./out has the records of ./want, each once.
wanted() {
	is_sorted <want
}

# published [TOPIC]: what a read_committed reader sees, into ./got, with partition, offset, key and so on; ./out has
# the values.
published() {
	oracle read "${1:-$out}" >got
	jq -r .value got >out
}

# exact N: the topic $out has 1..N, each once, those of a p in order in each partition.
exact() {
	oracle read "$out" | oracle check "$1"
}

# followed N: from here on a reader looks at $out, where 1..N are expected; judged: what it has to say at the end.
followed() {
	"$KAFKA_PYTHON" "$BATS_TEST_DIRNAME/oracle.py" follow "$KAFKA" "$out" "$1" >verdict 2>reader 3>&- &
	reader=$!
	await 'grep -q following reader'
}

judged() {
	local rc=0
	kill "$reader"
	wait "$reader" || rc=$?
	reader=
	[ $rc = 0 ] || cat verdict
	return $rc
}

# progress: wait until more is committed in $out than now.
progress() {
	local n
	n=$(oracle ends "$out")
	await "[ \"\$(oracle ends '$out')\" -gt $n ]"
}
