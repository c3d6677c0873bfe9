/* show: `fstate show`: all that one manifest says. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "checkpoint.h"
#include "fio/fio.h"
#include "local.h"
#include "place.h"
#include "show/listing.h"
#include "view.h"

static bool
is_watermark(const char *number)
{
	return strcmp(number, "watermark") == 0 || strncmp(number, "wm.", 3) == 0 ||
	       strcmp(number, "source.watermark") == 0;
}

static struct val
number_val(const struct snap_number *n)
{
	return is_watermark(n->name) ? listing_watermark(n->v) : val_i64(n->v);
}

/* ---- for people ---- */

static int
put_head(const struct checkpoint *c, struct buf *b)
{
	const struct ckpt_file *f = &c->f;
	char at[TIME_PRINT_MAX], size[LISTING_TEXT];
	int rc;

	listing_size(ckpt_file_size(f), size);
	if ((rc = buf_printf(b,
			     "%s: epoch %" PRIu64 ", place %" PRIu64 ", %s\npath       %s/%s\n"
			     "time       %.*s\nattempt    %" PRIu64 "\nsize       %s\njob id     ",
			     f->job, f->epoch, f->place, checkpoint_kind(f), c->dir, c->name,
			     (int)time_print(f->time, at), at, f->attempt, size)) != 0 ||
	    (rc = checkpoint_put_id(b, f->job_id)) != 0 ||
	    (rc = buf_puts(b, "\nbarrier    ")) != 0 ||
	    (rc = checkpoint_put_id(b, f->barrier)) != 0)
		return rc;
	return buf_putc(b, '\n');
}

static int
put_text(const struct buf *b)
{
	return fio_write_all(STDOUT_FILENO, b->p, b->n) == -1 ? ferr_sys(FERR_IO, "stdout") : 0;
}

/* A table behind an empty line, filled by fn for each stage that is wanted. */
static int
put_table(const struct ckpt_file *f, const struct ckpt_stage *one, const struct column *cols,
	  unsigned n, int (*fn)(struct listing *o, const struct ckpt_stage *st))
{
	struct buf gap = BUF_INIT;
	struct listing *o = NULL;
	int rc;

	if ((rc = buf_putc(&gap, '\n')) == 0 && (rc = put_text(&gap)) == 0)
		rc = listing_new(&o, FMT_TABLE, STDOUT_FILENO, cols, n);
	for (unsigned i = 0; i < f->nstages && rc == 0; i++) {
		if (one == NULL || one == &f->stage[i])
			rc = fn(o, &f->stage[i]);
	}
	if (rc == 0)
		rc = listing_end(o);
	listing_free(o);
	buf_fini(&gap);
	return rc;
}

static const struct column stage_columns[] = {
	{ "stage", FOR_ALL },  { "tool", FOR_ALL },	 { "parallelism", FOR_ALL },
	{ "groups", FOR_ALL }, { "signature", FOR_ALL },
};

static int
stage_row(struct listing *o, const struct ckpt_stage *st)
{
	const struct val row[] = { listing_maybe(st->name), listing_maybe(st->tool),
				   val_i64(st->parallel), val_i64(st->groups),
				   listing_maybe(st->signature) };

	return listing_row(o, row);
}

static const struct column file_columns[] = {
	{ "stage", FOR_ALL }, { "subtask", FOR_ALL }, { "holds", FOR_ALL }, { "file", FOR_ALL },
	{ "start", FOR_ALL }, { "end", FOR_ALL },     { "epoch", FOR_ALL },
};

static int
file_row(struct listing *o, const struct ckpt_stage *st, uint32_t sub,
	 const struct snap_files *files, const char *holds)
{
	int rc = 0;

	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		const struct snap_file *f = &files->v[i];
		const struct val row[] = { listing_maybe(st->name), val_i64(sub),
					   listing_maybe(holds),    listing_maybe(f->name),
					   listing_count(f->start), listing_count(f->end),
					   listing_count(f->epoch) };

		rc = listing_row(o, row);
	}
	return rc;
}

