/*
 * gen_nexmark -- gen:nexmark, the auction site of the Nexmark benchmark.
 *
 *	gen:nexmark?seed=1&n=N&kind=person|auction|bid&rate=10000&start=2015-07-15T00:00:00Z
 *
 * n counts the records that come out (of the one kind, if kind is given); without n the stream is
 * endless.  rate is events, of all three kinds together, per second of event time.  A stream of
 * one kind has the same records as the mixed one, without the field `kind`.
 *
 * Draws and text as in gen_internal.h.  Event e = 0, 1, 2, ... has its own stream, which is
 * stream(mix(root + e * G)); draws happen in the order in which they are written here.
 *
 *	o = e % 50   0: a person;  1, 2, 3: an auction;  else a bid
 *	P            number of the last person so far:  e / 50
 *	A            of the last auction:  e / 50 * 3 + (o <= 3 ? o - 1 : 2), -1 if there is none
 *
 * So record j of one kind is event 50 * j of the persons, j / 3 * 50 + 1 + j % 3 of the auctions,
 * j / 46 * 50 + 4 + j % 46 of the bids.  First of all comes the time: dateTime = at(e), but if
 * below(16) = 0 it is max(start, at(e) - below(4001)).  It is the event time; no record is more
 * than 4 s behind one before it.
 *
 *	some person     act = min(P + 1, 1000);  P + 1 - act + below(act + 10)
 *	some auction    lo = max(A - 100, 0);  lo + below(max(A, 0) - lo + 11)
 *	extra(size, want)
 *		"" if size > want; else letters(len) with left = want - size,
 *		delta = (left + 2) / 5, len = left - delta, and + below(2 * delta) if delta > 0
 *
 * Both may name one up to 10 ahead who is not there yet, as in the original.
 *
 *	Person
 *		id = 1000 + P
 *		name = FIRST[below(11)] " " LAST[below(9)]
 *		email = letters(3 + below(4)) "@" letters(3 + below(2)) ".com"
 *		creditCard = four times below(10000) as 4 digits, blanks between
 *		city = CITY[below(10)]
 *		state = STATE[below(6)]
 *		extra(8 + lengths of the five texts, 200)
 *	Auction
 *		id = 1000 + A
 *		seller = 1000 + (below(4) > 0 ? P / 100 * 100 : some person)
 *		category = 10 + below(5)
 *		initialBid = pow10(draw, 6)
 *		reserve = initialBid + pow10(draw, 6)
 *		expires = dateTime + 1 + below(max(2 * (at(e + 1666) - at(e)), 1))
 *		itemName = text(3 + below(17), ' ')
 *		description = text(3 + below(97), ' ')
 *		extra(48 + lengths of the two texts, 500)
 *	Bid
 *		auction = 1000 + (below(2) > 0 ? max(A, 0) / 100 * 100 : some auction)
 *		bidder = 1000 + (below(4) > 0 ? P / 100 * 100 + 1 : some person)
 *		price = pow10(draw, 6)
 *		channel c = (below(2) > 0 ? below(4) : 4 + below(10000))
 *		extra(32, 100)
 *
 * Channel c < 4 is Apple, Google, Facebook, Baidu, a later one "channel-" and c - 4.  Its url is
 * the same in every bid and comes from stream(mix(root - (c + 1) * G)):
 *
 *	"https://www.nexmark.com/" part "/" part "/" part "/item.htm?query=1"
 *		with part = text(3 + below(2), '_')
 *	"&channel_id=" ((c - 4) * 2654435761 mod 2^32) / 2, only if c >= 4 and below(10) > 0
 *
 * FIRST, LAST, CITY and STATE are the lists in make_person; fields print in the order of the table
 * below.  Unlike the Java generator this one is seeded, adds 1000 to a bidder only once, and its
 * e-mail addresses have no blanks.
 */
#include "conn/gen_internal.h"

enum { MIXED, PERSON, AUCTION, BID };

