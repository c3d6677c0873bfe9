# fjoin --lookup: the right side is a table, a file or a stream that has to end first.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	printf '{"id":%s,"n":%d}\n' 1 1 2 2 1.0 3 null 4 '"1"' 5 3 6 >l
	printf 'id,name\n1,x\n2,y\n1,z\n,none\n' >t.csv
}

# both TYPE [WORDS]: with the file and with a stream of it the same comes out, into ./out.
both() {
	ok "fjoin l t.csv --on id --lookup --type $1 ${2:-} -o json"
	mv out file
	ok "fjoin l <(fsource t.csv) --on id --lookup --type $1 ${2:-} -o json"
	diff -u file out
}

@test "inner: all right rows of the key, in the order of the table; null meets nothing" {
	both inner
	is <<-'END'
		{"id":1,"n":1,"name":"x"}
		{"id":1,"n":1,"name":"z"}
		{"id":2,"n":2,"name":"y"}
		{"id":1.0,"n":3,"name":"x"}
		{"id":1.0,"n":3,"name":"z"}
	END
	quiet
}

@test "left: what meets nothing has nulls" {
	both left
	is <<-'END'
		{"id":1,"n":1,"name":"x"}
		{"id":1,"n":1,"name":"z"}
		{"id":2,"n":2,"name":"y"}
		{"id":1.0,"n":3,"name":"x"}
		{"id":1.0,"n":3,"name":"z"}
		{"id":null,"n":4,"name":null}
		{"id":"1","n":5,"name":null}
		{"id":3,"n":6,"name":null}
	END
}

@test "semi and anti: left records, once" {
	both semi
	printf '{"id":%s,"n":%d}\n' 1 1 2 2 1.0 3 | is
	both anti
	printf '{"id":%s,"n":%d}\n' null 4 '"1"' 5 3 6 | is
}

@test "--match is a further condition, --select computes from both sides" {
	both left "--match '.r.name > \"x\"' --select '.l.n, name = upper(.r.name)'"
	is <<-'END'
		{"n":1,"name":"Z"}
		{"n":2,"name":"Y"}
		{"n":3,"name":"Z"}
		{"n":4,"name":null}
		{"n":5,"name":null}
		{"n":6,"name":null}
	END
	both semi "--match '.r.name == \"z\"'"
	printf '{"id":%s,"n":%d}\n' 1 1 1.0 3 | is
}

@test "several fields are one key, a part that is null matches nothing" {
	printf '{"a":%s,"b":%s,"i":%d}\n' 1 '"x"' 1 1 '"y"' 2 1 null 3 2 '"x"' 4 >l2
	printf 'p,q,v\n1,x,10\n1,y,20\n1,,30\n' >t2.csv
	ok "fjoin l2 t2.csv --left-on a,b --right-on p,q --lookup --select '.l.i, .r.v' -o json"
	printf '{"i":1,"v":10}\n{"i":2,"v":20}\n' | is
}

@test "a table may be NDJSON, an array, CSV, TSV or frames, packed or not" {
	printf '{"id":%s,"n":%d}\n' 1 1 2 2 >l
	printf 'id,name\n1,x\n2,y\n' >a.csv
	printf 'id\tname\n1\tx\n2\ty\n' >b.tsv
	printf '{"id":1,"name":"x"}\n{"id":2,"name":"y"}' >c.ndjson
	printf '[{"id":1,"name":"x"},{"id":2,"name":"y"}]' >d
	fsource a.csv >e
	gzip -c a.csv >f
	gzip -c b.tsv >g.tsv.gz
	zstd -qc c.ndjson >h
	for t in a.csv b.tsv c.ndjson d e f g.tsv.gz h; do
		ok "fjoin l $t --on id --lookup -o json"
		is <<<$'{"id":1,"n":1,"name":"x"}\n{"id":2,"n":2,"name":"y"}' || { echo "$t"; return 1; }
	done
}

