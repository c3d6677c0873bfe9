/*
 * base: the local copy of a supervised subtask's state (state/base.h); see op_internal.h.
 *
 * Behind COMPLETE(n), now and then, a helper of its own that gives way to everything else takes in
 * what checkpoint n has and the copy lacks.  A restart reads the logs of the store, which is
 * faster; one that is damaged is made up for by the copy, and replaced by the next checkpoint.
 * Nothing that happens to the copy hurts the job.
 */
#include "state/base.h"

#include <stdio.h>

#include "fio/fio.h"
#include "op/op_internal.h"

#define END_MAX (4u << 20)     /* bytes that are merged at the end */
#define PAUSE_NS 10000000000LL /* from one merge to the next, at least */
#define PAUSE_TIMES 20	       /* ... and so many times what the last one took */

static struct op_base *
base_of(struct work_job *w)
{
	return (struct op_base *)(void *)w;
}

static int
open_copy(struct op_base *s, bool make)
{
	const struct op_task *t = s->task;
	const struct base_id id = { t->job,    t->stage, t->subtask, t->parallel,
				    t->groups, t->lo,	 t->hi };

	return base_open(&s->base, t->local, &id, make);
}

static void
drop_copy(struct op_base *s)
{
	base_drop(s->base);
	s->base = NULL;
}

static int
copy_files(struct snap_files *to, const struct snap_files *from)
{
	int rc = 0;

	snap_clear_files(to);
	for (unsigned i = 0; i < from->n && rc == 0; i++) {
		const struct snap_file *f = &from->v[i];

		rc = snap_add_file(to, f->name, f->start, f->end, f->crc, f->epoch);
	}
	return rc;
}

/* ---- the helper's part ---- */

static int
ignore(void *cookie, const uint8_t *p, size_t n)
{
	(void)cookie;
	(void)p;
	(void)n;
	return 0;
}

/* A copy that is there already is written to only when all of it is sound: else it is made anew. */
static int
take_copy(struct op_base *s)
{
	int rc = open_copy(s, true);

	if (rc == 0 && ((rc = base_look(s->base)) == FERR_CORRUPT ||
			(rc == 0 && (rc = base_each(s->base, ignore, NULL)) == FERR_CORRUPT))) {
		drop_copy(s);
		rc = open_copy(s, true);
	}
	return rc;
}

static int
merge(struct op_base *s, const struct snap_files *f)
{
	int64_t began = fio_mono_ns();
	int rc = s->base != NULL ? 0 : take_copy(s);

	if (rc == 0)
		rc = base_merge(s->base, s->task->store, f, &s->stop);
	s->took = fio_mono_ns() - began;
	return rc;
}

static int
run_merge(struct work_job *w)
{
	fio_thread_nice();
	return merge(base_of(w), &base_of(w)->todo);
}

/* ---- the loop's part ---- */

/* Give the helper a job, for which `todo` is ready. */
static void
start(struct op_base *s, int (*run)(struct work_job *w))
{
	if (s->work == NULL && work_new(&s->work) != 0) {
		s->off = true;
		return;
	}
	s->job.run = run;
	s->busy = true;
	work_put(s->work, &s->job);
}

/* Are the files of that list still what the state is made of?  Else they may be gone. */
static bool
still_named(const struct op *op, const struct snap_files *f)
{
	const struct snap_files *now = &op->ep.files;

	return f->n > 0 && now->n > 0 && strcmp(f->v[0].name, now->v[0].name) == 0 &&
	       f->v[0].start == now->v[0].start;
}

/* A log of the store is damaged: the next checkpoint, if there is one, writes all state into
 * another file. */
static void
replace_logs(struct op *op, const struct snap_files *f, const char *text, const char *from)
{
	if (!still_named(op, f) || op->ep.log_dead) /* or it was told already */
		return;
	op->ep.log_dead = true;
	if (op_epoch_over(op))
		op_say(op, "%s", text);
	else
		op_say(op, "%s; it is being rebuilt from %s", text, from);
}

