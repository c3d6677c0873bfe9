# fstate: what it reads is what the job wrote; every flipped bit is found; nothing is changed.
load common
load jobs

setup() {
	begin_jobs
	S=$PWD/state/fjord LIMIT=20
}

# numbers N: records {"k":"u0".."u2","c":0|1,"t":second,"v":number}, on from 2024-01-05T10:00:00Z.
numbers() {
	seq 0 $(($1 - 1)) | jq -c '{k: "u\(. % 3)", c: (. % 2), t: (1704448800 + .), v: .}' >in
}

# job WINDOW [FLAGS]: the job j over ./in, to its end but for the windows: they stay open.
job() {
	ok "fcoord run -q --name j --every 1h ${2:-} 'fsource in --time t --at-end hold | fkey ${KEY:-k} | fwindow $1 | fsink to/'"
}

# reworded MANIFEST OLD NEW: the manifest with another text, and the checksum of that.
reworded() {
	python3 - "$@" <<-'END'
	import sys
	def crc32c(data):
	    crc = 0xffffffff
	    for b in data:
	        crc ^= b
	        for _ in range(8):
	            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
	    return crc ^ 0xffffffff
	text, old, new = open(sys.argv[1]).read(), sys.argv[2], sys.argv[3]
	body = text[: text.rindex(',"crc32c"')].replace(old, new)
	print('%s,"crc32c":"%08x"}' % (body, crc32c(body.encode())))
	END
}

# forever: the job j, which begins anew when it has been ended, reads for long; it has ended epoch 5.
forever() {
	numbers 30000
	ok "fcoord run -q -d --name j --every 20ms 'fsource in --time t --rate 1000/s | fkey k | fwindow running --agg \"n=count()\" | fsink to/'"
	await '[ "$(tells j .epoch)" -gt 5 ]'
}

# cells FILTER: what jq makes of the scanned rows of the window stage, sorted.
cells() {
	fstate scan j --stage fwindow -o json >rows || return
	jq -c "$1" rows | sort >out
}

@test "scan: tumbling windows, by several keys" {
	numbers 600
	KEY=k,c job "tumble 5m --agg \"n=count(), s=sum(.v)\""
	cells '[.map, .key, .window_start, .window_end, .value]'
	jq -cs 'group_by(.k, .c, (.t / 300 | floor)) | .[] | (.[0].t / 300 | floor * 300) as $w |
		["pane", [.[0].k, .[0].c], ($w | todate), ($w + 300 | todate), {n: length, s: map(.v) | add}]' in |
		grep '10:05:00Z","2024' >all
	is_sorted <all
}

@test "scan: panes in local time, sessions one by one, the last records of a key, one key for all" {
	numbers 60
	job 'slide 2h/1h --tz Asia/Kolkata'
	cells '[.window_start, .window_end, .key, .value.count]'
	printf '["2024-01-05T09:30:00Z","2024-01-05T10:30:00Z","u%d",20]\n' 0 1 2 | is
	rm -r "$S/j" to
	grep -v '"v":\(2.\|50\)' in >some && mv some in
	job 'session 5s --agg "n=count()" --lateness 1h'
	cells '[.map, .key, .window_start, .fired, .value.n] | select(.[1] == "u2")'
	is <<-'END'
	["session","u2","2024-01-05T10:00:05Z",true,5]
	["session","u2","2024-01-05T10:00:32Z",true,6]
	["session","u2","2024-01-05T10:00:53Z",false,3]
	END
	rm -r "$S/j" to
	job 'count 10/5 --agg "m=max(.v)"'
	cells '[.map, .key, .seen, .value.m, .time]'
	sed -n 1p out >first
	diff - first <<<'["count","u0",17,57,"2024-01-05T10:00:57Z"]'
	rm -r "$S/j" to
	ok "fcoord run -q --name j --every 1h 'fsource in --at-end hold | fwindow running | fsink to/'"
	cells '[.key, .value.count]'
	is <<<"[[],$(wc -l <in)]"
}

@test "get: a key as it is printed; what is not there is status 2" {
	seq 3 | jq -c '{k: 42, t: .}, {k: "42", t: .}, {k: "a b", t: .}' >in
	job 'running'
	ok "fstate get j fwindow 42 -o json"
	[ "$(wc -l <out)" = 2 ]
	ok "fstate get j fwindow '\"42\"' -o json"
	is <<<'{"stage":"fwindow","map":"keys","key":"42","time":"1970-01-01T00:00:03Z","value":{"count":3}}'
	ok "fstate get j fwindow 'a b'"
	quiet
	fails 2 "fstate get j fwindow nobody"
	fails 2 "fstate get j fwindw 42"
	says "did you mean 'fwindow'"
	fails 2 "fstate gt j fwindow 42"
	says "did you mean 'get'"
	fails 2 "fstate scan jj"
	says "did you mean 'j'"
	fails 2 "fstate scan j --at 99"
	says 'no checkpoint 99'
	fails 2 "fstate ls j --key 42"
	says '[-]-key has no meaning with ls'
}

