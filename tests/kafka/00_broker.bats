# The broker and the oracle themselves: what all other tests here rest on.
load common

# verdict STATUS FILTER: what the verifier says of the lines on stdin.
verdict() {
	local rc=0
	oracle check 100 >verdict 2>err || rc=$?
	[ $rc = "$1" ]
	jq -e "$2" verdict >/dev/null || { cat verdict; return 1; }
}

@test "a reader sees what was committed, not what was aborted or is open" {
	numbered 400 4 --txn "$in" --every 40 --abort-every 3
	more 40 4 --first 401 --txn "$in-open" --end open
	oracle read "$in" | oracle check 400
	[ "$(oracle read "$in" --uncommitted | wc -l)" = 560 ]
}

@test "initializing a producer ends the open transaction of the one before it" {
	oracle topic "$in" 1
	more 10 1 --txn "$in" --end open
	more 5 1 --txn "$in"
	oracle read "$in" | oracle check 5
	[ "$(oracle read "$in" --uncommitted | wc -l)" = 15 ]
}

@test "a transaction that outlives its time is aborted" {
	oracle topic "$in" 1
	more 10 1 --txn "$in" --end open --timeout 1000
	more 5 1
	await '[ "$(oracle read "$in" | wc -l)" = 5 ]'
}

@test "kcat sees what the oracle writes" {
	numbered 100 2
	kcat -b "$KAFKA" -C -t "$in" -o beginning -e -q >out
	wanted
}

@test "the verifier finds lost, doubled, reordered, strange records" {
	numbered 100 2
	oracle read "$in" >all
	verdict 0 '.records == 100 and .missing == 0' <all
	sed '37d' all | verdict 1 '.missing == 1 and .twice == 0 and .out_of_order == 0'
	sed '37p' all | verdict 1 '.missing == 0 and .twice == 1 and .out_of_order == 0'
	sed '37{h;d};40{p;x}' all | verdict 1 '.missing == 0 and .twice == 0 and .out_of_order >= 1'
	(cat all; sed 's/\\"i\\":37,/\\"i\\":101,/' all) | verdict 1 '.strange >= 1 and .twice == 99'
	: | verdict 1 '.missing == 100'
}

@test "a reader that follows finds the same" {
	oracle topic "$out" 2
	oracle numbers 100 2 >numbers
	for fault in '37d' '37p' '37{h;d};41{p;x}' ''; do
		oracle delete "$out"
		oracle topic "$out" 2
		followed 100
		sed "$fault" numbers | oracle produce "$out" --partition p
		if [ -n "$fault" ]; then
			not judged || { echo "nothing found: $fault"; return 1; }
		else
			judged
		fi
	done
}

@test "a reader that follows sees neither aborted transactions nor partitions too late" {
	oracle topic "$out" 2
	followed 400
	oracle numbers 200 2 | oracle produce "$out" --partition p --txn "$out" --every 20 --abort-every 2
	oracle partitions "$out" 4
	oracle numbers 200 4 --first 201 | oracle produce "$out" --partition p --txn "$out" --every 20 --abort-every 2
	judged
}

@test "administration: settings, positions of groups, a shorter log" {
	numbered 100 1
	oracle settings "$in" max.message.bytes=1000
	oracle numbers 1 1 --pad 2000 >long
	not oracle produce "$in" <long 2>err
	says "message size too large|larger than the max"
	oracle commit "g-$in" "$in" 0 42
	[ "$(oracle offsets "g-$in" | jq .offset)" = 42 ]
	oracle groups | grep -q "g-$in"
	oracle forget "g-$in"
	oracle groups >groups
	lacks groups "g-$in"
	oracle truncate "$in" 0 50
	[ "$(oracle read "$in" | head -1 | jq .offset)" = 50 ]
}
