/*
 * gen_tx -- gen:tx, payments by card with planted fraud.
 *
 *	gen:tx?seed=1&n=N&cards=1000&users=CARDS&fraud=1&rate=1&start=2024-01-01T00:00:00Z
 *
 * Without n the stream is endless.  rate is records per second of event time, fraud is planted
 * ones per 1000 records.
 *
 * What `fraud` means: the card was used too far away for the time since it was used before.  For a
 * record with fraud = true the great-circle distance to the previous record of its card is more
 * than 900 km/h times the time between them; for every other record it is less, or its card has
 * no previous record.  So a query that compares each record with the one before it on the same
 * card finds the planted ones and no others.  The way back is no second alarm, as there is none:
 * the bank blocks a card after a fraud for good, and its holder pays with a new one ("c0042"
 * becomes "c0042-2").  Records of one card come in the order of their times; between cards there
 * is disorder of up to 2 s.
 *
 * Draws as in gen_internal.h, in the order in which they are written here.  N = cards, U = users
 * (as many as cards when not given), R = rate, S = 1000 / fraud.
 *
 *	Holders
 *		Card i = 0 .. N - 1 belongs to user i % U.
 *		From stream(mix(root - (1 + user) * G)):   home = below(16).
 *		From stream(mix(root - (2^40 + i) * G)):   lag = below(2001).
 *	Rounds
 *		Records q * N .. q * N + N - 1 are round q, in which every card has one turn.  With
 *		H = N / 2 rounded up, cards below H have it in the first H records, the others in
 *		the rest, so turns of a card are at least gap = N / 2 + 1 records apart.
 *		A half h (0, 1) of m > 0 cards has, from
 *		stream(mix(root - (2^41 + 2 * q + h) * G)):   step = 1 + below(m), and step + 1
 *		until gcd(step, m) = 1;  first = below(m).
 *		Its record p = 0 .. m - 1 is the turn of its card (first + p * step) % m.
 *	Fraud
 *		Unless fraud = 0, records b * S .. b * S + S - 1 have one, from
 *		stream(mix(root - (2^42 + b) * G)):   o = 1 + below(S - 1);
 *		d = 1 + below(min(o, max(1, min(gap - 1, 600 * R)))).
 *		It is record b * S + o, and uses the card of record b * S + o - d.  The card whose
 *		turn it would have been has none in this round.
 *	Card numbers
 *		"c" and i (at least 4 digits); once card i has had v > 0 frauds in records before
 *		this one, "-" and v + 1 follow.
 *
 * Record k, of card i, from stream(mix(root + k * G)):
 *
 *	metro     home; for a fraud (home + 1 + below(15)) % 16
 *	place     the metro's town if below(4) = 0 and gap * 1000 / R >= 480000, else its city
 *	lat, lon  the place's, each + below(2 * J + 1) - J, in units of 1/10000 degree, where
 *	          J = min(300, gap * 1000 / R / 300)
 *	amount    pow10(draw, 3) / 100
 *	device    below(4): chip, contactless, magstripe, phone
 *	time      at(k) + lag
 *	id, user  k + 1;  "u" and the user's number (at least 4 digits)
 *
 * Why the bounds hold: turns are gap apart, at least; a town is at most 45 km from its city, and J
 * at most 3.3 km and small enough for the gap, which makes less than 450 km/h.  A fraud comes at
 * most 10 minutes after its victim's turn (150 km at 900 km/h) or in the next record, and places
 * of two metros are at least 800 km apart.
 */
#include "conn/gen_internal.h"

#include <stdlib.h>

enum {
	F_ID,
	F_CARD,
	F_USER,
	F_AMOUNT,
	F_TIME,
	F_LAT,
	F_LON,
	F_CITY,
	F_COUNTRY,
	F_DEVICE,
	F_FRAUD,
	NFIELDS
};

static const char *const fields[NFIELDS] = { "id",  "card", "user",    "amount", "time", "lat",
					     "lon", "city", "country", "device", "fraud" };

#define LAG_MAX 2000
#define FRAUD_WITHIN 600 /* seconds after the victim's turn */
#define TOWN_GAP 480000	 /* ms between turns that a way from city to town takes at ease */
#define JITTER_MAX 300

/* Salts of the streams that do not belong to a record. */
#define SALT_USER 1u
#define SALT_LAG (1ull << 40)
#define SALT_ROUND (1ull << 41)
#define SALT_BLOCK (1ull << 42)

struct place {
	const char *city, *country;
	int32_t lat, lon; /* 1/10000 degree */
};