@test "--window: what holds a moment, what touches a range" {
	numbers 180
	job 'tumble 1m --lateness 1h'
	cells .window_start
	[ "$(sort -u out | wc -l)" = 3 ]
	ok "fstate scan j --window 2024-01-05T10:01:00Z -o json"
	[ "$(jq -r .window_start out | sort -u)" = 2024-01-05T10:01:00Z ]
	ok "fstate scan j --window @1704448859..@1704448861 -o json"
	[ "$(jq -r .window_start out | sort -u | wc -l)" = 2 ]
}

@test "a rescaled job, and what it dropped: a key stands once, where it belongs" {
	numbers 300
	job 'running --agg "n=count()"' '-p 3'
	numbers 600
	job 'running --agg "n=count()"' '-p 2'
	cells '[.key, .value.n]'
	printf '["u%d",200]\n' 0 1 2 | is
	ok "fstate show j -o json"
	jq -r '.stages[] | select(.name == "fwindow") | .parallelism' out >p
	[ "$(<p)" = 2 ]
}

@test "diff: added, removed, changed, window by window; of epochs and of places" {
	numbers 30
	job 'tumble 1m --agg "n=count()"'
	cp -r "$S/j" before
	printf '%s\n' '{"k":"u0","t":1704448835,"v":1}' '{"k":"new","t":1704448836,"v":1}' >>in
	job 'tumble 1m --agg "n=count()"'
	ok "fstate diff before j --stage fwindow -o json"
	jq -c '[.change, .key, .old.n, .new.n]' out | sort >got
	diff - got <<-'END'
	["added","new",null,1]
	["changed","u0",10,11]
	END
	says '1 added, 0 removed, 1 changed'
	ok "fstate diff j before --stage fwindow -o json"
	[ "$(jq -r .change out | sort | tr '\n' ' ')" = 'changed removed ' ]
	mapfile -t e < <(fstate ls j -o json | jq .epoch)
	ok "fstate diff j ${e[0]} ${e[-1]} --stage fwindow"
	says '1 added, 0 removed, 1 changed'
	ok "fstate diff j ${e[0]} --stage fwindow --key new -o json"
	[ "$(jq -r .change out)" = added ]
	ok "fstate diff j ${e[-1]} ${e[-1]}"
	says '0 added, 0 removed, 0 changed'
}

@test "every flipped bit of a checkpoint, and of job.json, is found, with its file and offset" {
	numbers 8
	job 'tumble 5m --agg "n=count(), l=last(.v)"'
	ok "fstate verify $S/j"
	says ' 0 faults'
	cp -r "$S/j" whole
	# shellcheck disable=SC2016
	python3 - "$S/j" <<-'END'
	import glob, json, os, random, subprocess, sys
	store, bad, n = sys.argv[1], 0, 0
	random.seed(1)
	for manifest in glob.glob(store + "/chain/*.json"):
	    files = {os.path.relpath(manifest, store): [(0, os.path.getsize(manifest))]}
	    for st in json.load(open(manifest))["stages"]:
	        for sub in st["subtasks"]:
	            for f in sub["state"] + sub["pending"]:
	                files.setdefault(f["file"], []).append((0, 64))
	                files[f["file"]].append((max(f["start"], 64), f["end"]))
	files["job.json"] = [(0, os.path.getsize(store + "/job.json"))]
	for name, ranges in files.items():
	    path = os.path.join(store, name)
	    data = open(path, "rb").read()
	    for at in sorted({i for a, b in ranges for i in range(a, b)}):
	        flip = bytearray(data)
	        flip[at] ^= 1 << random.randrange(8)
	        open(path, "wb").write(flip)
	        r = subprocess.run(["fstate", "verify", store, "-o", "json"], capture_output=True, text=True)
	        rows = [json.loads(line) for line in r.stdout.splitlines()]
	        n += 1
	        hit = [x for x in rows if x["file"] == name and (x["offset"] == at if name.endswith(".json")
	               else x["offset"] <= at)]
	        if r.returncode != 4 or len(hit) == 0:
	            bad += 1
	            print(name, at, r.returncode, r.stdout, r.stderr)
	    open(path, "wb").write(data)
	print(n, "flips,", bad, "not found")
	sys.exit(bad > 0 or n < 1000)
	END
	diff -r whole "$S/j"
}

