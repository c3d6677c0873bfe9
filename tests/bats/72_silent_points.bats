# Where something could be lost or go wrong without a word.
load common

@test "--tz counts for a field that --fields makes a time" {
	printf 't\n2024-07-05 10:00:00\n' >in.csv
	ok "fsource in.csv --fields t:time --time t --tz Europe/Berlin | fmap --set 'x = ts()' -o json"
	echo '{"t":"2024-07-05T08:00:00Z","x":"2024-07-05T08:00:00Z"}' | is
}

@test "--fields keeps and types what generators and saved frames give" {
	ok "fsource 'gen:tx?n=1' --fields 'id:f64, card' -o json"
	echo '{"id":1.0,"card":"c0367"}' | is
	echo '{"a":1,"b":2}' >in
	ok "fsource in >in.frames && fsource in.frames --fields b:str -o json"
	echo '{"b":"2"}' | is
}

@test "a stream that breaks off in its very first line is broken, not CSV" {
	echo '{"a":1}' >in
	ok "fsource in >in.frames"
	for n in 10 30 62 63; do
		fails 1 "head -c $n in.frames | fsink -"
		fails 1 "head -c $n in.frames | fkey a"
	done
}

@test "a dead letter holds the whole record" {
	printf '{"a":"%0200000d","b":}\n' 0 >in
	ok "fsource in --on-bad bad -o json"
	ok "fsource bad | fmap --set 'n = len(.record)' --keep n -o json"
	echo '{"n":200013}' | is
}

@test "fsink FILE: a CSV file with another header is not appended to" {
	printf '{"a":1,"b":2}\n' >in
	ok "fsink f.csv --format csv <in && fsink f.csv --format csv <in"
	printf 'a,b\n1,2\n1,2\n' | diff - f.csv
	printf '{"a":1,"b":2,"c":3}\n' >in2
	fails 3 "fsink f.csv --format csv <in2"
	says -- --fields
	printf 'a,b\n1,2\n1,2\n' | diff - f.csv
}

@test "fsink --partition-by: a field never seen is told" {
	echo '{"user":1}' >in
	ok "fsink parts/ --partition-by .usr <in"
	says "'usr' was never seen; did you mean 'user'"
}

@test "two sinks into one directory at once: nothing is overwritten" {
	ok "fsource 'gen:tx?n=5000' | fsink d/ --roll 20KiB & fsource 'gen:tx?n=5000' | fsink d/ --roll 20KiB & wait"
	[ "$(cat d/*.ndjson | wc -l)" = 10000 ]
	[ -z "$(find d -name '.*' -type f)" ]
}

@test "a command whose stdin is closed says so and ends" {
	fails '1|2' "timeout -s KILL 3 fmap --where true -o json <&-"
}
