# fsource: several splits and their watermarks.
load common

# two files whose times interleave, 2500 records each: times 0,2,4.. and 1,3,5.. seconds
two() {
	seq 0 2 4998 | sed 's/.*/{"k":"a","t":&}/' >even
	seq 1 2 4999 | sed 's/.*/{"k":"b","t":&}/' >odd
}

@test "with --time the split with the smallest watermark is read next; nothing becomes late" {
	two
	ok "fsource even odd --time t | fwindow tumble 1000s | fsink -"
	late 0
	[ "$(jq -s 'map(.count) | add' out)" = 5000 ]
	[ "$(wc -l <out)" = 5 ]
}

@test "an unread file counts with its first record" {
	ev a:5000 a:6000 >late_one
	ev b:1000 b:2000 >early_one
	ok "fsource late_one early_one --time t -o json"
	jq -r .k out | tr -d '\n' | diff - <(printf bbaa)
}

@test "without --time, or with --sequence, argument order" {
	ev a:5000 a:6000 >late_one
	ev b:1000 b:2000 >early_one
	for flags in "" "--time t --sequence"; do
		ok "fsource late_one early_one $flags -o json"
		jq -r .k out | tr -d '\n' | diff - <(printf aabb)
	done
}

@test "with --sequence the files are one split: an older second file is late" {
	ev a:5000 a:60000 >one
	ev b:1000 b:2000 >two
	ok "fsource one two --time t --sequence --watermark each | fwindow tumble 10s | fsink -"
	late 2
	ok "fsource one two --time t --watermark each | fwindow tumble 10s | fsink -"
	late 0
}

@test "splits are merged by the minimum of their watermarks" {
	two
	ok "fsource even odd --time t --watermark each | fwindow tumble 10s | fsink -"
	late 0
	[ "$(wc -l <out)" = 500 ]
	[ "$(jq -s 'map(select(.count != 10)) | length' out)" = 0 ]
}

@test "reading files, the output does not depend on timing" {
	two
	ok "fsource even odd --time t -o json"
	cp out want
	ok "fsource even odd --time t -o json | { read -r l; echo \"\$l\"; sleep 0.2; cat; }"
	cmp want out
}

@test "the same file named twice is two splits" {
	ev a:1000 >in
	ok "fsource in in --time t | fwindow tumble 10s | fsink -"
	brief <<<'{00:00,00:10,"count":2}'
}
