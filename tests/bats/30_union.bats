# The runtime with several inputs and outputs, driven by tests/tools/funion.
load common

TOOLS=${BUILD:-build/obj}/tools
[ "${TOOLS#/}" != "$TOOLS" ] || TOOLS=$BATS_TEST_DIRNAME/../../$TOOLS
PATH=$TOOLS:$PATH

# frames NAME [FLAGS]: ./NAME as frames in NAME.fr, a mark behind each record.
frames() {
	fsource "$1" --time t --watermark each ${2:-} -o frames >"$1.fr"
}

# marks FILE: its watermarks.
marks() {
	grep '^# watermark' "$1"
}

# secs KEY FROM STEP N: N records {"k":KEY,"t":ms} from FROM on, every STEP ms.
secs() {
	awk -v k="$1" -v t="$2" -v d="$3" -v n="$4" 'BEGIN { for (i = 0; i < n; i++) printf "{\"k\":\"%s\",\"t\":\"%s.%03dZ\"}\n",
		k, strftime("%Y-%m-%dT%H:%M:%S", int((t + i * d) / 1000), 1), (t + i * d) % 1000 }'
}

@test "fields are unified by name, whatever their order" {
	echo '{"a":1,"b":2}' >a
	printf '{"b":3,"a":4}\n{"c":5,"b":6}\n' >b
	fsource a -o frames >a.fr
	fsource b -o frames >b.fr
	for order in "a.fr b.fr" "b.fr a.fr"; do
		ok "funion $order | fsink -"
		diff <(jq -cS . out | sort) - <<-'E'
			{"a":1,"b":2}
			{"a":4,"b":3}
			{"b":6,"c":5}
		E
		done
}

@test "the same field with different types is one field" {
	echo '{"a":1}' >a
	echo '{"a":"x"}' >b
	ok "funion <(fsource a) <(fsource b) | fsink -"
	printf '{"a":1}\n{"a":"x"}\n' | is_sorted
}

@test "a field that shows up late in one input" {
	{ seq -f '{"k":"a","n":%.0f}' 3000; echo '{"late":1}'; } >a
	{ echo '{"k":"b","other":2}'; seq -f '{"other":%.0f,"k":"b"}' 3000; } >b
	ok "funion <(fsource a) <(fsource b) | fsink -"
	[ "$(wc -l <out)" = 6002 ]
	diff <(jq -cS . a b | sort) <(jq -cS . out | sort)
}

@test "C16 the watermark is the minimum of the inputs" {
	secs a 1000 1000 10 >a                  # up to 10 s: mark 9.999
	secs b 1000 500 9 >b                    # up to 5 s: mark 4.999
	frames a '--at-end hold'
	frames b '--at-end hold'
	ok "funion a.fr b.fr | fcat --marks"
	[ "$(marks out | tail -1)" = '# watermark 1970-01-01T00:00:04.999Z' ]
	marks out | sort -c -u
	lacks out 'watermark max'
	grep -q '^# end done' out
}

@test "C4 no record that is not late becomes late by merging" {
	secs a 1000 7 3000 >a
	secs b 1000 13 3000 >b
	secs c 5000 1 3000 >c
	for f in a b c; do frames $f; done
	ok "funion a.fr b.fr c.fr | fwindow tumble 1s | fsink -"
	lacks err late
	[ "$(jq -s 'map(.count) | add' out)" = 9000 ]
	ok "funion a.fr b.fr c.fr | fcat --marks"
	[ "$(marks out | tail -1)" = '# watermark max' ]
	[ "$(marks out | sort | uniq -d | wc -l)" = 0 ]
}

@test "C20 an input that has ended holds nobody back, and END comes once all have" {
	mkfifo p
	ev a:1000 >a
	frames a
	bg "funion a.fr <(fsource - --time t --watermark each <p) | fcat --marks"
	exec 9>p
	ev b:5000 >&9
	await 'grep -q "watermark 1970-01-01T00:00:04.999Z" out'
	ev b:7000 >&9
	await 'grep -q "watermark 1970-01-01T00:00:06.999Z" out'
	lacks out '# end'
	exec 9>&-
	finish
	[ "$rc" = 0 ]
	[ "$(tail -2 out)" = $'# watermark max\n# end done' ]
}

@test "an input that is cut off is a failure, and what follows sees no END" {
	secs a 0 1 5000 >a
	frames a
	cp a.fr b.fr
	head -c "$(($(stat -c %s b.fr) - 10))" b.fr >c.fr
	fails 1 "funion a.fr c.fr | fcat --marks"
	[ "$(cat each)" = "1 1" ]
	says 'broke off|ended without|truncated'
	lacks out '# end'
}

@test "an input that gives no byte at all is a failure" {
	ev a:1 >a
	frames a
	fails 1 "funion a.fr /dev/null | fsink null:"
	says 'no byte'
}

