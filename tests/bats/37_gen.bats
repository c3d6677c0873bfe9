# fsource gen: and --meta
load common

@test "same seed, same bytes; another seed, others; n records" {
	for g in tx nexmark; do
		ok "fsource 'gen:$g?seed=1&n=5000' -o json" && cp out one
		ok "fsource 'gen:$g?seed=1&n=5000' -o json"
		cmp one out
		[ "$(wc -l <out)" = 5000 ]
		ok "fsource 'gen:$g?seed=2&n=5000' -o json"
		! cmp -s one out || return 1
		ok "fsource 'gen:$g?seed=1&n=100' -o json"
		cmp -n "$(stat -c %s out)" one out
	done
}

@test "gen:nexmark: a mixed stream with kind and Nexmark's own names" {
	ok "fsource 'gen:nexmark?seed=1&n=5000' -o json"
	[ "$(jq -r .kind out | sort | uniq -c | awk '{printf "%s=%d ", $2, $1}')" = "auction=300 bid=4600 person=100 " ]
	jq -se '(map(select(.kind == "person"))[0] | keys - ["kind"]) == (["id","name","email","creditCard","city","state","dateTime","extra"] | sort)' out
	jq -se '(map(select(.kind == "auction"))[0] | keys - ["kind"]) == (["id","itemName","description","initialBid","reserve","dateTime","expires","seller","category","extra"] | sort)' out
	jq -se '(map(select(.kind == "bid"))[0] | keys - ["kind"]) == (["auction","bidder","price","channel","url","dateTime","extra"] | sort)' out
}

@test "gen:nexmark?kind=bid gives one kind" {
	ok "fsource 'gen:nexmark?kind=bid&seed=1&n=500' -o json"
	[ "$(wc -l <out)" = 500 ]
	jq -e '.auction and .bidder and .price' out
	lacks out '"itemName"'
}

@test "gen:nexmark: time is dateTime, disorder up to 4 s, nothing late" {
	ok "fsource 'gen:nexmark?seed=3&n=20000' -o json" && cp out in
	ok "fsource in --time dateTime --out-of-order 4s --watermark each | fwindow tumble 1s | fsink -"
	late 0
	ok "fsource in --time dateTime --watermark each | fwindow tumble 100ms | fsink -"
	says "late records dropped"
	ok "fsource 'gen:nexmark?seed=3&n=20000' | fwindow tumble 1s | fsink -"
	late 0
}

@test "gen:tx: its fields, with planted fraud" {
	ok "fsource 'gen:tx?seed=1&n=20000' -o json"
	jq -se '.[0] | [keys[]] - ["fraud"] == (["id","card","user","amount","time","lat","lon","city","country","device"] | sort)' out
	[ "$(jq -s 'map(select(.fraud == true)) | length' out)" -gt 0 ]
	[ "$(jq -s 'map(select(.fraud == true)) | length' out)" -lt 5000 ]
	ok "fsource 'gen:tx?seed=1&n=5000' | fkey user | fwindow tumble 1h | fsink -"
	[ -s out ]
}

@test "an unknown generator or parameter is status 2 with did you mean" {
	fails 2 "fsource gen:nexmrak"
	says "did you mean" nexmark
	fails 2 "fsource 'gen:tx?sed=1'"
	says seed
}

@test "--meta PREFIX adds file and offset as fields" {
	printf '{"a":1}\n{"a":2}\n' >in
	ok "fsource in --meta _ -o json"
	jq -se '.[0]._file | endswith("in")' out
	jq -se '.[0]._offset == 0 and .[1]._offset > 0' out
	jq -se 'map(.a) == [1,2]' out
}