@test "a table of nothing" {
	: >empty
	echo 'id,name' >header
	for t in empty header; do
		ok "fjoin l $t --on id --lookup --type anti -o json"
		diff -u l out
		ok "fjoin l $t --on id --lookup -o json"
		is </dev/null
	done
}

@test "a bad record of the table: status 3 and its place, or --on-bad" {
	printf 'id,name\n1,x\n2\n' >bad.csv
	fails 3 "fjoin l bad.csv --on id --lookup -o json"
	says 'bad.csv:3:1: '
	ok "fjoin l bad.csv --on id --lookup --type semi --on-bad skip -o json"
	printf '{"id":%s,"n":%d}\n' 1 1 1.0 3 | is
	says '1 bad records skipped'
	ok "fjoin l bad.csv --on id --lookup --type semi --on-bad aside -o json"
	grep -q '^{"at":"bad.csv:3:1",.*"record":"2"}$' aside
}

@test "usage: no such file, right and full, --refresh of a stream, --late" {
	fails 2 "fjoin l nothing --on id --lookup"
	says 'cannot read nothing'
	fails 2 "fjoin l t.csv --on id --lookup --type full"
	says 'swap the inputs'
	fails 2 "fjoin l <(fsource t.csv) --on id --lookup --refresh 1s"
	says 'needs a file'
	fails 2 "fjoin l t.csv --on id --lookup --late x"
	says 'nothing is late'
}

# answers REGEX: records of key 2 go to descriptor 5 until the newest result is that.
answers() {
	want=$1
	await 'echo "{\"id\":2,\"n\":$((++n))}" >&5; tail -1 out | grep -qE -- "$want"'
}

@test "--refresh: a table that has changed is read again; one that is no good leaves the old one" {
	mkfifo in
	bg "fjoin in t.csv --on id --lookup --type left --refresh 10ms --select '.l.n, .r.name, .r.more' -o json"
	exec 5>in
	n=0
	answers '"name":"y"'
	printf 'id,name,more\n2,new,1\n' >t2.csv
	mv t2.csv t.csv
	answers '"name":"new","more":1'
	rm t.csv
	await 'grep -q "cannot read t.csv.*stay as they were" err'
	printf 'id,name\n2\n' >t.csv
	answers '"name":"new","more":1'
	printf 'id,name\n2,last\n' >t2.csv
	mv t2.csv t.csv
	answers '"name":"last"'
	exec 5>&-
	finish
	[ "$rc" = 0 ]
	[ "$(grep -c 'stay as they were' err)" = 1 ]
}

@test "event time of a result is that of the left record; left order is kept" {
	seq 0 4999 | jq -c '{id: (. % 13), t: (1700000000 + . * 7 % 100), n: .}' >l
	seq 0 12 | jq -c '{id: ., t: (1800000000 + .), name: "n\(.)"}' >r
	ok "fjoin <(fsource l --time t) <(fsource r --time t) --on id --lookup --select '.l.t' | fmap --set 'same = ts() == time(.t)' --keep same -o json"
	[ "$(grep -c true out)" = 5000 ]
	ok "fjoin <(fsource l --time t) <(fsource r --time t --watermark each) --on id --lookup --select '.l.n' -o json"
	jq -c '{n}' l | is
	ok "fjoin <(fsource l --time t) r --on id --lookup --select '.l.n' -o json"
	jq -c '{n}' l | is
}

@test "C4: no watermark overtakes left rows that wait for the end of the right side" {
	seq 0 999 | jq -c '{id: (. % 7), t: (1700000000 + .), n: .}' >l
	seq 0 6 | jq -c '{id: ., t: (1700000000 + . * 100), name: "n\(.)"}' >r
	ok "fjoin <(fsource l --time t --watermark each) <(fsource r --time t --watermark each --rate 20/s) --on id --lookup | fwindow tumble 10s | fsink -"
	[ "$(jq .count out | paste -sd+ | bc)" = 1000 ]
	[ "$(wc -l <out)" = 100 ]
	lacks err late
}

