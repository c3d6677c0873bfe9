/*
 * verify: `fstate verify`: is every byte that a checkpoint stands on as it was written?
 *
 * Manifests and job.json are checked by their checksum, logs block by block (store/log.h), records
 * of state by their layout; a local copy page by page, item by item (state/base.h).  Of a file with
 * one flipped bit its checksum also tells which: that of what was written and that of what is there
 * differ by what the bit alone would give.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "checkpoint.h"
#include "local.h"
#include "manifest/known.h"
#include "manifest/sealed.h"
#include "place.h"
#include "show/listing.h"
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
	uint64_t dropped; /* by the job, while they were read */
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

/* The number in the error's text behind that word, as the offset of one of so many bytes. */
static struct val
said_offset(const char *word, uint64_t unit)
{
	const char *at = strstr(ferr_text(), word);

	return at != NULL ? listing_count(unit * strtoull(at + strlen(word), NULL, 10)) : VAL_NULLV;
}

/* The error's text says what is wrong with the file. */
static int
said_fault(struct verify *v, const char *file, struct val offset)
{
	struct buf what = BUF_INIT;
	int rc = buf_puts(&what, ferr_text());

	if (rc == 0)
		rc = buf_cstr(&what) != NULL ? put_fault(v, file, offset, (const char *)what.p)
					     : FERR_NOMEM;
	buf_fini(&what);
	return rc;
}

/* ---- manifests, job.json ---- */

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

#define SUM_AT (sizeof(SEALED_HEAD) - 1) /* in the tail */

/* How many bytes of the tail cannot stand where they do; *first gets the first of them. */
static size_t
unlike_seal(const uint8_t *tail, size_t *first)
{
	static const char like[] = SEALED_HEAD "00000000" SEALED_END, digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < SEALED_TAIL; i++) {
		if (i >= SUM_AT && i < SUM_AT + SEALED_SUM
			? memchr(digits, tail[i], sizeof(digits) - 1) != NULL
			: tail[i] == (uint8_t)like[i])
			continue;
		if (n++ == 0)
			*first = i;
	}
	return n;
}

/* Where the file is damaged, if that can be told. */
static struct val
sealed_offset(const uint8_t *p, size_t n)
{
	char sum[SEALED_SUM + 1] = "";
	size_t body, at = 0, wrong;
	uint32_t diff;

	if (n < SEALED_TAIL)
		return listing_count(n);
	body = n - SEALED_TAIL;
	if ((wrong = unlike_seal(p + body, &at)) > 0) /* of several it has no seal at all */
		return wrong == 1 ? listing_count(body + at) : VAL_NULLV;
	memcpy(sum, p + body + SUM_AT, SEALED_SUM);
	diff = crc32c(0, p, body) ^ (uint32_t)strtoul(sum, NULL, 16);
	if ((at = flipped(body, diff)) < body)
		return listing_count(at);
	/* Else it may be one of the digits. */
	for (size_t i = 0; i < SEALED_SUM; i++) {
		if ((diff & ~(0xf0000000u >> 4 * i)) == 0)
			return listing_count(body + SUM_AT + i);
	}
	return VAL_NULLV;
}

/* A file that cannot be used: the error's text says why. */
static int
sealed_fault(struct verify *v, const char *name)
{
	struct buf b = BUF_INIT;
	struct val offset = VAL_NULLV;
	int rc;

	if (store_read(v->dir, name, MANIFEST_MAX, &b) == 0) /* else that is what is wrong */
		offset = sealed_offset(b.p, b.n);
	rc = said_fault(v, name, offset);
	buf_fini(&b);
	return rc;
}

static int
check_known(struct verify *v)
{
	struct known k = { 0 };
	struct buf b = BUF_INIT;
	int rc = store_read(v->dir, "job.json", MANIFEST_MAX, &b);

	v->bytes += b.n;
	if (rc == 0)
		rc = known_parse(&k, b.p, b.n);
	if (rc == FERR_CORRUPT || rc == FERR_LOST)
		rc = sealed_fault(v, "job.json");
	known_fini(&k);
	buf_fini(&b);
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

static int
check_stretch(struct verify *v, const struct snap_file *f, bool state)
{
	int rc = log_read(v->dir, f->name, f->start, f->end, f->crc,
			  state ? check_records : check_nothing, NULL);

	v->stretches++;
	v->bytes += f->end - f->start;
	/* Its manifest goes first: while that is there no file may be missing. */
	if (rc == FERR_LOST && !checkpoint_there(v->c))
		return rc;
	if (rc != FERR_CORRUPT && rc != FERR_LOST)
		return rc;
	return said_fault(v, f->name, said_offset(" at byte ", 1));
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
			for (unsigned k = 0; k < s->flight.n && rc == 0; k++)
				rc = check_stretch(v, &s->flight.v[k], false);
		}
	}
	v->st = NULL;
	return rc;
}

