/* Generators: golden hashes come from tests/oracle/gen_tx.py and gen_nexmark.py --fnv. */
#include "t.h"

#include <math.h>

#include "base/text.h"
#include "conn/gen.h"

struct run {
	struct gen *g;
	struct schema schema;
	struct buf rows;
};

static void
run_open(struct run *r, const char *uri)
{
	memset(r, 0, sizeof(*r));
	schema_init(&r->schema);
	if (gen_new(&r->g, uri, &r->schema) != 0) {
		printf("# %s: %s\n", uri, ferr_text());
		abort();
	}
}

static void
run_close(struct run *r)
{
	gen_free(r->g);
	schema_fini(&r->schema);
	buf_fini(&r->rows);
}

/* All rows of a URI, asked for in pieces of step. */
static int
run_all(struct run *r, const char *uri, unsigned step)
{
	int n, all = 0;

	run_open(r, uri);
	while ((n = gen_next(r->g, step, &r->rows)) > 0)
		all += n;
	T_INT(n, 0);
	return all;
}

static struct val
get(const struct run *r, const uint8_t *row, const char *name)
{
	int f = schema_find(&r->schema, name, strlen(name));

	return f < 0 ? VAL_NULLV : row_get(row, (unsigned)f);
}

/* The row behind row, the first one behind NULL; NULL at the end. */
static const uint8_t *
next(const struct run *r, const uint8_t *row)
{
	if (r->rows.n == 0)
		return NULL;
	row = row == NULL ? r->rows.p : row + row_len(row);
	return row < r->rows.p + r->rows.n ? row : NULL;
}

/* One row as NDJSON, without the field `without`. */
static void
put_json(const struct schema *s, const uint8_t *row, const char *without, struct buf *out)
{
	bool first = true;

	for (unsigned i = 0; i < s->n; i++) {
		struct val v = row_get(row, i);

		if (v.t == VAL_ABSENT || strcmp(s->f[i].name, without) == 0)
			continue;
		buf_putc(out, first ? '{' : ',');
		val_json_str(s->f[i].name, s->f[i].n, out);
		buf_putc(out, ':');
		val_json(&v, out);
		first = false;
	}
	buf_puts(out, "}\n");
}

static void
golden(const char *uri, size_t size, uint64_t hash)
{
	struct buf text = BUF_INIT;
	uint64_t h = 0xcbf29ce484222325;
	struct run r;

	run_all(&r, uri, 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;)
		put_json(&r.schema, row, "", &text);
	for (size_t i = 0; i < text.n; i++)
		h = (h ^ text.p[i]) * 0x100000001b3;
	T_INT(text.n, size);
	if (h != hash)
		T_FAIL("%s: hash %016" PRIx64 ", not %016" PRIx64, uri, h, hash);
	buf_fini(&text);
	run_close(&r);
}

T(same_text_same_bytes_as_the_oracle)
{
	golden("tx?n=3000", 553733, 0xd6a34216d10c2027);
	golden("tx?n=3000&seed=42&cards=50&fraud=20", 553388, 0x400c13227f0694d1);
	golden("nexmark?n=3000", 881468, 0x7b1a2c0e2ab88c4a);
	golden("nexmark?n=3000&kind=bid&seed=42", 765828, 0x94a3623fe5b9217e);
}

static void
sound(const char *uri, int n)
{
	struct run a, b;

	T_INT(run_all(&a, uri, 97), n);
	T_INT(run_all(&b, uri, 1), n);
	T_MEM(a.rows.p, a.rows.n, b.rows.p, b.rows.n);
	for (const uint8_t *row = NULL; (row = next(&a, row)) != NULL;) {
		struct val t = row_get(row, gen_time_field(a.g));

		T_OK(row_check(row, row_len(row)));
		T_INT(row_kind(row), ROW_INSERT);
		T_INT(t.t, VAL_TIME);
		T_INT(t.i, row_time(row));
		for (unsigned i = 0; i < row_n(row); i++) {
			struct val v = row_get(row, i);

			T_OK(v.t != VAL_STR || utf8_ok((const uint8_t *)v.s, v.n));
		}
	}
	T_INT(gen_position(a.g), n);
	run_close(&a);
	run_close(&b);
}

