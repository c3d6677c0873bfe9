# Event time: what --time reads.  t is shown by a window of 1 ms.
load common

# at VALUE [FLAGS]: the event time of a record whose t is VALUE (JSON).
at() {
	echo "{\"t\":$1}" >in
	ok "fsource in --time ${2:-t} | fwindow tumble 1ms | fsink -"
	sed -E 's/.*"window_start":"([^"]*)".*/\1/' out
}

same() {
	[ "$1" = "$2" ] || { echo "got $1, expected $2"; return 1; }
}

@test "number magnitudes: s < 1e11 <= ms < 1e14 <= us < 1e17 <= ns, floored to ms" {
	same "$(at 1704448800)" 2024-01-05T10:00:00Z
	same "$(at 99999999999)" 5138-11-16T09:46:39Z
	same "$(at 100000000000)" 1973-03-03T09:46:40Z
	same "$(at 1704448800250)" 2024-01-05T10:00:00.250Z
	same "$(at 1704448800250999)" 2024-01-05T10:00:00.250Z
	same "$(at 1704448800250999999)" 2024-01-05T10:00:00.250Z
	same "$(at 1704448800.5)" 2024-01-05T10:00:00.500Z
	same "$(at -1)" 1969-12-31T23:59:59Z
}

@test "strings: RFC 3339, blank or T, fraction, offset, date alone; no zone is UTC" {
	same "$(at '"2024-01-05T10:00:00Z"')" 2024-01-05T10:00:00Z
	same "$(at '"2024-01-05T10:00:00.2509+02:00"')" 2024-01-05T08:00:00.250Z
	same "$(at '"2024-01-05 10:00:00"')" 2024-01-05T10:00:00Z
	same "$(at '"2024-01-05 10:00:00.125"')" 2024-01-05T10:00:00.125Z
	same "$(at '"2024-01-05"')" 2024-01-05T00:00:00Z
}

@test "a strptime format stands behind a colon" {
	same "$(at '"05/01/2024 10h30"' "'t:%d/%m/%Y %Hh%M'")" 2024-01-05T10:30:00Z
}

@test "--tz is the zone of what has none" {
	same "$(at '"2024-01-05 10:00:00"' 't --tz America/New_York')" 2024-01-05T15:00:00Z
	same "$(at '"2024-07-05 10:00:00"' 't --tz America/New_York')" 2024-07-05T14:00:00Z
	same "$(at '"2024-01-05T10:00:00Z"' 't --tz America/New_York')" 2024-01-05T10:00:00Z
	echo '{"t":"2024-01-05 10:00:00"}' >in
	fails 2 "fsource in --time t --tz Amerika/New_York"
	says "Amerika/New_York"
}

@test "a dot in front of the field's name is optional; paths work" {
	same "$(at 1704448800 .t)" 2024-01-05T10:00:00Z
	echo '{"a":{"t":1704448800}}' >in
	ok "fsource in --time .a.t | fwindow tumble 1s | fsink -"
	grep -q '2024-01-05T10:00:00Z' out
}

@test "--time proc is the wall clock" {
	echo '{"a":1}' >in
	ok "fsource in --time proc | fwindow tumble 1d | fsink -"
	year=$(date +%Y)
	grep -q "\"window_start\":\"$year-" out
}

@test "the record itself keeps its text; a time prints with milliseconds only when not zero" {
	echo '{"t":"2024-01-05 10:00:00"}' >in
	ok "fsource in --time t -o json"
	is <<<'{"t":"2024-01-05 10:00:00"}'
	ok "fsource in --time t | fmap --set 'e = ts(); f = ts() + 5ms' -o json"
	is <<<'{"t":"2024-01-05 10:00:00","e":"2024-01-05T10:00:00Z","f":"2024-01-05T10:00:00.005Z"}'
}

@test "neither clock, zone nor locale of the environment matters" {
	echo '{"t":"2024-01-05 10:00:00"}' >in
	ok "TZ=Asia/Tokyo LC_ALL=C.UTF-8 fsource in --time t | TZ=Asia/Tokyo fwindow tumble 1d | fsink -"
	grep -q '"window_start":"2024-01-05T00:00:00Z"' out
}
