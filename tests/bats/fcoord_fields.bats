# Fields that nobody downstream reads are dropped at the source (design §8): what comes out is the same.
load common
load jobs

setup() {
	begin_jobs
	seq 0 2999 | jq -c '{k: (. % 7), junk: "x\(.)", t: (1704448800 + .), n: {a: .}, v: ., tags: ["p", "q"]}' >in.ndjson
	jq -r '[.k, .junk, .t, .v] | @csv' in.ndjson | sed '1i k,junk,t,v' >in.csv
}

# reads TEXT WANT: what leaves the source; '' when all fields do.
reads() {
	fcoord explain "$1" | sed -n 's/.*downstream reads //p' >got
	[ "$(cat got)" = "$2" ] || { echo "$1: $(cat got)"; return 1; }
}

# alike TEXT: bare and supervised give the same lines; OUT in it is the sink's file.
alike() {
	ok "${1//OUT/bare}"
	ok "fcoord run -q --fresh --name j '${1//OUT/job}'"
	cmp bare job
	[ -s job ]
	rm bare job
}

@test "the plan says which fields leave a source" {
	reads 'fsource in.ndjson --time t | fkey k | fwindow tumble 1m --agg "s=sum(.v)" | fsink o/' 'k, v'
	reads 'fsource in.ndjson | fkey k | fwindow running --agg "n=count()" --having ".n > 3" | fsink o/' 'k'
	reads 'fsource in.ndjson | fmap --where ".v > 1" --set "w = .n.a" --keep w | fsink o/' 'v, n, w'
	reads 'fsource in.ndjson | fwindow global --agg count | fsink o/' 'no field'
}

@test "whole records go into sinks and side outputs, and then all fields leave" {
	reads 'fsource in.ndjson | fsink o/' ''
	reads 'fsource in.ndjson | fkey k | fmap --drop junk | fsink o/' ''
	reads 'fsource in.ndjson --time t | fkey k | fwindow tumble 1m --late late.ndjson | fsink o/' ''
	reads 'fsource in.ndjson | fkey k | fwindow running --agg "s=sum(.v)" --on-bad bad.ndjson | fsink o/' ''
	reads 'a = fsource in.ndjson
@a | fkey k | fwindow running --agg count | fsink o/
@a | fsink p/' ''
	reads 'a = fsource in.ndjson
@a | fkey k | fwindow running --agg count | fsink o/
@a | fwindow global --agg "m=max(.v)" | fsink p/' 'k, v'
}

@test "what comes out is what comes out of a bare pipeline" {
	local f
	for f in in.ndjson in.csv; do
		alike "fsource $f --time t | fkey k | fwindow tumble 1m --agg \"s=sum(.v), n=count()\" | fsink OUT"
		alike "fsource $f --time t | fmap --set \"w = .v * 2\" --rename k=key --keep key,w | fsink OUT"
		alike "fsource $f --watermark field:t --time t | fkey --expr \".k % 2\" | fwindow session 10m --agg \"x=max(.v)\" | fsink OUT"
	done
	ok "fsource in.ndjson --time t | fkey v >in.frames"
	alike 'fsource in.frames --format frames | fkey k | fwindow tumble 1m --agg "s=sum(.v)" | fsink OUT'
	alike 'fsource in.ndjson | fmap --where ".k == 3" --explode tags --rename tags=tag --keep tag,v | fsink OUT'
	alike 'fsource "gen:tx?n=2000&seed=3" | fkey card | fwindow tumble 1h --agg "s=sum(.amount)" | fsink OUT'
	alike 'fsource in.ndjson --meta at_ --time t | fkey k | fwindow tumble 1m --agg "o=max(.at_offset)" | fsink OUT'
	alike 'fsource in.ndjson --fields "k, v:str, junk" | fkey k | fwindow running --agg "l=last(.v)" | fsink OUT'
}

@test "a field that is dropped is checked all the same, and known for 'did you mean'" {
	sed -i '5s/"junk":"x4"/"junk":x4/' in.ndjson
	fails 3 'fcoord run --name j "fsource in.ndjson --time t | fkey k | fwindow tumble 1m | fsink o/"'
	says 'in.ndjson:5:'
	fails 3 'fcoord run --name i "fsource in.csv --time tt | fkey k | fwindow tumble 1m | fsink o/"'
	says "did you mean 't'"
	sed -i '1s/junk/k/' in.csv
	fails 3 'fcoord run --name h "fsource in.csv --time t | fkey v | fwindow tumble 1m | fsink o/"'
	says "same name 'k'"
}

@test "a field that does not exist: what it may have meant" {
	ok 'fcoord run --name j "fsource in.ndjson --time t | fkey tgs | fmap --set \"jnk = 1\" | fwindow running --agg \"s=sum(.jnk)\" | fsink o"'
	says "'tgs' was never seen; did you mean 'tags'"
	lacks err 'jnk'
}

@test "a job that reads other fields from now on goes on" {
	ok 'fcoord run -q --name j "fsource in.ndjson --time t --at-end hold | fkey k | fmap --keep k,v | fsink OUT"'
	seq 3000 3999 | jq -c '{k: (. % 7), junk: "x\(.)", t: (1704448800 + .), v: .}' >>in.ndjson
	ok 'fcoord run -q --name j "fsource in.ndjson --time t --at-end hold | fkey k | fmap --keep k,junk | fsink OUT"'
	jq -c 'if .v < 3000 then {k, v} else {k, junk} end' in.ndjson | cmp - OUT
}