static void
merged(struct op *op, const struct snap_files *f, int rc, const char *text)
{
	struct op_base *s = &op->base;

	s->merged = op->now;
	if (rc == 0 || rc == FERR_AGAIN)
		return;
	if (rc == FERR_CORRUPT || rc == FERR_LOST) {
		replace_logs(op, f, text, "memory");
		drop_copy(s);
		return;
	}
	s->off = true;
	if (rc == FERR_FENCED) {
		op_verbose(op, "%s; this attempt keeps no local copy of the state", text);
		return;
	}
	op_say(op, "the local copy of the state is given up: %s", text);
	drop_copy(s);
}

void
op_base_jobs(struct op *op)
{
	struct op_base *s = &op->base;

	if (!s->busy || work_take(s->work) == NULL)
		return;
	s->busy = false;
	merged(op, &s->todo, s->job.rc, s->job.text);
}

int
op_base_acked(struct op *op, uint64_t epoch)
{
	struct op_base *s = &op->base;

	if (op->state == NULL || s->off)
		return 0;
	s->epoch = epoch;
	return copy_files(&s->acked, &op->ep.files);
}

static bool
merge_due(const struct op *op)
{
	const struct op_base *s = &op->base;
	int64_t pause = s->took * PAUSE_TIMES;

	if (pause < PAUSE_NS)
		pause = PAUSE_NS;
	return !s->busy && !s->off && op->now - s->merged >= pause &&
	       base_behind(s->base, &s->complete) > 0;
}

int
op_base_complete(struct op *op, uint64_t epoch)
{
	struct op_base *s = &op->base;
	int rc;

	if (op->state == NULL || epoch != s->epoch)
		return 0;
	if ((rc = copy_files(&s->complete, &s->acked)) != 0 || !merge_due(op))
		return rc;
	if ((rc = copy_files(&s->todo, &s->complete)) == 0)
		start(s, run_merge);
	return rc;
}

/* ---- beginning and end ---- */

/* Find the copy and load it, and what is behind it in the store. */
static int
load_copy(struct op *op, const struct snap_files *f)
{
	struct op_base *s = &op->base;
	bool ours;
	int rc;

	if ((rc = open_copy(s, false)) != 0 || (rc = base_look(s->base)) != 0)
		return rc;
	return base_reach(s->base, f) < 0 ? FERR_LOST
					  : base_load(s->base, s->task->store, f, op->state, &ours);
}

bool
op_base_restore(struct op *op, const struct snap_files *f)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", ferr_text());
	op->base.task = &op->ep.task;
	if (load_copy(op, f) == 0) {
		replace_logs(op, f, text, "the local copy");
		return true;
	}
	base_close(op->base.base, false);
	op->base.base = NULL;
	ferr(FERR_CORRUPT, "%s", text);
	return false;
}

void
op_base_begin(struct op *op)
{
	op->base.task = &op->ep.task;
	op->base.merged = op->now;
}

void
op_base_end(struct op *op)
{
	struct op_base *s = &op->base;
	int rc;

	if (op->state == NULL)
		return;
	atomic_store(&s->stop, true);
	while (s->busy) {
		work_wait(s->work);
		op_base_jobs(op);
	}
	atomic_store(&s->stop, false);
	/* Here and not in the helper, which other work could keep waiting. */
	if (!s->off && s->complete.n > 0 && base_behind(s->base, &s->complete) <= END_MAX) {
		rc = merge(s, &s->complete);
		merged(op, &s->complete, rc, ferr_text());
	}
	if (base_close(s->base, true) != 0)
		op_note(op, "the local copy of the state is not closed cleanly: %s", ferr_text());
	s->base = NULL;
}

void
op_base_close(struct op *op)
{
	struct op_base *s = &op->base;

	atomic_store(&s->stop, true);
	work_free(s->work);
	base_close(s->base, false);
	snap_clear_files(&s->acked);
	snap_clear_files(&s->complete);
	snap_clear_files(&s->todo);
}
