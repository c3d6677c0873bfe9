# mixup.awk: what a join that does not align its barriers would have made of the same transfers.
#
#	awk -v debits=BD -v credits=BC -v way=W -v more=M -f mixup.awk debits.ndjson credits.ndjson
#
# A checkpoint's barrier stands behind debit BD and credit BC; after a crash both inputs go on from there, with the state that
# the join noted.  Credits are slow: when the join gets to the barrier of the debits, the last W credits before theirs are on
# their way, and until these have come, M more debits could be read.  So a rule is told by what the join had read when it
# noted its state.
{
	match($0, /[0-9]+/)
	id = substr($0, RSTART, RLENGTH)
	if (NR == FNR)
		debit[++nd] = id
	else
		credit[++nc] = id
}

END {
	printf "%-58s %8s %8s %8s\n", "", "once", "lost", "doubled"
	rule("aligned: the debits wait for the barrier of the credits", debits, credits)
	rule("state noted at the first barrier", debits, credits - way)
	rule("state noted at the last one, debits read on till then", debits + more, credits)
}

# The join has noted its state behind debit d and credit c.
function rule(name, d, c,  i, once, lost, doubled) {
	split("", paid)
	split("", got)
	split("", pairs)
	take_debits(1, d)
	take_credits(1, c)
	# the crash
	take_debits(debits + 1, nd)
	take_credits(credits + 1, nc)
	for (i = 1; i <= nd; i++) {
		once += pairs[debit[i]] == 1
		lost += pairs[debit[i]] == 0
		doubled += pairs[debit[i]] > 1
	}
	printf "%-58s %8d %8d %8d\n", name, once, lost, doubled
}

# A record meets those of its number that the other side has had.
function take_debits(from, to,  i) {
	for (i = from; i <= to && i <= nd; i++) {
		paid[debit[i]]++
		pairs[debit[i]] += got[debit[i]]
	}
}

function take_credits(from, to,  i) {
	for (i = from; i <= to && i <= nc; i++) {
		got[credit[i]]++
		pairs[credit[i]] += paid[credit[i]]
	}
}