#define METROS 16
static const struct place places[METROS][2] = {
	{ { "New York", "US", 407128, -740060 }, { "Newark", "US", 407357, -741724 } },
	{ { "Los Angeles", "US", 340522, -1182437 }, { "Pasadena", "US", 341478, -1181445 } },
	{ { "Mexico City", "MX", 194326, -991332 }, { "Ecatepec", "MX", 196010, -990500 } },
	{ { "São Paulo", "BR", -235505, -466333 }, { "Guarulhos", "BR", -234538, -465333 } },
	{ { "Buenos Aires", "AR", -346037, -583816 }, { "Quilmes", "AR", -347203, -582546 } },
	{ { "London", "GB", 515074, -1278 }, { "Croydon", "GB", 513762, -982 } },
	{ { "Madrid", "ES", 404168, -37038 }, { "Getafe", "ES", 403083, -37326 } },
	{ { "Berlin", "DE", 525200, 134050 }, { "Potsdam", "DE", 523906, 130645 } },
	{ { "Istanbul", "TR", 410082, 289784 }, { "Gebze", "TR", 408028, 294307 } },
	{ { "Cairo", "EG", 300444, 312357 }, { "Giza", "EG", 300131, 312089 } },
	{ { "Lagos", "NG", 65244, 33792 }, { "Ikorodu", "NG", 66194, 35105 } },
	{ { "Nairobi", "KE", -12921, 368219 }, { "Thika", "KE", -10396, 370900 } },
	{ { "Mumbai", "IN", 190760, 728777 }, { "Thane", "IN", 192183, 729781 } },
	{ { "Singapore", "SG", 13521, 1038198 }, { "Johor Bahru", "MY", 14927, 1037414 } },
	{ { "Tokyo", "JP", 356762, 1396503 }, { "Yokohama", "JP", 354437, 1396380 } },
	{ { "Sydney", "AU", -338688, 1512093 }, { "Parramatta", "AU", -338150, 1510011 } },
};

/* The order of turns in half a round. */
struct half {
	uint64_t q;
	uint32_t m, step, first;
	bool known;
};

struct tx {
	struct gen g;
	uint32_t cards, users;
	uint64_t block;	   /* S, or 0 */
	uint32_t back_max; /* records between victim and fraud at most */
	uint32_t jitter;   /* J */
	bool towns;
	struct half half[2];  /* of the record that is made */
	uint32_t *frauds;     /* per card, before the next record */
	uint64_t fraud_at;    /* of the block of the next record: record number, */
	uint32_t fraud_card;  /* and whose card */
	uint64_t fraud_block; /* which block that is; UINT64_MAX: none yet */
};

#define AT(field) offsetof(struct gen_conf, field)
static const struct gen_param params[] = {
	{ "seed", GEN_INT, AT(seed), 0, INT64_MAX, NULL },
	{ "n", GEN_INT, AT(n), 0, GEN_N_MAX, NULL },
	{ "cards", GEN_INT, AT(cards), 1, 10000000, NULL },
	{ "users", GEN_INT, AT(users), 1, 10000000, NULL },
	{ "fraud", GEN_INT, AT(fraud), 0, 500, NULL },
	{ "rate", GEN_INT, AT(rate), 1, 1000000000, NULL },
	{ "start", GEN_TIME, AT(start), 0, 0, NULL },
	{ NULL, GEN_INT, 0, 0, 0, NULL },
};

static uint64_t
salted(const struct tx *t, uint64_t salt)
{
	return gen_mix(t->g.root - salt * GEN_G);
}

static int
tx_open(struct gen *g, struct schema *schema)
{
	struct tx *t = (struct tx *)g;
	uint64_t gap = (uint64_t)g->conf.cards / 2 + 1;
	uint64_t gap_ms = gap * 1000 / (uint64_t)g->conf.rate;
	uint64_t back = FRAUD_WITHIN * (uint64_t)g->conf.rate;

	for (unsigned i = 0; i < NFIELDS; i++) {
		int rc = gen_add_field(g, schema, i, fields[i]);

		if (rc != 0)
			return rc;
	}
	g->time_field = g->slot[F_TIME];
	t->cards = (uint32_t)g->conf.cards;
	t->users = g->conf.users != 0 ? (uint32_t)g->conf.users : t->cards;
	t->block = g->conf.fraud != 0 ? 1000 / (uint64_t)g->conf.fraud : 0;
	back = back < gap - 1 ? back : gap - 1;
	t->back_max = back > 1 ? (uint32_t)back : 1;
	t->jitter = gap_ms / 300 < JITTER_MAX ? (uint32_t)(gap_ms / 300) : JITTER_MAX;
	t->towns = gap_ms >= TOWN_GAP;
	t->half[0].m = (t->cards + 1) / 2;
	t->half[1].m = t->cards / 2;
	t->fraud_block = UINT64_MAX;
	if ((t->frauds = calloc(t->cards, sizeof(*t->frauds))) == NULL)
		return ferr(FERR_NOMEM, "out of memory for %u cards", (unsigned)t->cards);
	return 0;
}

static void
tx_close(struct gen *g)
{
	free(((struct tx *)g)->frauds);
}

static uint32_t
gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static void
half_order(const struct tx *t, struct half *h, uint64_t q, unsigned half)
{
	uint64_t s = salted(t, SALT_ROUND + 2 * q + half);

	h->q = q;
	h->known = true;
	h->step = 1 + gen_below(&s, h->m);
	while (gcd(h->step, h->m) != 1)
		h->step++;
	h->first = gen_below(&s, h->m);
}