T(rows_are_sound_and_do_not_depend_on_batches)
{
	sound("tx?n=2500&cards=33&fraud=50", 2500);
	sound("tx?n=500&cards=1&fraud=500", 500);
	sound("nexmark?n=2500", 2500);
	sound("nexmark?n=500&kind=person", 500);
	sound("nexmark?n=500&kind=auction&rate=1", 500);
	sound("nexmark?n=500&kind=bid&rate=1000000000", 500);
}

static void
seeks(const char *uri)
{
	static const unsigned at[] = { 0, 1, 2, 49, 50, 51, 499, 777, 1000, 2999, 3000 };
	struct run all;

	run_all(&all, uri, 1000);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		const uint8_t *row = all.rows.p;
		struct run r;

		for (unsigned k = 0; k < at[i]; k++)
			row += row_len(row);
		run_open(&r, uri);
		gen_next(r.g, 1234, &r.rows);
		r.rows.n = 0;
		T_INT(gen_seek(r.g, at[i]), 0);
		T_INT(gen_position(r.g), at[i]);
		T_INT(gen_next(r.g, 5000, &r.rows), 3000 - at[i]);
		T_MEM(r.rows.p, r.rows.n, row, (size_t)(all.rows.p + all.rows.n - row));
		run_close(&r);
	}
	T_INT(gen_seek(all.g, 3001), FERR_USAGE);
	run_close(&all);
}

T(seek_goes_on_with_the_same_bytes)
{
	seeks("tx?n=3000&cards=20&fraud=100");
	seeks("tx?n=3000");
	seeks("nexmark?n=3000");
	seeks("nexmark?n=3000&kind=bid");
}

T(no_records_asked_for_none_made)
{
	struct run r;

	T_INT(run_all(&r, "tx?n=0", 10), 0);
	T_INT(r.rows.n, 0);
	run_close(&r);
}

T(a_longer_stream_begins_like_a_shorter_one)
{
	static const char *const pairs[][2] = { { "tx?n=777", "tx?n=3000" },
						{ "nexmark?n=777", "nexmark?n=3000" } };

	for (int i = 0; i < 2; i++) {
		struct run a, b;

		run_all(&a, pairs[i][0], 100);
		run_all(&b, pairs[i][1], 100);
		T_OK(b.rows.n > a.rows.n);
		T_MEM(a.rows.p, a.rows.n, b.rows.p, a.rows.n);
		run_close(&a);
		run_close(&b);
	}
}

/* No record is further behind than the stream says, and some are behind. */
static void
disorder(const char *uri, int64_t start)
{
	int64_t max = INT64_MIN, behind = 0;
	struct run r;

	run_all(&r, uri, 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		int64_t t = row_time(row);

		T_OK(t >= start);
		if (t > max)
			max = t;
		if (max - t > behind)
			behind = max - t;
	}
	T_OK(behind <= gen_disorder(r.g));
	T_OK(behind > gen_disorder(r.g) * 9 / 10);
	run_close(&r);
}

T(disorder_is_bounded_and_there)
{
	disorder("tx?n=20000&rate=100", 1704067200000);
	disorder("nexmark?n=100000", 1436918400000);
	disorder("nexmark?n=20000&rate=1000&start=@1000", 1000000);
}

T(event_time_follows_start_and_rate)
{
	struct run r;
	int64_t max = 0;

	run_all(&r, "nexmark?n=10001&rate=1000&start=2020-02-29T00:00:00Z", 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;)
		max = row_time(row) > max ? row_time(row) : max;
	T_OK(max > 1582934400000 + 9900 && max <= 1582934400000 + 10000);
	run_close(&r);
}

