# generate.awk: N transfers between accounts, the same ones each time (-v n=N -v dir=DIR).
#
# debits.ndjson   what the paying banks say, in the order of their times
# credits         what the receiving banks say, up to 20 s later: "MS<tab>RECORD", to be sorted by MS
# truth           what has to come out, a line per transfer
BEGIN {
	start = 1704448800000 # 2024-01-05T10:00:00Z
	x = 1
	for (id = 1; id <= n; id++) {
		t = start + 10 * id
		from = draw(5000)
		to = draw(5000)
		amount = (1 + draw(99999)) / 4
		later = draw(20001)
		printf "{\"id\":%d,\"time\":%d,\"from\":\"A%04d\",\"amount\":%.2f}\n", id, t, from, amount > (dir "/debits.ndjson")
		printf "%d\t{\"id\":%d,\"time\":%d,\"to\":\"B%04d\",\"amount\":%.2f,\"text\":\"INVOICE 24 %07d. Thank you for your order; please let us know the number of this invoice in all that you write to us.\"}\n", t + later, id,
			t + later, to, amount, id > (dir "/credits")
		printf "%d %d %d %d\n", id, from, to, 4 * amount > (dir "/truth")
	}
}

# 0 .. m - 1, of a generator that is exact in an awk's numbers.
function draw(m) {
	x = (x * 16807) % 2147483647
	return int(x / 8) % m
}
