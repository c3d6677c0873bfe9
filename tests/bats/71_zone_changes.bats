# fwindow --tz where a window begins or ends in the hour that is left out, or in the one that comes twice.
load common

# every MIN FROM TO: a record each MIN minutes.
every() {
	local s=$(($1 * 60)) i
	for ((i = $(date -ud "$2" +%s); i < $(date -ud "$3" +%s); i += s)); do
		printf '{"t":"%(%Y-%m-%dT%H:%M:%SZ)T"}\n' "$i"
	done
}

# all WINDOW: every record of ./in, which is in order, is in one window, none is late.
all() {
	ok "fsource in --time t --watermark each | fwindow $1 --tz Europe/Berlin | fwindow global --agg 'n=sum(.count)' | fsink -"
	[ "$(cat out)" = "{\"n\":$(wc -l <in)}" ] || { echo "$1: $(cat out err)"; return 1; }
	lacks err late
}

@test "--tz: a window that ends in the hour left out in spring is not lost" {
	every 15 2024-03-29T23:00Z 2024-04-01T22:00Z >in
	for o in 0m 2h 2h1m 2h30m 2h59m 3h; do
		all "tumble 1d --offset $o"
	done
	for w in 15m 20m 30m 45m 1h 90m 6h 25h; do
		all "tumble $w"
	done
}

@test "--tz: records in order are not late in the hour that comes twice in autumn" {
	every 15 2024-10-25T22:00Z 2024-10-28T23:00Z >in
	for o in 0m 2h 2h1m 2h30m 2h59m 3h; do
		all "tumble 1d --offset $o"
	done
	for w in 15m 20m 30m 45m 1h 90m 6h 25h; do
		all "tumble $w"
	done
}

@test "--tz: midnight itself may be left out or come twice" {
	every 15 2024-04-24T22:00Z 2024-04-27T21:00Z >in
	ok "fsource in --time t --watermark each | fwindow tumble 1d --tz Africa/Cairo | fsink - --format tsv"
	[ "$(cut -f3 out | tail -n +2 | xargs)" = "96 92 96" ]
	every 15 2024-11-02T04:00Z 2024-11-05T05:00Z >in
	ok "fsource in --time t --watermark each | fwindow tumble 1d --tz America/Havana | fsink - --format tsv"
	[ "$(cut -f3 out | tail -n +2 | xargs)" = "96 100 96" ]
	quiet
}
