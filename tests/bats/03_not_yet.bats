# What the page of commands promises for later says so: status 2 with "not yet", before anything is read.
load common

@test "sources that are not here yet" {
	for uri in tcp://localhost:1 unix:/nowhere/s http://localhost/x 'exec:echo hi'; do
		fails 2 "fsource '$uri' -o json"
		says "not yet" || { echo "$uri"; return 1; }
		[ ! -s out ]
	done
}

@test "sinks that are not here yet" {
	ev a:0 >in
	fsource in >frames
	for uri in http://localhost/x postgres://localhost/db/t 'exec:cat'; do
		fails 2 "fsink '$uri' <frames"
		says "not yet" || { echo "$uri"; return 1; }
	done
}

@test "a scheme that will never be here is an error of its own" {
	fails 2 "fsource kafak://localhost:9092/t"
	says kafak
	lacks err "not yet"
}