static int
file_rows(struct listing *o, const struct ckpt_stage *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < st->parallel && rc == 0; i++) {
		if ((rc = file_row(o, st, i, &st->sub[i].state, "state")) == 0 &&
		    (rc = file_row(o, st, i, &st->sub[i].flight, "flight")) == 0)
			rc = file_row(o, st, i, &st->sub[i].pending, "pending");
	}
	return rc;
}

static const struct column number_columns[] = {
	{ "stage", FOR_ALL },
	{ "subtask", FOR_ALL },
	{ "number", FOR_ALL },
	{ "value", FOR_ALL },
};

static int
number_rows(struct listing *o, const struct ckpt_stage *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < st->parallel && rc == 0; i++) {
		const struct snap *s = &st->sub[i];
		struct val row[] = { listing_maybe(st->name), val_i64(i),
				     listing_maybe("published"), listing_count(s->published) };

		if (s->published > 0)
			rc = listing_row(o, row);
		for (unsigned k = 0; k < s->nnumber && rc == 0; k++) {
			row[2] = listing_maybe(s->number[k].name);
			row[3] = number_val(&s->number[k]);
			rc = listing_row(o, row);
		}
	}
	return rc;
}

#define N(columns) (sizeof(columns) / sizeof((columns)[0]))

static int
show_people(const struct checkpoint *c, const struct ckpt_stage *one)
{
	struct buf head = BUF_INIT;
	int rc;

	if ((rc = put_head(c, &head)) == 0)
		rc = put_text(&head);
	buf_fini(&head);
	if (rc == 0)
		rc = put_table(&c->f, one, stage_columns, N(stage_columns), stage_row);
	if (rc == 0)
		rc = put_table(&c->f, one, file_columns, N(file_columns), file_rows);
	if (rc == 0)
		rc = put_table(&c->f, one, number_columns, N(number_columns), number_rows);
	return rc;
}

/* ---- as data ---- */

static int
json_files(struct buf *b, const char *name, const struct snap_files *files)
{
	int rc = buf_printf(b, ",\"%s\":[", name);

	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		const struct snap_file *f = &files->v[i];

		if ((rc = buf_puts(b, i > 0 ? ",{" : "{")) == 0 &&
		    (rc = listing_member(b, "file", listing_maybe(f->name))) == 0 &&
		    (rc = listing_member(b, "start", listing_count(f->start))) == 0 &&
		    (rc = listing_member(b, "end", listing_count(f->end))) == 0 &&
		    (rc = listing_member(b, "epoch", listing_count(f->epoch))) == 0)
			rc = buf_putc(b, '}');
	}
	return rc == 0 ? buf_putc(b, ']') : rc;
}

static int
json_subtask(struct buf *b, const struct snap *s, uint32_t i)
{
	int rc;

	if ((rc = buf_puts(b, i > 0 ? ",{" : "{")) != 0 ||
	    (rc = listing_member(b, "subtask", val_i64(i))) != 0 ||
	    (rc = listing_member(b, "published", listing_count(s->published))) != 0 ||
	    (rc = json_files(b, "state", &s->state)) != 0 ||
	    (rc = json_files(b, "pending", &s->pending)) != 0 ||
	    (rc = json_files(b, "flight", &s->flight)) != 0 ||
	    (rc = buf_puts(b, ",\"numbers\":{")) != 0)
		return rc;
	for (unsigned k = 0; k < s->nnumber && rc == 0; k++)
		rc = listing_member(b, s->number[k].name, number_val(&s->number[k]));
	return rc == 0 ? buf_puts(b, "}}") : rc;
}

