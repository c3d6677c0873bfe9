# Streams that end too early, stages that die, disks that are full.
load common

@test "a truncated stream is status 1, wherever it is cut" {
	ev a:0 b:1 c:2 >in
	ok "fsource in -o frames"
	cp out whole
	n=$(stat -c %s whole)
	for cut in 1 7 30; do
		head -c $((n - cut)) whole >part
		fails 1 "fsink - <part"
		says .
		fails 1 "fmap --where 'true' -o json <part"
	done
	ok "fsink - <whole"
}

@test "a stage killed with -9: the sink does not look finished" {
	mkfifo p
	bg 'fsource - <p | sh -c "echo \$\$ >mid; exec fmap --set b=.a" | fsink -'
	exec 9>p
	seq -f '{"a":%.0f}' 10 >&9
	await 'grep -q "\"a\":10" out'
	kill -9 "$(cat mid)"
	exec 9>&-
	finish
	[ "$rc" != 0 ]
	[ "$(cut -d' ' -f3 each)" = 1 ]
}

@test "a stage killed with -9: parts in a directory stay hidden" {
	mkfifo p
	bg 'fsource - <p | sh -c "echo \$\$ >mid; exec fmap --set b=.a" | fsink d/'
	exec 9>p
	seq -f '{"a":%.0f}' 10 >&9
	await '[ -s mid ] && [ -n "$(ls -A d 2>/dev/null)" ]'
	kill -9 "$(cat mid)"
	exec 9>&-
	finish
	[ "$(cut -d' ' -f3 each)" = 1 ]
	[ -z "$(ls d)" ]
}

@test "nothing may follow END; two streams behind each other are an error" {
	echo '{"a":1}' >in
	ok "fsource in -o frames"
	cat out out >twice
	px "fsink - <twice"
	[ "$rc" != 0 ]
	says .
}

@test "a flipped byte is noticed" {
	seq -f '{"a":"record %.0f"}' 1000 >in
	ok "fsource in -o frames"
	cp out f
	at=$(grep -abo 'record 500' f | head -1 | cut -d: -f1)
	printf 'R' | dd of=f bs=1 seek="$at" conv=notrunc status=none
	px "fsink - <f"
	[ "$rc" != 0 ]
	lacks out 'Record 500'
}

@test "a full disk is an error, never a short success" {
	echo '{"a":1}' >in
	fsource in >frames
	rc=0
	fsink - <frames >/dev/full 2>err || rc=$?
	[ "$rc" = 1 ]
	says "no space left"
}

@test "a full file system" {
	mkdir m
	mount -t tmpfs -o size=64k none m 2>/dev/null || skip "cannot mount"
	seq -f '{"a":%.0f}' 100000 >in
	px "fsource in | fsink m/x.ndjson"
	each=$(cut -d' ' -f2 each)
	cp err err.file
	px "fsource in | fsink m/d/"
	parts=$(ls m/d 2>/dev/null) second=$(cut -d' ' -f2 each)
	umount m
	[ "$each" = 1 ] && [ "$second" = 1 ] && [ -z "$parts" ]
	grep -qi "no space left" err.file
	says "no space left"
}