@test "C16 an idle input is left out; back from idle it holds nobody until it has caught up" {
	mkfifo p q
	bg "funion <(fsource - --time t --watermark each <p) <(fsource - --time t --watermark each --idle 200ms <q) | fcat --marks"
	exec 8>p 9>q
	ev b:1000 >&9
	ev a:5000 >&8
	await 'grep -q "watermark 1970-01-01T00:00:04.999Z" out'
	ev b:2000 >&9                           # late, but not lost
	await 'grep -q "\"b\".*00:00:02" out'
	ev a:8000 >&8
	await 'grep -q "watermark 1970-01-01T00:00:07.999Z" out'
	exec 8>&- 9>&-
	finish
	[ "$rc" = 0 ]
	marks out | sed '/max/d' | sort -c -u
	[ "$(tail -2 out)" = $'# watermark max\n# end done' ]
}

@test "C16 all inputs idle: the greatest watermark first, then IDLE" {
	mkfifo p q
	bg "funion <(fsource - --time t --watermark each --idle 200ms <p) <(fsource - --time t --watermark each --idle 400ms <q) | fcat --marks"
	exec 8>p 9>q
	ev b:1000 >&9
	ev a:5000 >&8
	await 'grep -q "^# idle" out'
	[ "$(grep -B1 '^# idle' out | head -1)" = '# watermark 1970-01-01T00:00:04.999Z' ]
	ev a:6000 >&8
	await 'grep -q "^# active" out'
	exec 8>&- 9>&-
	finish
	[ "$rc" = 0 ]
	[ "$(tail -2 out)" = $'# watermark max\n# end done' ]
}

@test "an idle source that ends still fires the windows behind it" {
	mkfifo p
	bg "fsource - --time t --watermark each --idle 100ms <p | tee raw | fkey k | fwindow tumble 1h | fsink -"
	exec 9>p
	ev a:1000 >&9
	await 'fcat --marks raw 2>/dev/null | grep -q "^# idle"'
	exec 9>&-
	finish
	[ "$rc" = 0 ]
	jq -e '.count == 1' out
}

@test "the input whose watermark is behind is read first" {
	secs a 0 1 20000 >a                     # 20 s
	secs b 0 1000 20000 >b                  # 20,000 s
	frames a
	frames b
	for order in "a.fr b.fr" "b.fr a.fr"; do
		ok "funion $order | fsink -"
		[ "$(wc -l <out)" = 40000 ]
		# All of a lies within the first frames of b.
		[ "$(grep -n '"k":"a"' out | tail -1 | cut -d: -f1)" -lt 25000 ]
	done
}

@test "keyed rows go by key group: no key in two outputs, nothing lost" {
	ok "fsource 'gen:tx?seed=3&n=20000' -o frames | fkey card -o frames"
	mv out in.fr
	ok "funion in.fr --out 0.fr --out 1.fr --out 2.fr"
	for i in 0 1 2; do
		fcat $i.fr >$i
		[ "$(wc -l <$i)" -gt 3000 ]
		jq -r .card $i | sort -u >$i.keys
	done
	[ -z "$(sort 0.keys 1.keys 2.keys | uniq -d)" ]
	diff <(fcat in.fr | sort) <(sort 0 1 2)
	# C35: 0-42, 43-85, 86-127 of 128; so three outputs are finer than one, and six than three.
	ok "funion in.fr --out a.fr --out b.fr --out c.fr --out d.fr --out e.fr --out f.fr"
	diff 0.keys <({ fcat a.fr; fcat b.fr; } | jq -r .card | sort -u)
	# in each output the order of a key's rows is that of the input
	card=$(head -1 1.keys)
	diff <(fcat in.fr | grep "\"$card\"") <(grep "\"$card\"" 1)
}

@test "several inputs to several outputs: a key has one place" {
	fsource 'gen:tx?seed=1&n=5000' | fkey card >a.fr
	fsource 'gen:tx?seed=1&n=9000' | fkey card >b.fr
	ok "funion a.fr b.fr --out 0.fr --out 1.fr"
	for i in 0 1; do fcat $i.fr >$i; jq -r .card $i | sort -u >$i.keys; done
	[ -z "$(sort 0.keys 1.keys | uniq -d)" ]
	diff <({ fcat a.fr; fcat b.fr; } | jq -cS . | sort) <(jq -cS . 0 1 | sort)
}