enum {
	F_KIND,
	F_ID,
	F_NAME,
	F_EMAIL,
	F_CARD,
	F_CITY,
	F_STATE,
	F_ITEM,
	F_DESCRIPTION,
	F_INITIAL,
	F_RESERVE,
	F_AUCTION,
	F_BIDDER,
	F_PRICE,
	F_CHANNEL,
	F_URL,
	F_TIME,
	F_EXPIRES,
	F_SELLER,
	F_CATEGORY,
	F_EXTRA,
	NFIELDS
};

#define M (1 << MIXED)
#define P (1 << PERSON)
#define A (1 << AUCTION)
#define B (1 << BID)

/* One order that is right for each kind; which stream has which field. */
static const struct {
	const char *name;
	unsigned streams;
} fields[NFIELDS] = {
	[F_KIND] = { "kind", M },
	[F_ID] = { "id", M | P | A },
	[F_NAME] = { "name", M | P },
	[F_EMAIL] = { "email", M | P },
	[F_CARD] = { "creditCard", M | P },
	[F_CITY] = { "city", M | P },
	[F_STATE] = { "state", M | P },
	[F_ITEM] = { "itemName", M | A },
	[F_DESCRIPTION] = { "description", M | A },
	[F_INITIAL] = { "initialBid", M | A },
	[F_RESERVE] = { "reserve", M | A },
	[F_AUCTION] = { "auction", M | B },
	[F_BIDDER] = { "bidder", M | B },
	[F_PRICE] = { "price", M | B },
	[F_CHANNEL] = { "channel", M | B },
	[F_URL] = { "url", M | B },
	[F_TIME] = { "dateTime", M | P | A | B },
	[F_EXPIRES] = { "expires", M | A },
	[F_SELLER] = { "seller", M | A },
	[F_CATEGORY] = { "category", M | A },
	[F_EXTRA] = { "extra", M | P | A | B },
};

#undef M
#undef P
#undef A
#undef B

#define FIRST_ID 1000
#define FIRST_CATEGORY 10
#define HOT 100		    /* every 100th is hot for the time of the 99 behind it */
#define LEAD 10		    /* how far ahead a reference may point */
#define ACTIVE 1000	    /* persons that still do something */
#define IN_FLIGHT 100	    /* auctions that are open at a time */
#define AUCTION_EVENTS 1666 /* events in which as many auctions begin: 100 * 50 / 3 */
#define LATE_MAX 4000

/* What the makers of one event share. */
struct event {
	const struct gen *g;
	uint64_t e, stream;
	int64_t time, person, auction; /* dateTime, P, A */
	struct gen_row row;
};

static const char *const kinds[] = { "person", "auction", "bid", NULL };

#define AT(field) offsetof(struct gen_conf, field)
static const struct gen_param params[] = {
	{ "seed", GEN_INT, AT(seed), 0, INT64_MAX, NULL },
	{ "n", GEN_INT, AT(n), 0, GEN_N_MAX, NULL },
	{ "kind", GEN_CHOICE, AT(kind), 0, 0, kinds },
	{ "rate", GEN_INT, AT(rate), 1, 1000000000, NULL },
	{ "start", GEN_TIME, AT(start), 0, 0, NULL },
	{ NULL, GEN_INT, 0, 0, 0, NULL },
};

static int
nexmark_open(struct gen *g, struct schema *schema)
{
	for (unsigned i = 0; i < NFIELDS; i++) {
		int rc;

		if ((fields[i].streams & 1u << g->conf.kind) == 0)
			continue;
		if ((rc = gen_add_field(g, schema, i, fields[i].name)) != 0)
			return rc;
	}
	g->time_field = g->slot[F_TIME];
	return 0;
}

static int64_t
some_person(struct event *ev)
{
	int64_t active = ev->person + 1 < ACTIVE ? ev->person + 1 : ACTIVE;

	return ev->person + 1 - active + gen_below(&ev->stream, (uint32_t)active + LEAD);
}

static int64_t
some_auction(struct event *ev)
{
	int64_t last = ev->auction > 0 ? ev->auction : 0;
	int64_t lo = last > IN_FLIGHT ? last - IN_FLIGHT : 0;

	return lo + gen_below(&ev->stream, (uint32_t)(last - lo) + 1 + LEAD);
}

