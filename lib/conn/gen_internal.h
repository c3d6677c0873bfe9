/*
 * gen_internal -- what the generators share: random draws, a row writer, powers of ten.
 *
 * Everything is integer arithmetic modulo 2^64 ("+", "-" and "*" wrap, "/" truncates).  Draws are
 * splitmix64:
 *
 *	G           0x9e3779b97f4a7c15
 *	mix(x)      x ^= x >> 30;  x *= 0xbf58476d1ce4e5b9;
 *	            x ^= x >> 27;  x *= 0x94d049bb133111eb;  x ^= x >> 31
 *	root        mix(seed + G)
 *	stream(s)   a sequence of draws: s += G, and the draw is mix(s)
 *	below(n)    the next draw d as a number under n:  ((d >> 32) * n) >> 32, n < 2^32
 *	at(k)       nominal time of event k, ms:  start + k / rate * 1000 + k % rate * 1000 / rate
 *
 * Text takes ceil(len / 8) draws, 8 characters from the bytes of each, lowest byte first.  A byte
 * b gives v = b * 26, and
 *
 *	letters(len)      its character is 'a' + v / 256
 *	text(len, sep)    the same, but sep if v % 256 < 20, unless it is the first or the last one
 *
 * pow10(draw d, m) is 100 * 10^(m * u) for u = (d >> 32) / 2^32, good to about 7 digits:
 *
 *	A[i] = 10^(i/16) * 2^28, B[i] = 10^(i/256) * 2^30, C[i] = 10^(i/4096) * 2^30, rounded
 *	x = (d >> 32) * m;  e = x >> 32;  the bits of (x mod 2^32) >> 4 are a, b, c (4 each), r (16)
 *	p = A[a];  p = p * B[b] >> 30;  p = p * C[c] >> 30;  p += (p * r >> 16) * 9431 >> 24
 *	result (p * 100 * 10^e + 2^27) >> 28
 */
#ifndef CONN_GEN_INTERNAL_H
#define CONN_GEN_INTERNAL_H

#include "conn/gen.h"

#define GEN_FIELDS_MAX 24
#define GEN_N_MAX 100000000000000LL /* 10^14, "endless": no time overflows on the way */
#define GEN_TEXT_MAX 1024	    /* bytes that the texts of one record may take */
#define GEN_G 0x9e3779b97f4a7c15u

struct gen_conf {
	int64_t seed, n, rate, start;
	int64_t cards, users, fraud; /* tx; users 0: as many as cards */
	int64_t kind;		     /* nexmark: 0 mixed, else 1 person, 2 auction, 3 bid */
};

enum gen_type { GEN_INT, GEN_TIME, GEN_CHOICE };

/* One parameter of a generator's URI, stored as an int64_t of gen_conf. */
struct gen_param {
	const char *name; /* NULL ends the table */
	enum gen_type type;
	size_t at; /* offset in struct gen_conf */
	int64_t lo, hi;
	const char *const *choices; /* GEN_CHOICE: the i-th gives i + 1 */
};

struct gen_class {
	const char *name;
	const struct gen_param *params;
	struct gen_conf defaults;
	int64_t disorder;
	size_t size; /* of the struct that begins with struct gen */
	int (*open)(struct gen *g, struct schema *schema);
	void (*close)(struct gen *g);		     /* or NULL */
	int (*make)(struct gen *g, struct buf *out); /* append record g->pos */
	int (*seek)(struct gen *g, uint64_t pos);    /* or NULL; g->pos is set afterwards */
};

struct gen {
	const struct gen_class *class;
	struct gen_conf conf;
	uint64_t root;
	uint64_t pos;
	unsigned time_field;
	unsigned nslots;
	uint16_t slot[GEN_FIELDS_MAX]; /* field of the generator -> field of the schema */
};

extern const struct gen_class gen_tx;
extern const struct gen_class gen_nexmark;

/* Append a field to the schema as the generator's field number i. */
int gen_add_field(struct gen *g, struct schema *schema, unsigned i, const char *name);

/* Draws. */