static int
json_stages(struct buf *b, const struct ckpt_file *f, const struct ckpt_stage *one)
{
	int rc = buf_putc(b, '[');

	for (unsigned i = 0; i < f->nstages && rc == 0; i++) {
		const struct ckpt_stage *st = &f->stage[i];

		if (one != NULL && one != st)
			continue;
		if ((rc = buf_puts(b, b->n > 1 ? ",{" : "{")) != 0 ||
		    (rc = listing_member(b, "name", listing_maybe(st->name))) != 0 ||
		    (rc = listing_member(b, "tool", listing_maybe(st->tool))) != 0 ||
		    (rc = listing_member(b, "parallelism", val_i64(st->parallel))) != 0 ||
		    (rc = listing_member(b, "groups", val_i64(st->groups))) != 0 ||
		    (st->signature != NULL &&
		     (rc = listing_member(b, "signature", listing_maybe(st->signature))) != 0) ||
		    (rc = buf_puts(b, ",\"subtasks\":[")) != 0)
			break;
		for (uint32_t k = 0; k < st->parallel && rc == 0; k++)
			rc = json_subtask(b, &st->sub[k], k);
		if (rc == 0)
			rc = buf_puts(b, "]}");
	}
	return rc == 0 ? buf_putc(b, ']') : rc;
}

static const struct column show_columns[] = {
	{ "job", FOR_ALL },   { "job_id", FOR_ALL }, { "place", FOR_ALL },   { "epoch", FOR_ALL },
	{ "kind", FOR_ALL },  { "time", FOR_ALL },   { "attempt", FOR_ALL }, { "barrier", FOR_ALL },
	{ "bytes", FOR_ALL }, { "path", FOR_ALL },   { "stages", FOR_ALL },
};

static int
show_data(const struct checkpoint *c, const struct ckpt_stage *one, enum fmt_kind kind)
{
	const struct ckpt_file *f = &c->f;
	struct buf stages = BUF_INIT, id = BUF_INIT, barrier = BUF_INIT, path = BUF_INIT;
	struct listing *o = NULL;
	int rc;

	if ((rc = json_stages(&stages, f, one)) == 0 &&
	    (rc = checkpoint_put_id(&id, f->job_id)) == 0 &&
	    (rc = checkpoint_put_id(&barrier, f->barrier)) == 0 &&
	    (rc = buf_printf(&path, "%s/%s", c->dir, c->name)) == 0 &&
	    (rc = listing_new(&o, kind, STDOUT_FILENO, show_columns, N(show_columns))) == 0) {
		const struct val row[] = {
			listing_maybe(f->job),
			val_text(VAL_STR, (const char *)id.p, id.n),
			listing_count(f->place),
			listing_count(f->epoch),
			listing_maybe(checkpoint_kind(f)),
			val_time(f->time),
			listing_count(f->attempt),
			val_text(VAL_STR, (const char *)barrier.p, barrier.n),
			listing_count(ckpt_file_size(f)),
			val_text(VAL_STR, (const char *)path.p, path.n),
			val_text(VAL_JSON, (const char *)stages.p, stages.n),
		};
		rc = listing_row(o, row);
	}
	if (rc == 0)
		rc = listing_end(o);
	listing_free(o);
	buf_fini(&stages);
	buf_fini(&id);
	buf_fini(&barrier);
	buf_fini(&path);
	return rc;
}

int
verb_show(const struct conf *c, const char *dir, char **word)
{
	const struct ckpt_stage *one = NULL;
	struct checkpoint ckpt;
	int rc;

	(void)word;
	if (place_is_local(dir))
		return local_show(c, dir);
	rc = checkpoint_open(&ckpt, dir, c->at);
	if (rc == 0 && c->stage != NULL && (one = view_stage(&ckpt.f, c->stage)) == NULL)
		rc = FERR_USAGE;
	if (rc == 0)
		rc = c->format == FMT_TABLE ? show_people(&ckpt, one)
					    : show_data(&ckpt, one, c->format);
	checkpoint_close(&ckpt);
	return rc;
}
