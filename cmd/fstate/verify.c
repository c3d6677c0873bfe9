/*
 * verify: `fstate verify`: is every byte that a checkpoint stands on as it was written?
 *
 * Manifests are checked by their checksum, logs block by block (store/log.h), records of state by
 * their layout.  Of a manifest with one flipped bit the checksum also tells which: that of what was
 * written and that of what is there differ by what the bit alone would give.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "checkpoint.h"
#include "show/listing.h"
#include "place.h"
#include "state/state.h"
#include "store/log.h"
#include "store/store.h"
#include "view.h"

static const struct column columns[] = {
	{ "epoch", FOR_ALL }, { "place", FOR_ALL },  { "stage", FOR_ALL }, { "subtask", FOR_ALL },
	{ "file", FOR_ALL },  { "offset", FOR_ALL }, { "fault", FOR_ALL },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct verify {
	const char *dir;
	struct listing *out;
	uint64_t checkpoints, stretches, bytes, faults;
	/* the stretch at hand */
	const struct checkpoint *c;
	const struct ckpt_stage *st;
	uint32_t sub;
};

static int
put_fault(struct verify *v, const char *file, struct val offset, const char *what)
{
	const struct val absent = { .t = VAL_ABSENT };
	const struct val row[COLUMNS] = {
		v->c != NULL ? listing_count(v->c->f.epoch) : absent,
		v->c != NULL ? listing_count(v->c->f.place) : absent,
		v->st != NULL ? listing_maybe(v->st->name) : absent,
		v->st != NULL ? val_i64(v->sub) : absent,
		listing_maybe(file),
		offset,
		listing_maybe(what),
	};

	v->faults++;
	return listing_row(v->out, row);
}

/* ---- manifests ---- */

/* `,"crc32c":"XXXXXXXX"}` and a line feed. */
#define TAIL 22u
#define SUM_AT 11u

/* The byte of p[0..n) with one flipped bit that makes the checksum differ by d; n: none does. */
static size_t
flipped(size_t n, uint32_t d)
{
	uint32_t s = 1; /* what a bit gives that has k - 1 bits behind it, after k steps */

	for (size_t k = 1; k <= 8 * n; k++) {
		s = s >> 1 ^ ((s & 1) != 0 ? 0x82f63b78u : 0);
		if (s == d)
			return n - 1 - (k - 1) / 8;
	}
	return n;
}

/* Where the manifest is damaged, if that can be told. */
static struct val
manifest_offset(const uint8_t *p, size_t n)
{
	static const char head[] = ",\"crc32c\":\"", end[] = "\"}\n";
	char digits[9] = "";
	size_t at;
	uint32_t sum;

	if (n < TAIL)
		return listing_count(n);
	for (size_t i = 0; i < SUM_AT; i++) {
		if (p[n - TAIL + i] != (uint8_t)head[i])
			return listing_count(n - TAIL + i);
	}
	for (size_t i = 0; i < 3; i++) {
		if (p[n - 3 + i] != (uint8_t)end[i])
			return listing_count(n - 3 + i);
	}
	memcpy(digits, p + n - TAIL + SUM_AT, 8);
	sum = crc32c(0, p, n - TAIL);
	for (size_t i = 0; i < 8; i++) {
		if (strchr("0123456789abcdef", digits[i]) == NULL)
			return listing_count(n - TAIL + SUM_AT + i);
	}
	sum ^= (uint32_t)strtoul(digits, NULL, 16);
	if ((at = flipped(n - TAIL, sum)) < n - TAIL)
		return listing_count(at);
	/* Else it may be one of the digits. */
	for (size_t i = 0; i < 8; i++) {
		if ((sum & ~(0xf0000000u >> 4 * i)) == 0)
			return listing_count(n - TAIL + SUM_AT + i);
	}
	return VAL_NULLV;
}

/* A manifest that cannot be used: the error's text says why. */
static int
manifest_fault(struct verify *v, const char *name)
{
	struct buf b = BUF_INIT, what = BUF_INIT;
	struct val offset = VAL_NULLV;
	int rc;

	if ((rc = buf_puts(&what, ferr_text())) != 0 || buf_cstr(&what) == NULL)
		return FERR_NOMEM;
	if (store_read(v->dir, name, MANIFEST_MAX, &b) == 0)
		offset = manifest_offset(b.p, b.n);
	rc = put_fault(v, name, offset, (const char *)what.p);
	buf_fini(&b);
	buf_fini(&what);
	return rc;
}

