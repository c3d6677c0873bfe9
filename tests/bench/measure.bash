# measure.bash -- what bench and bench-fcoord share: sourced, from the top of the tree.
#	BIN BUILD BENCH_N BENCH_RUNS	as told in bench
#	tools, d, tmp	the measuring programs, the data that is kept, this run's own directory
# shellcheck shell=bash
# shellcheck disable=SC2034 # tools is for those who source this
: "${BIN:=bin}" "${BUILD:=build/obj}" "${BENCH_N:=5000000}" "${BENCH_RUNS:=3}"
PATH=$(cd "$BIN" && pwd):$PATH
tools=$(cd "$BUILD/bench" && pwd)
d=$PWD/build/bench
mkdir -p "$d"
tmp=$(mktemp -d "$d/run.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
short=0

calc() { mawk "BEGIN { printf \"%.3f\", ($1) }"; }
note() { [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2; }
add() { echo "$2" >>"$tmp/$1.sample"; }			# one more value of NAME
med() { sort -g "$tmp/$1.sample" | sed -n "$((($(wc -l <"$tmp/$1.sample") + 1) / 2))p"; }
rate() { calc "${2-$BENCH_N} / $(med "$1") / 1e6"; }	# M records/s of NAME's median seconds
ns() { calc "$(med "$1") * 1e9 / ${2-$BENCH_N}"; }

# Run COMMAND in a shell; add its wall clock seconds to NAME.wall and the CPU seconds of all in it to NAME.cpu.
timed() {
	local start=$EPOCHREALTIME user sys
	note "$1"
	/usr/bin/time -o "$tmp/time" -f '%U %S' bash -c "set -o pipefail; $2"
	add "$1.wall" "$(calc "$EPOCHREALTIME - $start")"
	read -r user sys <"$tmp/time"
	add "$1.cpu" "$(calc "$user + $sys")"
}

# share NAME OTHER: how many percent of OTHER's speed NAME has.
share() { calc "100 * $(med "$2") / $(med "$1")"; }

# row JOB VALUE UNIT [MIN|MAX TARGET]: one line of the table; without a target for comparison only.
row() {
	local ratio="" verdict=""
	if [ $# -eq 5 ]; then
		[ "$4" = MIN ] && ratio=$(calc "$2 / $5") || ratio=$(calc "$2 > 0 ? $5 / $2 : 99")
		verdict=ok
		mawk "BEGIN { exit !($ratio < 1) }" && { verdict=SHORT; short=$((short + 1)); }
		set -- "$1" "$2" "$3" "$([ "$4" = MIN ] && echo '>=' || echo '<=') $5" "$ratio"
	fi
	note ''
	printf '%-58s %10.2f %-9s %8s %6s  %s\n' "$1" "$2" "$3" "${4-}" "${ratio:+$(printf %.2f "$ratio")}" "$verdict"
}

same() { cmp -s "$1" "$2" || { echo "bench: $1 and $2 differ: $3" >&2; exit 1; }; }
sorted() { sort --parallel=2 -S 1G; }

data() {	# FILE COMMAND: made once
	[ -s "$d/$1" ] && return
	note "making $1"
	bash -c "set -o pipefail; $2" >"$d/$1.new"
	mv "$d/$1.new" "$d/$1"
}
