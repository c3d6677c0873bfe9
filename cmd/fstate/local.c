/* local: see local.h. */
#include "local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "place.h"
#include "show/listing.h"

#define TRIES 20
#define PAUSE_MS 10 /* most merges take less */

/* ---- reading ---- */

/* One try.  FERR_AGAIN: it changed meanwhile, or (unless it is the last one) is being merged. */
static int
look_once(struct base_seen *s, const char *dir,
	  int (*begin)(void *cookie, const struct base_seen *s),
	  int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie, bool last)
{
	int rc = base_peek(s, dir, NULL, NULL);

	if (rc == 0 && fn != NULL && (s->to.n == 0 || last) && (rc = begin(cookie, s)) == 0) {
		base_seen_fini(s);
		rc = base_peek(s, dir, fn, cookie);
	}
	return rc == 0 && s->to.n > 0 && !last ? FERR_AGAIN : rc;
}

int
local_look(struct base_seen *s, const char *dir, const char *at,
	   int (*begin)(void *cookie, const struct base_seen *s),
	   int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie)
{
	int rc = FERR_AGAIN;

	*s = (struct base_seen){ 0 };
	if (at != NULL)
		return ferr(FERR_USAGE, "%s is a local copy, of one epoch: --at %s has no meaning",
			    dir, at);
	for (int i = 1; i <= TRIES && rc == FERR_AGAIN; i++) {
		if (i > 1)
			fio_poll(NULL, 0, PAUSE_MS);
		base_seen_fini(s);
		rc = look_once(s, dir, begin, fn, cookie, i == TRIES);
	}
	if (rc == 0 && s->to.n > 0)
		say("%s: a merge is under way, or was cut off: it is as of epoch %" PRIu64
		    ", and holds some of what came until %" PRIu64,
		    dir, s->at.v[0].epoch, s->to.v[0].epoch);
	if (rc == FERR_AGAIN)
		rc =
		    ferr(FERR_IO,
			 "%s: the job writes to it while it is read, also at the %dth try; look at "
			 "a checkpoint",
			 dir, TRIES);
	return rc == FERR_LOST ? FERR_USAGE : rc; /* it holds nothing */
}

/* ---- as a checkpoint ---- */