static void
put_extra(struct event *ev, size_t size, size_t want)
{
	char *p = gen_row_text(&ev->row);
	size_t len = 0;

	if (size <= want) {
		size_t left = want - size, delta = (left + 2) / 5;

		len = left - delta;
		if (delta > 0)
			len += gen_below(&ev->stream, 2 * (uint32_t)delta);
	}
	gen_row_str(&ev->row, F_EXTRA, gen_letters(p, len, &ev->stream));
}

/* One of a list of words as a field; returns its length. */
static size_t
put_word(struct event *ev, unsigned field, const char *const *words, uint32_t n)
{
	char *p = gen_row_text(&ev->row);

	return gen_row_str(&ev->row, field, gen_word(p, words[gen_below(&ev->stream, n)]));
}

static void
make_person(struct event *ev)
{
	static const char *const first[] = { "Peter", "Paul",  "Luke",	"John",	  "Saul",  "Vicky",
					     "Kate",  "Julie", "Sarah", "Deiter", "Walter" };
	static const char *const last[] = { "Shultz", "Abrams", "Spencer", "White", "Bartels",
					    "Walton", "Smith",	"Jones",   "Noris" };
	static const char *const city[] = { "Phoenix",	"Los Angeles", "San Francisco", "Boise",
					    "Portland", "Bend",	       "Redmond",	"Seattle",
					    "Kent",	"Cheyenne" };
	static const char *const state[] = { "AZ", "CA", "ID", "OR", "WA", "WY" };
	struct gen_row *w = &ev->row;
	uint64_t *s = &ev->stream;
	size_t size = 8;
	char *p;

	gen_row_i64(w, F_ID, FIRST_ID + ev->person);
	p = gen_word(gen_row_text(w), first[gen_below(s, 11)]);
	*p++ = ' ';
	size += gen_row_str(w, F_NAME, gen_word(p, last[gen_below(s, 9)]));
	p = gen_row_text(w);
	p = gen_letters(p, 3 + gen_below(s, 4), s);
	*p++ = '@';
	p = gen_letters(p, 3 + gen_below(s, 2), s);
	size += gen_row_str(w, F_EMAIL, gen_word(p, ".com"));
	p = gen_row_text(w);
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = ' ';
		p = gen_decimal(p, gen_below(s, 10000), 4);
	}
	size += gen_row_str(w, F_CARD, p);
	size += put_word(ev, F_CITY, city, 10);
	size += put_word(ev, F_STATE, state, 6);
	put_extra(ev, size, 200);
}

static void
make_auction(struct event *ev)
{
	const struct gen_conf *c = &ev->g->conf;
	struct gen_row *w = &ev->row;
	uint64_t *s = &ev->stream;
	int64_t seller = gen_below(s, 4) > 0 ? ev->person / HOT * HOT : some_person(ev);
	int64_t initial, horizon = 2 * (gen_at(c, ev->e + AUCTION_EVENTS) - gen_at(c, ev->e));
	size_t size = 48;
	char *p;

	gen_row_i64(w, F_ID, FIRST_ID + ev->auction);
	gen_row_i64(w, F_SELLER, FIRST_ID + seller);
	gen_row_i64(w, F_CATEGORY, FIRST_CATEGORY + gen_below(s, 5));
	initial = (int64_t)gen_pow10(gen_draw(s), 6);
	gen_row_i64(w, F_INITIAL, initial);
	gen_row_i64(w, F_RESERVE, initial + (int64_t)gen_pow10(gen_draw(s), 6));
	horizon = horizon < 1 ? 1 : horizon;
	gen_row_time(w, F_EXPIRES, ev->time + 1 + gen_below(s, (uint32_t)horizon));
	p = gen_row_text(w);
	size += gen_row_str(w, F_ITEM, gen_text(p, 3 + gen_below(s, 17), ' ', s));
	p = gen_row_text(w);
	size += gen_row_str(w, F_DESCRIPTION, gen_text(p, 3 + gen_below(s, 97), ' ', s));
	put_extra(ev, size, 500);
}

