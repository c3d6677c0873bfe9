/*
 * base: the local copy of a supervised subtask's state (state/base.h); see op_internal.h.
 *
 * Behind COMPLETE(n) a helper of its own, which gives way to everything else, takes in
 * what checkpoint n has and the copy lacks.  A restart loads the copy and only the rest of the
 * logs; what it has not read of them is checked later, by the same helper.  Nothing that happens to
 * the copy hurts the job.
 */
#include "state/base.h"

#include "fio/fio.h"
#include "op/op_internal.h"

#define BEHIND_MIN (4u << 20)  /* bytes that are merged at the end, and not in haste before */
#define BEHIND_SHARE 8u	       /* ... nor this part of what the copy holds */
#define PAUSE_NS 10000000000LL /* but after so long all the same */

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
merge(struct op_base *s, const struct snap_files *f)
{
	int rc = s->base != NULL ? 0 : open_copy(s, true);

	return rc != 0 ? rc : base_merge(s->base, s->task->store, f, &s->stop);
}

static int
run_merge(struct work_job *w)
{
	fio_thread_nice();
	return merge(base_of(w), &base_of(w)->todo);
}

static int
look_on(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	(void)p;
	(void)n;
	return atomic_load((const atomic_bool *)cookie) ? FERR_AGAIN : 0;
}

static int
run_check(struct work_job *w)
{
	struct op_base *s = base_of(w);
	int rc = 0;

	fio_thread_nice();
	for (unsigned i = 0; i < s->todo.n && rc == 0; i++) {
		const struct snap_file *f = &s->todo.v[i];

		rc = log_read(s->task->store, f->name, f->start, f->end, f->crc, look_on, &s->stop);
	}
	return rc;
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

static void
checked(struct op *op, int rc, const char *text)
{
	if (rc != 0 && rc != FERR_AGAIN && rc != FERR_NOMEM)
		replace_logs(op, &op->base.todo, text, "the local copy");
}

void
op_base_jobs(struct op *op)
{
	struct op_base *s = &op->base;

	if (!s->busy || work_take(s->work) == NULL)
		return;
	s->busy = false;
	if (s->job.run == run_check)
		checked(op, s->job.rc, s->job.text);
	else
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
	uint64_t behind, share, limit = BEHIND_MIN;

	if (s->busy || s->off)
		return false;
	behind = base_behind(s->base, &s->complete);
	share = base_size(s->base) / BEHIND_SHARE;
	if (share > limit)
		limit = share;
	return behind > limit || (behind > 0 && op->now - s->merged >= PAUSE_NS);
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

/* Find the copy and load it: 0, or what is wrong; *ours: with the copy. */
static int
load_copy(struct op *op, const struct snap_files *f, bool *ours)
{
	struct op_base *s = &op->base;
	int rc;

	*ours = true;
	if ((rc = base_look(s->base)) != 0)
		return rc;
	if (base_reach(s->base, f) < 0) {
		*ours = false;
		return FERR_LOST;
	}
	return base_load(s->base, s->task->store, f, op->state, ours);
}

bool
op_base_restore(struct op *op, const struct snap_files *f)
{
	struct op_base *s = &op->base;
	bool ours;
	int rc;

	s->task = &op->ep.task;
	if ((rc = open_copy(s, false)) != 0) {
		if (rc != FERR_LOST)
			merged(op, f, rc, ferr_text());
		return false;
	}
	s->loaded = load_copy(op, f, &ours) == 0;
	if (!s->loaded && ours)
		op_say(op, "%s; the state is read from the store", ferr_text());
	return s->loaded;
}

int
op_base_begin(struct op *op)
{
	struct op_base *s = &op->base;
	int rc;

	if (op->state == NULL)
		return 0;
	s->task = &op->ep.task;
	s->merged = op->now;
	if (!s->loaded) {
		if (s->base == NULL && !s->off)
			(void)!open_copy(s, false);
		drop_copy(s);
		return 0;
	}
	if ((rc = base_held(s->base, &op->ep.files, &s->todo)) == 0)
		start(s, run_check);
	return rc;
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
	if (!s->off && s->complete.n > 0 && base_behind(s->base, &s->complete) <= BEHIND_MIN) {
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