static int
copy_text(char **to, const char *s)
{
	*to = s != NULL ? strdup(s) : NULL;
	return s == NULL || *to != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

/* The fields that the stage knew, from any subtask: they tell how its keys are put together. */
static int
copy_schema(struct snap *to, const struct ckpt_stage *from)
{
	for (uint32_t i = 0; i < from->parallel; i++) {
		const struct snap *s = &from->sub[i];

		if (s->schema == NULL)
			continue;
		if ((to->schema = malloc(s->nschema)) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		memcpy(to->schema, s->schema, s->nschema);
		to->nschema = s->nschema;
		break;
	}
	return 0;
}

/* What the newest manifest of its store says of the stage, if there is one. */
static int
ask_store(struct checkpoint *c, struct ckpt_stage *st, uint32_t subtask)
{
	struct checkpoint newest = { 0 };
	struct buf store = BUF_INIT;
	int rc = 0;

	if (buf_printf(&store, "%s/../..", c->dir) != 0 || buf_cstr(&store) == NULL)
		return FERR_NOMEM;
	if (!place_is_store((const char *)store.p) ||
	    checkpoint_open(&newest, (const char *)store.p, NULL) != 0 ||
	    memcmp(newest.f.job_id, c->f.job_id, sizeof(c->f.job_id)) != 0)
		goto out;
	rc = copy_text(&c->f.job, newest.f.job);
	for (unsigned i = 0; i < newest.f.nstages && rc == 0; i++) {
		const struct ckpt_stage *s = &newest.f.stage[i];

		if (strcmp(s->name, st->name) == 0 && (rc = copy_text(&st->tool, s->tool)) == 0 &&
		    (rc = copy_text(&st->signature, s->signature)) == 0)
			rc = copy_schema(&st->sub[subtask], s);
	}
out:
	checkpoint_close(&newest);
	buf_fini(&store);
	return rc;
}

int
local_checkpoint(struct checkpoint *c, const char *dir, const struct base_seen *s)
{
	const struct snap_file *at = &s->at.v[0];
	struct ckpt_stage *st;
	int rc;

	if (s->parallel == 0 || s->subtask >= s->parallel || s->groups < s->parallel)
		return ferr(FERR_CORRUPT, "%s says what cannot be of its subtask", dir);
	snprintf(c->name, sizeof(c->name), "base/data");
	memcpy(c->f.job_id, s->job, sizeof(c->f.job_id));
	c->f.epoch = at->epoch;
	if ((rc = copy_text(&c->dir, dir)) != 0)
		return rc;
	if ((st = c->f.stage = calloc(1, sizeof(*st))) == NULL ||
	    (st->sub = calloc(s->parallel, sizeof(*st->sub))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	c->f.nstages = 1;
	st->parallel = s->parallel;
	st->groups = s->groups;
	for (uint32_t i = 0; i < st->parallel; i++)
		snap_init(&st->sub[i]);
	if ((rc = copy_text(&st->name, s->stage)) != 0 ||
	    (rc = snap_add_file(&st->sub[s->subtask].state, at->name, at->start, at->end, at->crc,
				at->epoch)) != 0 ||
	    (rc = ask_store(c, st, s->subtask)) != 0)
		return rc;
	return st->tool != NULL ? 0 : copy_text(&st->tool, "");
}

/* ---- what it says of itself ---- */

/* Is it what a restart would use? */
static const char *
condition(const struct base_seen *s)
{
	if (!s->clean && !s->booted)
		return "void";
	if (s->to.n > 0)
		return "merging";
	return s->clean ? "clean" : "open";
}

static const struct column columns[] = {
	{ "stage", FOR_ALL },	     { "subtask", FOR_ALL },	 { "parallelism", FOR_ALL },
	{ "epoch", FOR_ALL },	     { "condition", FOR_ALL },	 { "items", FOR_ALL },
	{ "size", FOR_PEOPLE },	     { "bytes", FOR_DATA },	 { "groups", FOR_DATA },
	{ "first_group", FOR_DATA }, { "last_group", FOR_DATA }, { "job_id", FOR_DATA },
	{ "file", FOR_DATA },	     { "end", FOR_DATA },	 { "merging_to", FOR_DATA },
	{ "path", FOR_ALL },
};

static int
put_row(struct listing *o, const char *dir, const struct base_seen *s)
{
	const struct snap_file *at = &s->at.v[0];
	const struct val absent = { .t = VAL_ABSENT };
	struct buf id = BUF_INIT;
	char size[LISTING_TEXT];
	int rc = checkpoint_put_id(&id, s->job);

	if (rc == 0) {
		const struct val row[] = {
			listing_maybe(s->stage),
			val_i64(s->subtask),
			val_i64(s->parallel),
			listing_count(at->epoch),
			listing_maybe(condition(s)),
			listing_count(s->items),
			listing_size(s->bytes, size),
			listing_count(s->bytes),
			val_i64(s->groups),
			val_i64(s->lo),
			val_i64(s->hi),
			val_text(VAL_STR, (const char *)id.p, id.n),
			listing_maybe(at->name),
			listing_count(at->end),
			s->to.n > 0 ? listing_count(s->to.v[0].epoch) : absent,
			listing_maybe(dir),
		};
		rc = listing_row(o, row);
	}
	buf_fini(&id);
	return rc;
}

static int
list(const char *dir, const struct base_seen *s, enum fmt_kind kind)
{
	struct listing *o = NULL;
	int rc =
	    listing_new(&o, kind, STDOUT_FILENO, columns, sizeof(columns) / sizeof(columns[0]));

	if (rc == 0 && (rc = put_row(o, dir, s)) == 0)
		rc = listing_end(o);
	listing_free(o);
	return rc;
}

int
local_ls(const struct conf *c, const char *dir)
{
	struct base_seen s;
	int rc = local_look(&s, dir, c->at, NULL, NULL, NULL);

	if (rc == 0)
		rc = list(dir, &s, c->format);
	base_seen_fini(&s);
	return rc;
}

static int
put_people(struct buf *b, const struct checkpoint *c, const struct base_seen *s)
{
	const struct ckpt_stage *st = &c->f.stage[0];
	const struct snap_file *at = &s->at.v[0];
	char size[LISTING_TEXT];
	int rc;

	listing_size(s->bytes, size);
	if ((rc = buf_printf(b,
			     "%s, subtask %" PRIu32 " of %" PRIu32 ": epoch %" PRIu64 ", %s\n"
			     "path       %s\nlog        %s up to byte %" PRIu64 "\n"
			     "key groups %" PRIu32 " to %" PRIu32 " of %" PRIu32 "\n"
			     "items      %" PRIu64 "\nsize       %s\njob id     ",
			     s->stage, s->subtask, s->parallel, at->epoch, condition(s), c->dir,
			     at->name, at->end, s->lo, s->hi, s->groups, s->items, size)) == 0)
		rc = checkpoint_put_id(b, s->job);
	if (rc == 0 && st->signature != NULL)
		rc = buf_printf(b, "\nsignature  %s", st->signature);
	return rc == 0 ? buf_putc(b, '\n') : rc;
}

int
local_show(const struct conf *c, const char *dir)
{
	struct checkpoint ckpt = { 0 };
	struct buf text = BUF_INIT;
	struct base_seen s;
	int rc = local_look(&s, dir, c->at, NULL, NULL, NULL);

	if (rc == 0 && c->format != FMT_TABLE)
		rc = list(dir, &s, c->format);
	else if (rc == 0 && (rc = local_checkpoint(&ckpt, dir, &s)) == 0 &&
		 (rc = put_people(&text, &ckpt, &s)) == 0 &&
		 fio_write_all(STDOUT_FILENO, text.p, text.n) == -1)
		rc = ferr_sys(FERR_IO, "stdout");
	checkpoint_close(&ckpt);
	base_seen_fini(&s);
	buf_fini(&text);
	return rc;
}