static void
put_channel(struct event *ev, uint32_t c)
{
	static const char *const hot[] = { "Apple", "Google", "Facebook", "Baidu" };
	uint64_t s = gen_mix(ev->g->root - (c + 1) * GEN_G);
	struct gen_row *w = &ev->row;
	char *p = gen_row_text(w);

	if (c < 4)
		p = gen_word(p, hot[c]);
	else
		p = gen_decimal(gen_word(p, "channel-"), c - 4, 1);
	gen_row_str(w, F_CHANNEL, p);

	p = gen_word(gen_row_text(w), "https://www.nexmark.com/");
	for (int i = 0; i < 3; i++) {
		p = gen_text(p, 3 + gen_below(&s, 2), '_', &s);
		*p++ = '/';
	}
	p = gen_word(p, "item.htm?query=1");
	if (c >= 4 && gen_below(&s, 10) > 0)
		p = gen_decimal(gen_word(p, "&channel_id="), (c - 4) * 2654435761u / 2, 1);
	gen_row_str(w, F_URL, p);
}

static void
make_bid(struct event *ev)
{
	struct gen_row *w = &ev->row;
	uint64_t *s = &ev->stream;
	int64_t last = ev->auction > 0 ? ev->auction : 0;
	int64_t auction = gen_below(s, 2) > 0 ? last / HOT * HOT : some_auction(ev);
	int64_t bidder = gen_below(s, 4) > 0 ? ev->person / HOT * HOT + 1 : some_person(ev);

	gen_row_i64(w, F_AUCTION, FIRST_ID + auction);
	gen_row_i64(w, F_BIDDER, FIRST_ID + bidder);
	gen_row_i64(w, F_PRICE, (int64_t)gen_pow10(gen_draw(s), 6));
	put_channel(ev, gen_below(s, 2) > 0 ? gen_below(s, 4) : 4 + gen_below(s, 10000));
	put_extra(ev, 32, 100);
}

/* The event that is record k of this stream. */
static uint64_t
event_of(int64_t kind, uint64_t k)
{
	switch (kind) {
	case PERSON: return k * 50;
	case AUCTION: return k / 3 * 50 + 1 + k % 3;
	case BID: return k / 46 * 50 + 4 + k % 46;
	default: return k;
	}
}

static int
nexmark_make(struct gen *g, struct buf *out)
{
	static void (*const makers[])(struct event *) = { make_person, make_auction, make_bid };
	uint64_t e = event_of(g->conf.kind, g->pos);
	int64_t o = (int64_t)(e % 50);
	int kind = o == 0 ? PERSON : o <= 3 ? AUCTION : BID;
	struct event ev = {
		.g = g,
		.e = e,
		.stream = gen_mix(g->root + e * GEN_G),
		.person = (int64_t)(e / 50),
		.auction = (int64_t)(e / 50) * 3 + (o <= 3 ? o - 1 : 2),
	};

	ev.time = gen_at(&g->conf, e);
	if (gen_below(&ev.stream, 16) == 0)
		ev.time -= gen_below(&ev.stream, LATE_MAX + 1);
	if (ev.time < g->conf.start)
		ev.time = g->conf.start;
	if (gen_row_begin(&ev.row, g, out, ev.time) != 0)
		return FERR_NOMEM;
	if (g->conf.kind == MIXED)
		gen_row_str(&ev.row, F_KIND, gen_word(gen_row_text(&ev.row), kinds[kind - 1]));
	gen_row_time(&ev.row, F_TIME, ev.time);
	makers[kind - 1](&ev);
	gen_row_end(&ev.row, out);
	return 0;
}

const struct gen_class gen_nexmark = {
	.name = "nexmark",
	.params = params,
	.defaults = { .seed = 1, .n = GEN_N_MAX, .rate = 10000, .start = 1436918400000 },
	.disorder = LATE_MAX,
	.size = sizeof(struct gen),
	.open = nexmark_open,
	.make = nexmark_make,
};