T(nexmark_mix_is_1_3_46_and_fields_have_their_order)
{
	static const char *const names[] = { "kind",	    "id",	  "name",    "email",
					     "creditCard",  "city",	  "state",   "itemName",
					     "description", "initialBid", "reserve", "auction",
					     "bidder",	    "price",	  "channel", "url",
					     "dateTime",    "expires",	  "seller",  "category",
					     "extra" };
	int person = 0, auction = 0, bid = 0;
	struct run r;

	T_INT(run_all(&r, "nexmark?n=5000", 1000), 5000);
	T_INT(r.schema.n, 21);
	for (unsigned i = 0; i < r.schema.n; i++)
		T_STR(r.schema.f[i].name, names[i]);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		struct val k = get(&r, row, "kind");

		person += k.n == 6;
		auction += k.n == 7;
		bid += k.n == 3;
	}
	T_INT(person, 100);
	T_INT(auction, 300);
	T_INT(bid, 4600);
	run_close(&r);
}

T(nexmark_of_one_kind_is_the_mixed_stream_filtered)
{
	static const char *const kinds[] = { "person", "auction", "bid" };

	for (int i = 0; i < 3; i++) {
		struct buf a = BUF_INIT, b = BUF_INIT;
		char uri[64];
		struct run mixed, one;

		run_all(&mixed, "nexmark?n=5000&seed=9", 1000);
		for (const uint8_t *row = NULL; (row = next(&mixed, row)) != NULL;) {
			struct val k = get(&mixed, row, "kind");

			if (k.n == strlen(kinds[i]))
				put_json(&mixed.schema, row, "kind", &a);
		}
		snprintf(uri, sizeof(uri), "nexmark?seed=9&kind=%s&n=%d", kinds[i],
			 (const int[]){ 100, 300, 4600 }[i]);
		run_all(&one, uri, 1000);
		for (const uint8_t *row = NULL; (row = next(&one, row)) != NULL;)
			put_json(&one.schema, row, "", &b);
		T_MEM(a.p, a.n, b.p, b.n);
		run_close(&mixed);
		run_close(&one);
		buf_fini(&a);
		buf_fini(&b);
	}
}

static void
near(const char *what, double share, double want)
{
	if (fabs(share - want) > 0.02)
		T_FAIL("%s: %.3f, not near %.3f", what, share, want);
}

T(nexmark_hot_ones_and_prices)
{
	int n = 0, hot_bidder = 0, hot_channel = 0, cheap = 0, dear = 0, valued = 0;
	int64_t lo = INT64_MAX, hi = 0;
	struct run r;

	n = run_all(&r, "nexmark?kind=bid&n=50000", 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		int64_t price = get(&r, row, "price").i;

		hot_bidder += get(&r, row, "bidder").i % 100 == 1;
		hot_channel += get(&r, row, "channel").s[0] != 'c';
		valued += get(&r, row, "auction").i % 100 == 0;
		cheap += price < 1000;
		dear += price >= 10000000;
		lo = price < lo ? price : lo;
		hi = price > hi ? price : hi;
	}
	near("hot bidders", (double)hot_bidder / n, 0.75 + 0.0025);
	near("hot channels", (double)hot_channel / n, 0.5);
	near("hot auctions", (double)valued / n, 0.5 + 0.005);
	near("prices below 10^3", (double)cheap / n, 1.0 / 6);
	near("prices from 10^7", (double)dear / n, 1.0 / 6);
	T_OK(lo >= 100 && lo < 110);
	T_OK(hi <= 100000000 && hi > 90000000);
	run_close(&r);
}

T(nexmark_auctions)
{
	int n, hot = 0;
	struct run r;

	n = run_all(&r, "nexmark?kind=auction&n=20000", 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		int64_t c = get(&r, row, "category").i;

		hot += get(&r, row, "seller").i % 100 == 0;
		T_OK(c >= 10 && c <= 14);
		T_OK(get(&r, row, "expires").i > get(&r, row, "dateTime").i);
		T_OK(get(&r, row, "reserve").i > get(&r, row, "initialBid").i);
	}
	near("hot sellers", (double)hot / n, 0.75 + 0.0025);
	T_INT(get(&r, r.rows.p, "id").i, 1000);
	run_close(&r);
}

static double
km(const struct run *r, const uint8_t *a, const uint8_t *b)
{
	const double rad = acos(-1) / 180;
	double la = get(r, a, "lat").f * rad, lb = get(r, b, "lat").f * rad;
	double dx = sin((get(r, b, "lon").f - get(r, a, "lon").f) * rad / 2),
	       dy = sin((lb - la) / 2);

	return 2 * 6371.0088 * asin(sqrt(dy * dy + cos(la) * cos(lb) * dx * dx));
}