@test "a stream larger than --mem" {
	seq 0 19999 | jq -c '{id: (. * 7919 % 3000), n: .}' >l
	seq 0 4999 | jq -c '{id: (. * 31 % 2500), s: "\(.)-----------------------------------------------------------"}' >r
	ok "fjoin l r --on id --lookup --type left -o json"
	mv out want
	ok "fjoin l <(fsource r) --on id --lookup --type left --mem 1MiB -o json"
	cmp want out
}

@test "a changing left stream passes its kinds on; what a changing right one takes back is gone" {
	printf '{"k":1,"v":1}\n' >a
	printf '{"k":1,"w":"a"}\n{"k":1,"w":"b"}\n' >b
	printf '{"w":"a","n":"A"}\n{"w":"b","n":"B"}\n' >n
	ok "fjoin a b --on k --ttl inf --type left --select '.l.k, .r.w' >changing"
	rows=$(fsink - <changing | jq -r .op | sort | paste -sd' ')
	ok "fjoin changing n --on w --lookup --type left | fsink -"
	[ "$(jq -r .op out | sort | paste -sd' ')" = "$rows" ]
	jq -c 'del(.op)' out | sort -u >got
	printf '{"k":1,"w":"%s","n":"%s"}\n' a A b B >want
	jq -ce 'select(.w != null)' got | diff -u want -
	for r in changing '<(fsource changing)'; do
		ok "fjoin n $r --on w --lookup --type left -o json"
		printf '{"w":"a","n":"A","k":1}\n{"w":"b","n":"B","k":1}\n' | is
	done
	fails 2 "fjoin changing n --on w --lookup --refresh 1s"
	says 'changing stream'
}

@test "with a table the key of the left input stays, whatever it is" {
	seq 0 99 | jq -c '{u: (. % 5), id: (. % 3)}' >l
	ok "fsource l | fkey u | fjoin - t.csv --on id --lookup --type semi | fwindow global | fsink -"
	jq -c 'select(.id > 0)' l | jq -sc 'group_by(.u)[] | {u: .[0].u, count: length}' | is_sorted
	ok "fsource l | fkey u | fjoin - t.csv --on id --lookup --type semi --select 'l.*, u = 1' | fwindow global | fsink -"
	[ "$(jq .count out | paste -sd+ | bc)" = 66 ] && [ "$(wc -l <out)" = 5 ]
}

@test "kill -9 of fjoin while left rows wait, then the same line again" {
	seq 0 29999 | jq -c '{id: (. * 7919 % 3000), n: .}' >l
	seq 0 4999 | jq -c '{id: (. * 31 % 2500), s: "\(.)"}' >r
	ok "fjoin l r --on id --lookup --type left -o json"
	mv out want
	line() {
		echo "export FSTATE=st; fjoin <(fsource l --rate $1/s) <(fsource r --rate $2/s) --on id --lookup --type left | fsink res/ --every 20ms"
	}
	for rates in '100000 4000' '20000 100000'; do
		bg "$(line $rates)"
		await 'ls st/chain/*[5-9].json >/dev/null 2>&1'
		kill -9 "$(pgrep -s "${pids[-1]}" -x fjoin | head -1)"
		finish
		[ "$rc" != 0 ]
		ok "$(line 1000000 1000000)"
		cat res/* >got
		cmp want got
		rm -r st res
	done
}

@test "two subtasks: a stream by key, a table in each of them" {
	seq 0 9999 | jq -c '{id: (. * 7919 % 3000), n: .}' >l
	seq 0 4999 | jq -c '{id: (. * 31 % 2500), s: "\(.)"}' >r
	ok "fjoin l r --on id --lookup --type left -o json"
	sort out >want
	ok "fcoord run --state job -p 2 'fjoin <(fsource l | fkey id) <(fsource r | fkey id) --on id --lookup --type left | fsink a/'"
	sort a/* | cmp want -
	ok "fcoord run --state job2 -p 2 'fsource l | fjoin - r --on id --lookup --type left | fsink b/'"
	sort b/* | cmp want -
}