@test "what another version wrote is shown as bytes, and this is said once" {
	numbers 30
	job 'running --agg "n=count()"'
	manifest=$(echo "$S"/j/chain/*.json)
	reworded "$manifest" 'n=count()' 'n=guess()' >m && cat m >"$manifest"
	ok "fstate scan j --stage fwindow -o json"
	jq -c '[.key, (.value.hex | length) == 2 * .value.bytes]' out | sort >got
	printf '["u%d",true]\n' 0 1 2 | diff - got
	[ "$(grep -c 'shown as bytes' err)" = 1 ]
	says guess
}

@test "a missing log is damage, and so is a cut one" {
	numbers 8
	job 'running'
	mv "$S"/j/state/fwindow* kept.log
	fails 4 "fstate scan j"
	says 'fwindow.* is not there'
	fails 4 "fstate verify j"
	grep -q 'is not there' out
	head -c 100 kept.log >"$S/j/state/fwindow-0.1.1.log"
	fails 4 "fstate scan j"
	says 'has 100 bytes of'
}

@test "the newest manifest is damaged: it is named, and an older checkpoint can be read" {
	numbers 30
	job 'running'
	numbers 60
	job 'running'
	mapfile -t e < <(fstate ls j -o json | jq .epoch)
	last=$(find "$S/j/chain" -name '*.json' | sort | tail -1)
	printf x | dd of="$last" bs=1 seek=100 conv=notrunc 2>/dev/null
	fails 4 "fstate scan j"
	says "$last: the manifest is damaged"
	fails 4 "fstate ls j"
	grep -q damaged out
	fails 4 "fstate verify j -o json"
	[ "$(jq .offset out)" = 100 ] || [ "$(jq .offset out)" = null ]
	ok "fstate get j fwindow u1 --at ${e[0]} -o json"
	[ "$(jq .value.count out)" = 10 ]
}

@test "a checkpoint that the job drops while it is read: the next one is read, and that is said" {
	numbers 30
	job 'running --agg "n=count()"'
	manifest=$(echo "$S"/j/chain/*.json)
	newer=${manifest%/*}/0000000009.json
	reworded "$manifest" state/fwindow state/gone >old
	reworded "$manifest" "\"place\":$((10#$(basename "$manifest" .json)))" '"place":9' >new
	rm "$manifest"
	mkfifo "$manifest" # so that it is read when we want it
	bg "fstate scan j --stage fwindow -o json"
	exec 7>"$manifest"
	rm "$manifest"
	mv new "$newer"
	cat old >&7
	exec 7>&-
	finish
	[ "$rc" = 0 ]
	says 'dropped by the job while it was read; reading again'
	[ "$(wc -l <out)" = 3 ]
}

@test "a checkpoint that the job drops while it is verified: what is there then is, and that is said once" {
	numbers 30
	job 'running --agg "n=count()"'
	manifest=$(echo "$S"/j/chain/*.json)
	reworded "$manifest" state/fwindow state/gone >old
	reworded "$manifest" "\"place\":$((10#$(basename "$manifest" .json)))" '"place":9' >new
	rm "$manifest"
	mkfifo "$manifest"
	bg "fstate verify j"
	exec 7>"$manifest"
	rm "$manifest"
	mv new "${manifest%/*}/0000000009.json"
	cat old >&7
	exec 7>&-
	finish
	[ "$rc" = 0 ]
	[ "$(grep -c 'dropped by the job while it was read; going on with what is there' err)" = 1 ]
	says '^fstate: 1 checkpoint, .* 0 faults'
}

@test "job.json: damage is told by whoever reads it; one without a checksum is read" {
	numbers 30
	job 'running'
	cp "$S/j/job.json" kept
	sed 's/"name":"j"/"name":"k"/' kept >"$S/j/job.json"
	fails 4 "fstate verify j -o json"
	jq -e '.file == "job.json"' out >/dev/null
	fails 4 "fcoord run -q --name j 'fsource in | fsink to/'"
	says 'job.json is damaged: its checksum is'
	sed 's/,"crc32c":"[0-9a-f]*"//' kept >"$S/j/job.json"
	ok "fstate verify j"
	numbers 60
	job 'running'
	rm "$S/j/job.json"
	fails 4 "fstate verify j"
	grep -q 'job.json is not there' out
}

@test "local state: what a subtask's copy holds is what its checkpoint does" {
	numbers 600
	KEY=k,c job 'tumble 5m --agg "n=count(), s=sum(.v)"'
	local copy=$S/j/local/fwindow-0
	ok "fstate scan j --stage fwindow -o json"
	mv out all
	ok "fstate scan $copy -o json"
	diff all out
	ok "fstate export $copy/base"
	diff all out
	quiet
	ok "fstate diff $copy j --stage fwindow"
	says '0 added, 0 removed, 0 changed'
	ok "fstate get $copy fwindow '[\"u1\",0]' -o json"
	[ "$(wc -l <out)" = "$(grep -c '"u1",0' all)" ]
	fails 2 "fstate get $copy fwindow nobody"
	fails 2 "fstate scan $copy --at 1"
	says '[-]-at 1 has no meaning'
	fails 2 "fstate export $copy --out $copy"
	for verb in ls show; do
		ok "fstate $verb $copy -o json"
		jq -c '[.stage, .subtask, .condition, .items]' out >row
		diff - row <<<"[\"fwindow\",0,\"clean\",$(wc -l <all)]"
	done
	ok "fstate ls j -o json"
	[ "$(jq .epoch out)" = "$(fstate ls "$copy" -o json | jq .epoch)" ]
	ok "fstate show $copy"
	grep -q '^signature  tumble 5m n=count(), s=sum(.v)$' out
	ok "fstate scan $S/j/local/fsource-0"
	grep -q '^fsource  splits  *in ' out
}

@test "local state: of some subtasks, and away from its store" {
	numbers 300
	job 'running --agg "n=count()"' '-p 3'
	for i in 0 1 2; do
		ok "fstate scan $S/j/local/fwindow-$i -o json"
		cat out >>all
	done
	ok "fstate scan j --stage fwindow -o json"
	is_sorted <all
	for copy in "$S"/j/local/fwindow-*; do
		ok "fstate scan $copy -o json"
		[ ! -s out ] || break
	done
	cp -r "$copy" copy
	ok "fstate scan copy -o json"
	jq -e '.stage == "fwindow" and .value.bytes > 0' out >/dev/null
	says 'no manifest beside it tells what it is'
	ok "fstate verify copy"
	says ' 0 faults'
}

@test "local state: damage is found; nothing in it is status 2" {
	numbers 600
	job 'running --agg "n=count()"'
	local copy=$S/j/local/fwindow-0
	ok "fstate verify $copy"
	says 'subtask 0 of fwindow as of epoch .*: 3 items' ' 0 faults'
	sed -i 's/u1/ux/g' "$copy/base/data" # also in pages that are not in use any more
	fails 4 "fstate verify $copy -o json"
	jq -e --argjson n "$(stat -c %s "$copy/base/data")" \
		'.file == "base/data" and .offset > 0 and .offset % 4096 == 0 and .offset < $n' out >/dev/null
	fails 4 "fstate scan $copy"
	says 'base/data is damaged at page .*: the checksum of an item is wrong'
	[ ! -s out ]
	: >"$copy/base/data"
	fails 2 "fstate scan $copy"
	says 'base/data is not there, or empty'
}

@test "while the job runs: every look succeeds, and changes nothing" {
	forever
	for _ in $(seq 40); do
		ok "fstate scan j -o json"
		jq -es 'map(select(.map == "keys")) | length == 3' out >/dev/null
		ok "fstate verify j"
		ok "fstate ls j"
	done
	ok "fcoord stop j" # so that there is a local copy, too
	await '! fcoord status j -o json | jq -e .pid'
	forever
	for _ in $(seq 10); do
		for verb in ls show scan verify; do
			ok "fstate $verb $S/j/local/fwindow-0"
		done
	done
	ok "fcoord savepoint j --out sp"
	ok "fstate ls sp -o json"
	[ "$(jq -r .kind out)" = savepoint ]
	ok "fstate diff sp j"
	ok "fcoord cancel j"
	await '! fcoord status j -o json | jq -e .pid'
	find state sp -printf '%p %s %T@ %C@\n' | sort >before
	for verb in ls show scan verify export; do
		ok "fstate $verb j"
		ok "fstate $verb sp"
		ok "fstate $verb $S/j/local/fwindow-0"
	done
	ok "fstate diff sp j"
	find state sp -printf '%p %s %T@ %C@\n' | sort | diff before -
}

@test "export: a file for each stage, nothing is overwritten; | head ends quietly" {
	numbers 300
	job 'running'
	ok "fstate export j --out ex"
	jq -e '.value.count == 100' ex/fwindow.ndjson >/dev/null
	fails 2 "fstate export j --out ex"
	fails 2 "fstate export j --out $S/j"
	ok "fstate export j"
	sort ex/* | diff - <(sort out)
	ok "fstate scan j | head -1"
	quiet
}
