# fsink DIR/: formats and partitions.
load common

@test "--format decides the ending; each CSV part has its header" {
	rec $(seq 2000) >in
	ok "fsource in | fsink d/ --format csv --roll 1KiB"
	[ "$(ls d | grep -vc '\.csv$')" = 0 ]
	for f in d/*; do
		[ "$(head -1 "$f")" = a ]
	done
	[ "$(cat d/* | grep -vc '^a$')" = 2000 ]
}

@test "no records: no visible part with content, status 0" {
	: >in
	ok "fsource in | fsink d/"
	[ -z "$(find d -type f -size +0 -name 'part-*')" ]
}

@test "--partition-by a field: DIR/name=value/" {
	printf '{"c":"%s","v":%s}\n' x 1 y 2 x 3 >in
	ok "fsource in | fsink d/ --partition-by .c"
	[ "$(ls d | tr '\n' ' ')" = "c=x c=y " ]
	grep -h . d/c=x/part-* | diff - <(printf '{"c":"x","v":1}\n{"c":"x","v":3}\n')
	grep -h . d/c=y/part-* | diff - <(printf '{"c":"y","v":2}\n')
}

@test "--partition-by: a value cannot leave the directory" {
	printf '{"c":%s}\n' '"../up"' '"a/b"' '".."' null '""' >in
	px "fsource in | fsink d/ --partition-by .c"
	[ ! -e up ] && [ -z "$(find . -path ./d -prune -o -name 'part-*' -print)" ]
	[ "$rc" != 0 ] || [ "$(find d -name 'part-*' -exec cat {} + | wc -l)" = 5 ]
}
