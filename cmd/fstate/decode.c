/* decode: see decode.h. */
#include "decode.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "conn/look.h"
#include "fstate.h"
#include "row/key.h"
#include "win/look.h"

#define ABSENT ((struct val){ .t = VAL_ABSENT })

struct decode {
	const struct ckpt_stage *st;
	struct win_look *win; /* NULL: it is no window, or of another version */
	unsigned nkey;	      /* key fields */
	bool said;	      /* that something cannot be decoded */
	struct buf key, value, text;
	/* the call at hand */
	struct cell cell;
	int (*fn)(void *cookie, const struct cell *c);
	void *cookie;
};

/* How many fields has the key?  The schema tells, once a subtask has had one; without fkey it has
 * none. */
static int
find_key(struct decode *d)
{
	struct schema s;
	const uint8_t *p;
	uint32_t input;
	size_t n;
	int rc = 0;

	schema_init(&s);
	d->nkey = 1;
	for (uint32_t i = 0; i < d->st->parallel && rc == 0; i++) {
		size_t at = 0;

		while ((rc = snap_next_schema(&d->st->sub[i], &at, &input, &p, &n)) == 1) {
			if ((rc = schema_decode(&s, p, n)) != 0)
				break;
			d->nkey = s.keyed ? s.nkey : 0;
		}
	}
	schema_fini(&s);
	return rc;
}

/* Once for each stage. */
static void
say_unknown(struct decode *d)
{
	if (!d->said)
		say("%s: shown as bytes where it cannot be read: %s", d->st->name,
		    d->st->tool[0] != '\0' ? ferr_text()
					   : "no manifest beside it tells what it is");
	d->said = true;
}

int
decode_new(struct decode **out, const struct ckpt_stage *st)
{
	struct decode *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	d->st = st;
	if ((rc = find_key(d)) == 0 && strcmp(st->tool, "fwindow") == 0 && st->signature != NULL &&
	    (rc = win_look_new(&d->win, st->signature)) != 0 && rc != FERR_NOMEM) {
		say_unknown(d);
		rc = 0;
	}
	if (rc != 0) {
		decode_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void
decode_free(struct decode *d)
{
	if (d == NULL)
		return;
	win_look_free(d->win);
	buf_fini(&d->key);
	buf_fini(&d->value);
	buf_fini(&d->text);
	free(d);
}

/* ---- keys ---- */

static int
put_hex(struct buf *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	int rc = buf_puts(out, "{\"hex\":\"");

	for (size_t i = 0; i < n && rc == 0; i++) {
		if ((rc = buf_putc(out, (uint8_t)digits[p[i] >> 4])) == 0)
			rc = buf_putc(out, (uint8_t)digits[p[i] & 15]);
	}
	return rc == 0 ? buf_printf(out, "\",\"bytes\":%zu}", n) : rc;
}

static struct val
json_of(const struct buf *b)
{
	return val_text(VAL_JSON, (const char *)b->p, b->n);
}

static int
put_parts(struct decode *d, const struct val *part, unsigned n)
{
	int rc = buf_putc(&d->key, '[');

	for (unsigned i = 0; i < n && rc == 0; i++) {
		if (i == 0 || (rc = buf_putc(&d->key, ',')) == 0)
			rc = val_json(&part[i], &d->key);
	}
	return rc == 0 ? buf_putc(&d->key, ']') : rc;
}

/* Canonical key bytes: FERR_CORRUPT when they are not. */
static int
canonical(struct decode *d, const struct state_key *k, struct val *key)
{
	struct val part[SCHEMA_KEY_MAX];
	unsigned n = k->n == 0 ? 0 : d->nkey; /* without fields there may be no schema */
	int rc;

	if ((rc = key_values(k->p, k->n, n, part)) != 0)
		return rc;
	if (n == 1) {
		*key = part[0];
		return 0;
	}
	if ((rc = put_parts(d, part, n)) == 0)
		*key = json_of(&d->key);
	return rc;
}

/* A key group alone (u16). */
static int
group_alone(const struct state_key *k, struct val *key)
{
	if (k->n != 2)
		return ferr(FERR_CORRUPT, "a key of state is damaged");
	*key = val_i64(le16get(k->p));
	return 0;
}

int
decode_key(struct decode *d, const struct state_seen *s, struct val *key)
{
	int rc;

	d->key.n = 0;
	if (d->win == NULL)
		rc = conn_look_key(s, key);
	else
		rc = win_look_grouped(s->map) ? group_alone(&s->key, key) : FERR_NOTYET;
	if (rc == FERR_NOTYET) /* as the keys of all operators are that have no reason for others */
		rc = canonical(d, &s->key, key);
	if (rc == 0 || rc == FERR_NOMEM)
		return rc;
	say_unknown(d);
	if ((rc = put_hex(&d->key, s->key.p, s->key.n)) == 0)
		*key = json_of(&d->key);
	return rc;
}

bool
decode_is(struct decode *d, const struct state_seen *s, const char *text)
{
	size_t n = strlen(text);
	struct val key;

	d->text.n = 0;
	if (decode_key(d, s, &key) != 0)
		return false;
	if (val_plain(&key, &d->text) == 0 && d->text.n == n && memcmp(d->text.p, text, n) == 0)
		return true;
	d->text.n = 0;
	return val_json(&key, &d->text) == 0 && d->text.n == n && memcmp(d->text.p, text, n) == 0;
}

/* ---- values ---- */

static int
give_window(void *cookie, const struct win_item *it)
{
	struct decode *d = cookie;
	struct cell *c = &d->cell;

	c->start = it->start;
	c->end = it->end;
	c->time = it->time == ROW_NOTIME ? ABSENT : val_time(it->time);
	c->seen = it->seen < 0 ? ABSENT : val_i64(it->seen);
	c->fired = it->fired < 0 ? ABSENT : val_bool(it->fired != 0);
	c->value = json_of(it->value);
	return d->fn(d->cookie, c);
}

static int
give_bytes(struct decode *d, const struct state_seen *s)
{
	int rc;

	say_unknown(d);
	d->value.n = 0;
	if ((rc = put_hex(&d->value, s->value, s->n)) != 0)
		return rc;
	d->cell.value = json_of(&d->value);
	return d->fn(d->cookie, &d->cell);
}

int
decode(struct decode *d, const struct state_seen *s, int (*fn)(void *cookie, const struct cell *c),
       void *cookie)
{
	int rc;

	d->fn = fn;
	d->cookie = cookie;
	d->cell = (struct cell){ .map = s->map, .start = ROW_NOTIME, .end = ROW_NOTIME };
	if ((rc = decode_key(d, s, &d->cell.key)) != 0)
		return rc;
	if (d->win != NULL) {
		rc = win_look(d->win, s, give_window, d);
	} else {
		d->value.n = 0;
		if ((rc = conn_look_value(s, &d->value)) == 0) {
			d->cell.value = json_of(&d->value);
			return fn(cookie, &d->cell);
		}
	}
	return rc == FERR_NOTYET ? give_bytes(d, s) : rc;
}
