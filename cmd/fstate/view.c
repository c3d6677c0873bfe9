/* view: see view.h. */
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "coord/task.h"
#include "local.h"
#include "place.h"
#include "store/log.h"

#define TRIES 20

/* ---- a stage ---- */

static bool
is_wanted(void *cookie, const struct state_seen *s)
{
	const struct stage_view *v = cookie;

	return decode_is(v->decode, s, v->key);
}

static int
load_block(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return state_look_load(cookie, p, n);
}

static int
load_subtask(struct state_look *l, const char *dir, const struct ckpt_stage *st, uint32_t i)
{
	const struct snap_files *files = &st->sub[i].state;
	int rc = 0;

	state_look_begin(l, group_lo(i, st->parallel, st->groups),
			 group_hi(i, st->parallel, st->groups));
	for (unsigned k = 0; k < files->n && rc == 0; k++) {
		const struct snap_file *f = &files->v[k];

		rc = log_read(dir, f->name, f->start, f->end, f->crc, load_block, l);
	}
	return rc;
}

/* Read what the stage's stretches in dir hold; NULL: what there is will come. */
static int
load_stage(struct stage_view *v, const char *dir, const char *key, int64_t mem)
{
	struct state_look_conf conf = { .groups = v->st->groups, .mem = mem, .cookie = v };
	int rc;

	if ((rc = decode_new(&v->decode, v->st)) != 0)
		return rc;
	v->key = key;
	conf.want = key != NULL ? is_wanted : NULL;
	if ((rc = state_look_new(&v->look, &conf)) != 0)
		return rc;
	for (uint32_t i = 0; i < v->st->parallel && rc == 0 && dir != NULL; i++)
		rc = load_subtask(v->look, dir, v->st, i);
	return rc;
}

/* ---- all of them ---- */

const struct ckpt_stage *
view_stage(const struct ckpt_file *f, const char *name)
{
	const char *names[64], *near;
	unsigned n = f->nstages < 64 ? f->nstages : 64;

	for (unsigned i = 0; i < f->nstages; i++) {
		if (strcmp(f->stage[i].name, name) == 0)
			return &f->stage[i];
	}
	for (unsigned i = 0; i < n; i++)
		names[i] = f->stage[i].name;
	near = near_word(name, names, n);
	ferr(FERR_USAGE, "there is no stage '%s'%s%s%s; fstate show lists them", name,
	     near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	     near != NULL ? "'?" : "");
	return NULL;
}

static bool
has_state(const struct ckpt_stage *st)
{
	for (uint32_t i = 0; i < st->parallel; i++) {
		if (st->sub[i].state.n > 0)
			return true;
	}
	return false;
}

static int
load(struct view *v, const struct conf *c, const char *dir, unsigned share)
{
	const struct ckpt_file *f = &v->ckpt.f;
	const struct ckpt_stage *one = NULL;
	unsigned n = 0;
	int rc = 0;

	if (c->stage != NULL && (one = view_stage(f, c->stage)) == NULL)
		return FERR_USAGE;
	if ((v->stage = calloc(f->nstages + 1, sizeof(*v->stage))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < f->nstages; i++) {
		if ((one == NULL || one == &f->stage[i]) && has_state(&f->stage[i]))
			v->stage[n++].st = &f->stage[i];
	}
	for (; v->nstages < n && rc == 0; v->nstages++)
		rc = load_stage(&v->stage[v->nstages], dir, c->key, c->mem / share / (int64_t)n);
	return rc;
}

void
view_close(struct view *v)
{
	for (unsigned i = 0; i < v->nstages; i++) {
		state_look_free(v->stage[i].look);
		decode_free(v->stage[i].decode);
	}
	free(v->stage);
	checkpoint_close(&v->ckpt);
	*v = (struct view){ 0 };
}

/* ---- a local copy ---- */

struct copy {
	struct view *view;
	const struct conf *conf;
	const char *dir;
	unsigned share;
};

static int
begin_copy(void *cookie, const struct base_seen *s)
{
	struct copy *l = cookie;
	struct view *v = l->view;
	int rc;

	view_close(v);
	if ((rc = local_checkpoint(&v->ckpt, l->dir, s)) == 0 &&
	    (rc = load(v, l->conf, NULL, l->share)) == 0)
		state_look_begin(v->stage[0].look, 0, v->stage[0].st->groups - 1);
	return rc;
}

static int
load_copy(void *cookie, const uint8_t *p, size_t n)
{
	const struct copy *l = cookie;

	return state_look_load(l->view->stage[0].look, p, n);
}

static int
open_copy(struct view *v, const struct conf *c, const char *dir, const char *at, unsigned share)
{
	struct copy copy = { v, c, dir, share };
	struct base_seen s;
	int rc;

	if ((rc = local_look(&s, dir, at, begin_copy, load_copy, &copy)) == 0)
		v->ckpt.f.epoch = s.at.v[0].epoch;
	base_seen_fini(&s);
	return rc;
}

int
view_open(struct view *v, const struct conf *c, const char *dir, const char *at, unsigned share)
{
	int rc = FERR_LOST;

	*v = (struct view){ 0 };
	if (place_is_local(dir))
		return open_copy(v, c, dir, at, share);
	for (int i = 0; i < TRIES && rc == FERR_LOST; i++) {
		if (i > 0)
			say("checkpoint %" PRIu64
			    " has been dropped by the job while it was read; reading again",
			    v->ckpt.f.epoch);
		view_close(v);
		if ((rc = checkpoint_open(&v->ckpt, dir, at)) == 0)
			rc = load(v, c, v->ckpt.dir, share);
		/* Its manifest goes first: while that is there no file may be missing. */
		if (rc == FERR_LOST && checkpoint_there(&v->ckpt))
			rc = ferr_prefix(FERR_CORRUPT, "%s/%s is damaged", v->ckpt.dir,
					 v->ckpt.name);
	}
	return rc;
}

bool
view_in_window(const struct conf *c, const struct cell *cell)
{
	if (c->window == NULL)
		return true;
	return cell->start != ROW_NOTIME && cell->start < c->to && cell->end > c->from;
}