/* A card's previous record, by linear search in a table of the last ones. */
struct last {
	const uint8_t *row;
	struct val card;
};

static const uint8_t *
previous(struct last *last, size_t *n, const uint8_t *row, struct val card)
{
	for (size_t i = *n; i-- > 0;) {
		if (last[i].card.n == card.n && memcmp(last[i].card.s, card.s, card.n) == 0) {
			const uint8_t *before = last[i].row;

			last[i].row = row;
			return before;
		}
	}
	last[(*n)++] = (struct last){ row, card };
	return NULL;
}

static void
frauds(const char *uri, int want)
{
	struct last *last = calloc(200000, sizeof(*last));
	int planted = 0, alarms = 0, wrong = 0;
	size_t cards = 0;
	struct run r;

	run_all(&r, uri, 1000);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		bool fraud = get(&r, row, "fraud").i, alarm = false;
		const uint8_t *before = previous(last, &cards, row, get(&r, row, "card"));

		if (before != NULL) {
			double hours = (double)(row_time(row) - row_time(before)) / 3600000;

			T_OK(hours >= 0);
			alarm = km(&r, before, row) > 900 * hours;
			if (!fraud && hours > 0) /* with a margin of two */
				T_OK(km(&r, before, row) < 450 * hours);
		}
		planted += fraud;
		alarms += alarm;
		wrong += alarm != fraud;
	}
	T_INT(planted, want);
	T_INT(alarms, want);
	T_INT(wrong, 0);
	free(last);
	run_close(&r);
}

T(fraud_is_what_a_look_at_the_record_before_finds)
{
	frauds("tx?n=30000", 30);
	frauds("tx?n=20000&seed=3&cards=10&fraud=10", 200);
	frauds("tx?n=5000&cards=1&fraud=500", 2500);
	frauds("tx?n=5000&cards=2&fraud=250&rate=1000000", 1250);
	frauds("tx?n=10000&cards=700&users=11&fraud=100&rate=7", 1000);
	frauds("tx?n=5000&fraud=0", 0);
}

static void
refused(const char *uri, const char *text)
{
	struct schema s;
	struct gen *g = NULL;

	schema_init(&s);
	T_INT(gen_new(&g, uri, &s), FERR_USAGE);
	if (strstr(ferr_text(), text) == NULL)
		T_FAIL("%s: '%s' does not say '%s'", uri, ferr_text(), text);
	schema_fini(&s);
}

T(what_is_wrong_in_a_uri_is_named)
{
	refused("nexmrk?n=1", "did you mean 'nexmark'");
	refused("zzzzzzzz", "tx, nexmark");
	refused("", "unknown generator");
	refused("tx?sed=1", "did you mean 'seed'");
	refused("tx?kind=bid", "unknown parameter");
	refused("nexmark?kind=bids", "did you mean 'bid'");
	refused("tx?n", "needs a value");
	refused("tx?n=-1", "n");
	refused("tx?n=1e6", "n");
	refused("tx?cards=0", "cards");
	refused("tx?fraud=501", "fraud");
	refused("tx?rate=0", "rate");
	refused("tx?start=soon", "start=\"soon\"");
}

T(fields_join_a_schema_that_is_there)
{
	struct gen *g;
	struct run r;

	memset(&r, 0, sizeof(r));
	schema_init(&r.schema);
	schema_add(&r.schema, "other", 5);
	schema_add(&r.schema, "time", 4);
	T_INT(gen_new(&g, "tx?n=10", &r.schema), 0);
	T_INT(gen_time_field(g), 1);
	T_INT(gen_next(g, 100, &r.rows), 10);
	for (const uint8_t *row = NULL; (row = next(&r, row)) != NULL;) {
		T_OK(row_check(row, row_len(row)));
		T_INT(row_tag(row, 0), VAL_ABSENT);
		T_INT(get(&r, row, "time").i, row_time(row));
		T_INT(get(&r, row, "fraud").t, VAL_BOOL);
	}
	r.g = g;
	run_close(&r);
}

T_MAIN