static inline uint64_t
gen_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t
gen_draw(uint64_t *stream)
{
	return gen_mix(*stream += GEN_G);
}

static inline uint32_t
gen_below(uint64_t *stream, uint32_t n)
{
	return (uint32_t)((gen_draw(stream) >> 32) * n >> 32);
}

static inline int64_t
gen_at(const struct gen_conf *c, uint64_t k)
{
	uint64_t rate = (uint64_t)c->rate;

	return c->start + (int64_t)(k / rate * 1000 + k % rate * 1000 / rate);
}

uint64_t gen_pow10(uint64_t draw, unsigned decades);

/*
 * Text at p; returns its end.  Up to 7 bytes behind the end are overwritten.
 */
static inline char *
gen_letters(char *p, size_t len, uint64_t *stream)
{
	const uint64_t even = 0x00ff00ff00ff00ffu;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t d = gen_draw(stream);
		uint64_t lo = (d & even) * 26 >> 8 & even;
		uint64_t hi = (d >> 8 & even) * 26 & ~even;

		le64put((uint8_t *)p + i, (lo | hi) + 0x6161616161616161u);
	}
	return p + len;
}

char *gen_text(char *p, size_t len, char sep, uint64_t *stream);

static inline char *
gen_word(char *p, const char *word)
{
	size_t n = strlen(word);

	memcpy(p, word, n);
	return p + n;
}

/* v in decimal, with zeros in front up to `digits`. */
char *gen_decimal(char *p, uint64_t v, unsigned digits);

/*
 * Rows, written straight into their layout (row.h): fields by the generator's numbers, texts made
 * in place.
 *
 *	char *p = gen_row_text(&w);
 *	gen_row_str(&w, F_NAME, gen_word(p, "Kate"));
 */
struct gen_row {
	const struct gen *g;
	uint8_t *p;
	uint32_t at; /* where the next text goes */
};

static inline int
gen_row_begin(struct gen_row *w, const struct gen *g, struct buf *out, int64_t time)
{
	uint32_t fixed = ROW_HDR + 9 * g->nslots;

	if (buf_room(out, fixed + GEN_TEXT_MAX) != 0)
		return FERR_NOMEM;
	w->g = g;
	w->p = out->p + out->n;
	w->at = fixed;
	memset(w->p, 0, fixed);
	le16put(w->p + 4, (uint16_t)g->nslots);
	row_set_time(w->p, time);
	return 0;
}

static inline void
gen_row_put(struct gen_row *w, unsigned field, enum val_type type, uint64_t v)
{
	unsigned i = w->g->slot[field];

	le64put(w->p + ROW_HDR + 8 * i, v);
	w->p[ROW_HDR + 8 * w->g->nslots + i] = (uint8_t)type;
}

static inline void
gen_row_i64(struct gen_row *w, unsigned field, int64_t v)
{
	gen_row_put(w, field, VAL_I64, (uint64_t)v);
}

static inline void
gen_row_time(struct gen_row *w, unsigned field, int64_t ms)
{
	gen_row_put(w, field, VAL_TIME, (uint64_t)ms);
}

static inline void
gen_row_bool(struct gen_row *w, unsigned field, bool v)
{
	gen_row_put(w, field, VAL_BOOL, v);
}

static inline void
gen_row_f64(struct gen_row *w, unsigned field, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	gen_row_put(w, field, VAL_F64, bits);
}

static inline char *
gen_row_text(struct gen_row *w)
{
	return (char *)w->p + w->at;
}

/* What was written from gen_row_text() up to end is the field; returns its length. */
static inline uint32_t
gen_row_str(struct gen_row *w, unsigned field, const char *end)
{
	uint32_t len = (uint32_t)((const uint8_t *)end - w->p) - w->at;

	gen_row_put(w, field, VAL_STR, w->at | (uint64_t)len << 32);
	w->at += len;
	return len;
}

static inline void
gen_row_end(struct gen_row *w, struct buf *out)
{
	uint32_t len = (w->at + 7) & ~7u;

	memset(w->p + w->at, 0, len - w->at);
	le32put(w->p, len);
	out->n += len;
}

#endif