/* ---- checkpoints ---- */

/* The job has dropped what was being read: that is no fault. */
static void
note_dropped(struct verify *v, const struct checkpoint *c)
{
	if (v->dropped++ == 0)
		say("%s/%s has been dropped by the job while it was read; going on with what is "
		    "there",
		    c->dir, c->name);
}

/* Check c, which was opened with rc. */
static int
check(struct verify *v, struct checkpoint *c, int rc)
{
	if (rc == 0) {
		v->c = c;
		rc = check_files(v);
		v->c = NULL;
		v->checkpoints += rc == 0;
	} else if (rc == FERR_CORRUPT) {
		rc = sealed_fault(v, c->name);
	}
	if (rc == FERR_LOST) {
		note_dropped(v, c);
		rc = 0;
	}
	checkpoint_close(c);
	return rc;
}

/* The places of the chain from *next on; *next gets the first one that was not there yet. */
static int
check_places(struct verify *v, uint64_t *next)
{
	struct checkpoint c;
	uint64_t *places = NULL;
	unsigned n = 0;
	int rc = store_chain_look(v->dir, &places, &n);

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (places[i] < *next)
			continue;
		rc = check(v, &c, checkpoint_at(&c, v->dir, places[i]));
		*next = places[i] + 1;
	}
	free(places);
	return rc;
}

#define TRIES 20

/* While it drops some there are others by now. */
static int
check_chain(struct verify *v)
{
	uint64_t next = 0, before;
	int rc = 0;

	for (int i = 0; i < TRIES && rc == 0; i++) {
		before = v->dropped;
		rc = check_places(v, &next);
		if (v->dropped == before)
			break;
	}
	return rc;
}

static int
check_store(struct verify *v)
{
	int rc = check_chain(v);

	return rc == 0 && v->checkpoints + v->faults > 0 ? check_known(v) : rc;
}

/* The one that --at names; once it has gone it is not there, as if it had never been. */
static int
check_one(struct verify *v, const char *at)
{
	struct checkpoint c;
	uint64_t before;
	int rc = 0;

	for (int i = 0; i < TRIES && rc == 0; i++) {
		before = v->dropped;
		rc = checkpoint_open(&c, v->dir, at);
		rc = check(v, &c, rc);
		if (v->dropped == before)
			break;
	}
	return rc;
}

/* ---- a local copy ---- */

static int
check_anew(void *cookie, const struct base_seen *s)
{
	(void)cookie;
	(void)s;
	return 0;
}

static int
check_given(void *cookie, const uint8_t *p, size_t n)
{
	return check_records(cookie, 0, p, n);
}

static int
check_local(struct verify *v, const char *at)
{
	struct base_seen s;
	int rc = local_look(&s, v->dir, at, check_anew, check_given, v);

	v->bytes = s.bytes;
	if (rc == 0)
		say("subtask %" PRIu32 " of %s as of epoch %" PRIu64 ": %" PRIu64 " items",
		    s.subtask, s.stage, s.at.v[0].epoch, s.items);
	else if (rc == FERR_CORRUPT) /* LMDB's pages are those of the machine */
		rc = said_fault(v, "base/data",
				said_offset(" at page ", (uint64_t)sysconf(_SC_PAGESIZE)));
	base_seen_fini(&s);
	return rc;
}

/* ---- all that there is ---- */

static void
say_sums(const struct verify *v)
{
	char size[LISTING_TEXT];

	listing_size(v->bytes, size);
	if (!place_is_local(v->dir))
		say("%" PRIu64 " checkpoint%s, %" PRIu64 " stretches of logs, %s read: %" PRIu64
		    " fault%s",
		    v->checkpoints, v->checkpoints == 1 ? "" : "s", v->stretches, size, v->faults,
		    v->faults == 1 ? "" : "s");
	else
		say("a local copy, %s read: %" PRIu64 " fault%s", size, v->faults,
		    v->faults == 1 ? "" : "s");
}

int
verb_verify(const struct conf *conf, const char *dir, char **word)
{
	struct verify v = { .dir = dir };
	int rc;

	(void)word;
	if ((rc = listing_new(&v.out, conf->format, STDOUT_FILENO, columns, COLUMNS)) != 0)
		return rc;
	if (place_is_local(dir))
		rc = check_local(&v, conf->at);
	else if (conf->at != NULL || place_is_savepoint(dir))
		rc = check_one(&v, conf->at);
	else
		rc = check_store(&v);
	if (rc == 0)
		rc = listing_end(v.out);
	listing_free(v.out);
	if (rc != 0)
		return rc;
	say_sums(&v);
	if (v.faults == 0)
		return 0;
	ferr_clear();
	return FERR_CORRUPT; /* the rows have said it */
}