/* The card whose turn record k is; halves is a memory of orders. */
static uint32_t
card_at(const struct tx *t, struct half halves[2], uint64_t k)
{
	uint64_t q = k / t->cards;
	uint32_t p = (uint32_t)(k % t->cards);
	unsigned half = p >= halves[0].m;
	struct half *h = &halves[half];

	if (!h->known || h->q != q)
		half_order(t, h, q, half);
	if (half == 0)
		return (uint32_t)((h->first + (uint64_t)p * h->step) % h->m);
	p -= halves[0].m;
	return halves[0].m + (uint32_t)((h->first + (uint64_t)p * h->step) % h->m);
}

static void
plan_fraud(struct tx *t, uint64_t b)
{
	uint64_t s = salted(t, SALT_BLOCK + b);
	uint32_t o = 1 + gen_below(&s, (uint32_t)t->block - 1);
	uint32_t back = 1 + gen_below(&s, o < t->back_max ? o : t->back_max);
	struct half halves[2] = { t->half[0], t->half[1] };

	t->fraud_block = b;
	t->fraud_at = b * t->block + o;
	t->fraud_card = card_at(t, halves, t->fraud_at - back);
}

static void
put_place(struct tx *t, struct gen_row *w, uint32_t user, bool fraud, uint64_t *s)
{
	uint64_t hs = salted(t, SALT_USER + user);
	uint32_t metro = gen_below(&hs, METROS);
	const struct place *at;
	bool town;
	int64_t lat, lon;

	if (fraud)
		metro = (metro + 1 + gen_below(s, METROS - 1)) % METROS;
	town = gen_below(s, 4) == 0 && t->towns;
	at = &places[metro][town];
	lat = at->lat + (int64_t)gen_below(s, 2 * t->jitter + 1) - t->jitter;
	lon = at->lon + (int64_t)gen_below(s, 2 * t->jitter + 1) - t->jitter;
	gen_row_f64(w, F_LAT, (double)lat / 10000.0);
	gen_row_f64(w, F_LON, (double)lon / 10000.0);
	gen_row_str(w, F_CITY, gen_word(gen_row_text(w), at->city));
	gen_row_str(w, F_COUNTRY, gen_word(gen_row_text(w), at->country));
}

static int
tx_make(struct gen *g, struct buf *out)
{
	static const char *const devices[] = { "chip", "contactless", "magstripe", "phone" };
	struct tx *t = (struct tx *)g;
	uint64_t k = g->pos, s = gen_mix(g->root + k * GEN_G), ls;
	uint32_t card, user;
	struct gen_row w;
	int64_t time;
	bool fraud;
	char *p;

	if (t->block != 0 && k / t->block != t->fraud_block)
		plan_fraud(t, k / t->block);
	fraud = t->block != 0 && k == t->fraud_at;
	card = fraud ? t->fraud_card : card_at(t, t->half, k);
	user = card % t->users;
	ls = salted(t, SALT_LAG + card);
	time = gen_at(&g->conf, k) + gen_below(&ls, LAG_MAX + 1);
	if (gen_row_begin(&w, g, out, time) != 0)
		return FERR_NOMEM;
	gen_row_i64(&w, F_ID, (int64_t)k + 1);
	p = gen_row_text(&w);
	*p++ = 'c';
	p = gen_decimal(p, card, 4);
	if (t->frauds[card] > 0) {
		*p++ = '-';
		p = gen_decimal(p, t->frauds[card] + 1, 1);
	}
	gen_row_str(&w, F_CARD, p);
	p = gen_row_text(&w);
	*p++ = 'u';
	gen_row_str(&w, F_USER, gen_decimal(p, user, 4));
	gen_row_time(&w, F_TIME, time);
	put_place(t, &w, user, fraud, &s);
	gen_row_f64(&w, F_AMOUNT, (double)gen_pow10(gen_draw(&s), 3) / 100.0);
	gen_row_str(&w, F_DEVICE, gen_word(gen_row_text(&w), devices[gen_below(&s, 4)]));
	gen_row_bool(&w, F_FRAUD, fraud);
	gen_row_end(&w, out);
	t->frauds[card] += fraud;
	return 0;
}

/* Count the frauds of each card before pos again: one step a block. */
static int
tx_seek(struct gen *g, uint64_t pos)
{
	struct tx *t = (struct tx *)g;

	memset(t->frauds, 0, t->cards * sizeof(*t->frauds));
	if (t->block == 0)
		return 0;
	for (uint64_t b = 0; b * t->block < pos; b++) {
		plan_fraud(t, b);
		if (t->fraud_at < pos)
			t->frauds[t->fraud_card]++;
	}
	return 0;
}

const struct gen_class gen_tx = {
	.name = "tx",
	.params = params,
	.defaults = { .seed = 1,
		      .n = GEN_N_MAX,
		      .cards = 1000,
		      .fraud = 1,
		      .rate = 1,
		      .start = 1704067200000 },
	.disorder = LAG_MAX,
	.size = sizeof(struct tx),
	.open = tx_open,
	.close = tx_close,
	.make = tx_make,
	.seek = tx_seek,
};