/* ---- logs ---- */

static int
check_records(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	struct state_rec r;
	int64_t len;

	(void)cookie;
	(void)epoch;
	for (size_t at = 0; at < n; at += (size_t)len) {
		if ((len = state_rec_decode(&r, p + at, n - at)) < 0)
			return (int)len;
	}
	return 0;
}

static int
check_nothing(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)cookie;
	(void)epoch;
	(void)p;
	(void)n;
	return 0;
}

/* The offset in log_read's message. */
static struct val
said_offset(const char *text)
{
	const char *at = strstr(text, " at byte ");

	return at != NULL ? listing_count(strtoull(at + 9, NULL, 10)) : VAL_NULLV;
}

static int
check_stretch(struct verify *v, const struct snap_file *f, bool state)
{
	struct buf what = BUF_INIT;
	int rc = log_read(v->dir, f->name, f->start, f->end, f->crc,
			  state ? check_records : check_nothing, NULL);

	v->stretches++;
	v->bytes += f->end - f->start;
	/* Its manifest goes first: while that is there no file may be missing. */
	if (rc == FERR_LOST && !checkpoint_there(v->c))
		return rc;
	if (rc != FERR_CORRUPT && rc != FERR_LOST)
		return rc;
	if ((rc = buf_puts(&what, ferr_text())) == 0)
		rc = buf_cstr(&what) != NULL
			 ? put_fault(v, f->name, said_offset(ferr_text()), (const char *)what.p)
			 : FERR_NOMEM;
	buf_fini(&what);
	return rc;
}

static int
check_files(struct verify *v)
{
	const struct ckpt_file *f = &v->c->f;
	int rc = 0;

	for (unsigned i = 0; i < f->nstages; i++) {
		v->st = &f->stage[i];
		for (v->sub = 0; v->sub < v->st->parallel; v->sub++) {
			const struct snap *s = &v->st->sub[v->sub];

			for (unsigned k = 0; k < s->state.n && rc == 0; k++)
				rc = check_stretch(v, &s->state.v[k], true);
			for (unsigned k = 0; k < s->pending.n && rc == 0; k++)
				rc = check_stretch(v, &s->pending.v[k], false);
		}
	}
	v->st = NULL;
	return rc;
}

/* ---- checkpoints ---- */

/* Check c, which was opened with rc; one that the job drops meanwhile does not count. */
static int
check(struct verify *v, struct checkpoint *c, int rc)
{
	if (rc == 0) {
		v->c = c;
		rc = check_files(v);
		v->c = NULL;
		v->checkpoints++;
		if (rc == FERR_LOST) {
			say("checkpoint %" PRIu64 " has been dropped by the job while it was read",
			    c->f.epoch);
			v->checkpoints--;
			rc = 0;
		}
	} else if (rc == FERR_CORRUPT) {
		rc = manifest_fault(v, c->name);
	} else if (rc == FERR_LOST) {
		rc = 0;
	}
	checkpoint_close(c);
	return rc;
}

static int
check_chain(struct verify *v)
{
	struct checkpoint c;
	uint64_t *places = NULL;
	size_t n = 0;
	int rc = checkpoint_places(v->dir, &places, &n);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = check(v, &c, checkpoint_at(&c, v->dir, places[i]));
	free(places);
	return rc;
}

int
verb_verify(const struct conf *conf, const char *dir, char **word)
{
	struct verify v = { .dir = dir };
	char size[LISTING_TEXT];
	struct checkpoint c;
	int rc;

	(void)word;
	if ((rc = listing_new(&v.out, conf->format, STDOUT_FILENO, columns, COLUMNS)) != 0)
		return rc;
	if (conf->at != NULL || place_is_savepoint(dir)) {
		rc = checkpoint_open(&c, dir, conf->at);
		rc = check(&v, &c, rc);
	} else {
		rc = check_chain(&v);
	}
	if (rc == 0)
		rc = listing_end(v.out);
	listing_free(v.out);
	if (rc != 0)
		return rc;
	listing_size(v.bytes, size);
	say("%" PRIu64 " checkpoint%s, %" PRIu64 " stretches of logs, %s read: %" PRIu64 " fault%s",
	    v.checkpoints, v.checkpoints == 1 ? "" : "s", v.stretches, size, v.faults,
	    v.faults == 1 ? "" : "s");
	if (v.faults == 0)
		return 0;
	ferr_clear();
	return FERR_CORRUPT; /* the rows have said it */
}