@test "watermarks, HELLO and END go to every output; C4 holds in each" {
	secs a 1000 10 3000 | awk '{ sub(/"a"/, "\"a" NR % 50 "\""); print }' >b
	frames b
	fkey k <b.fr >in.fr
	ok "funion in.fr --out 0.fr --out 1.fr --out 2.fr"
	fcat --marks in.fr | grep '^# watermark' >want
	for i in 0 1 2; do
		fcat --marks $i.fr >$i
		diff want <(marks $i)
		[[ $(head -1 $i) == '# hello run '*': '*' | funion '* ]]
		[ "$(tail -1 $i)" = '# end done' ]
		# a mark is max − 1 ms here: a record behind a mark at or above its own time would be late
		jq -R -s -e 'split("\n") | reduce .[] as $l ({wm: "", ok: true};
			if $l | startswith("# watermark 1") then .wm = $l[12:] elif $l | startswith("{") then
			.ok = (.ok and (($l | fromjson.t) > .wm)) else . end) | .ok' $i >/dev/null || { echo "late rows in output $i"; return 1; }
	done
}

@test "without a key rows are dealt out evenly" {
	seq -f '{"n":%.0f}' 9000 >a
	fsource a -o frames >a.fr
	ok "funion a.fr --out 0.fr --out 1.fr --out 2.fr"
	for i in 0 1 2; do fcat $i.fr >$i; [ "$(wc -l <$i)" = 3000 ]; done
	diff <(sort a) <(sort 0 1 2)
}

@test "a slow reader of one output holds the others back, and nothing is lost" {
	mkfifo p
	fsource 'gen:tx?seed=5&n=60000' | fkey card >in.fr
	(sleep 1; fcat <p >slow) &
	ok "funion in.fr --out p --out fast.fr"
	wait
	diff <(fcat in.fr | sort) <({ cat slow; fcat fast.fr; } | sort)
}

@test "an empty stream is an empty stream: END without a row" {
	: >a
	frames a
	ok "funion a.fr a.fr --out 0.fr --out 1.fr"
	for i in 0 1; do
		fcat --marks $i.fr >$i
		[ "$(tail -2 $i)" = $'# watermark max\n# end done' ]
		lacks $i '^\{'
	done
}

@test "a record larger than the read buffer, and one near the bound, pass" {
	{ printf '{"b":"'; head -c 20000 /dev/zero | tr '\0' y; printf '"}\n{"a":"'; head -c 16700000 /dev/zero | tr '\0' x
		printf '"}\n{"a":"'; head -c 700000 /dev/zero | tr '\0' z; printf '"}\n'; } >a
	ok "fsource a | funion - | fkey a | funion - --out 0.fr --out 1.fr"
	diff <(sort a | md5sum) <({ fcat 0.fr; fcat 1.fr; } | sort | md5sum)
}

@test "a record at the bound is a record or a bad one, never a damaged stream" {
	{ printf '{"b":"'; head -c 20000 /dev/zero | tr '\0' y; printf '"}\n{"a":"'; head -c 16776000 /dev/zero | tr '\0' x; printf '"}\n'; } >a
	for s in "fsource a | funion - | fsink null:" "funion a | funion - | fsink null:" "fsource a | fmap --set 'c = 1' | fkey b | fsink null:"; do
		px "$s"
		[[ $rc =~ ^[013]$ ]]
		lacks err damaged
	done
}

@test "a stream of marks alone is cut into frames too" {
	seq -f '{"k":"a","t":%.0f}' 1 1200000 >a
	frames a
	ok "fmap --where 'false' <a.fr | fcat --marks"
	[ "$(marks out | wc -l)" = 1200001 ]
}

@test "nothing follows END: two streams joined by cat are refused, not cut short" {
	ev a:1 a:2 >a
	frames a
	cat a.fr a.fr >b.fr
	px "funion b.fr | fsink null:"
	[ "$rc" != 0 ]
	says 'END'
}

@test "inputs with different keys are refused, whichever comes first" {
	printf '{"a":1,"b":2}\n' >in
	fsource in | fkey a >a.fr
	fsource in | fkey b >b.fr
	fsource in -o frames >c.fr
	for f in "a.fr b.fr" "b.fr a.fr" "a.fr c.fr" "c.fr a.fr"; do
		px "funion $f | fsink null:"
		[ "$rc" != 0 ] || { echo "$f"; return 1; }
		says key
	done
}

@test "text inputs: no last newline, one byte at a time, blanks and BOM first, nothing but blanks" {
	printf '{"a":1}\n{"a":2}' >a
	printf 'a\n3\n4' >b
	ok "funion a b | fsink -"
	printf '{"a":%s}\n' 1 2 3 4 | is_sorted
	trickle() { while IFS= read -r -d '' -n1 c || [ -n "$c" ]; do printf '%s' "$c"; sleep 0.02; done; }
	export -f trickle
	ok "printf '\n \n{\"a\":1}\n{\"a\":2}' | trickle | funion - | fsink -"
	printf '{"a":%s}\n' 1 2 | is
	ok "printf '\xef\xbb\xbf{\"a\":1}' | trickle | funion - | fsink -"
	is <<<'{"a":1}'
	ok "printf '\n\n' | funion - | fsink -"
	[ ! -s out ]
}
