/*
 * chain: the manifests of a job's store -- the newest is found, the next is created exclusively,
 * old ones and what only they need are dropped; see run_internal.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "frame/frame.h"
#include "state/base.h"
#include "store/copy.h"
#include "store/store.h"
#include "sup/run_internal.h"

#define MANIFEST_MAX (256u << 20)

/* ---- reading ---- */

static int
read_place(const struct run *r, uint64_t place, struct ckpt_file *f)
{
	struct buf b = BUF_INIT;
	char name[32];
	int rc;

	store_place_name(place, name);
	if ((rc = store_read(r->conf.dir, name, MANIFEST_MAX, &b)) == 0)
		rc = ckpt_file_parse(f, b.p, b.n);
	if (rc == 0 && f->place != place)
		rc = ferr(FERR_CORRUPT, "it says place %" PRIu64, f->place);
	buf_fini(&b);
	return rc != 0 ? ferr_prefix(rc, "%s/%s", r->conf.dir, name) : 0;
}

static int
keep_file(void *cookie, const char *name)
{
	struct kept *k = cookie;
	char **v;

	for (unsigned i = 0; i < k->n; i++) {
		if (strcmp(k->file[i], name) == 0)
			return 0;
	}
	if (k->n == k->cap) {
		k->cap = k->cap != 0 ? 2 * k->cap : 8;
		if ((v = realloc(k->file, k->cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		k->file = v;
	}
	if ((k->file[k->n] = strdup(name)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	k->n++;
	return 0;
}

static int
keep(struct run *r, const struct ckpt_file *f)
{
	struct kept *v = realloc(r->kept, (r->nkept + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	r->kept = v;
	v[r->nkept] = (struct kept){ .place = f->place, .epoch = f->epoch };
	return ckpt_file_each(f, keep_file, &v[r->nkept++]);
}

static void
forget(struct kept *k)
{
	for (unsigned i = 0; i < k->n; i++)
		free(k->file[i]);
	free(k->file);
}

void
chain_fini(struct run *r)
{
	for (unsigned i = 0; i < r->nkept; i++)
		forget(&r->kept[i]);
	forget(&r->parked);
	r->parked = (struct kept){ 0 };
	free(r->kept);
	r->kept = NULL;
	r->nkept = 0;
	ckpt_file_fini(&r->newest);
}

/* Nothing is pending in it: its epoch has been published. */
static void
settle(struct ckpt_file *f)
{
	for (unsigned i = 0; i < f->nstages; i++) {
		for (unsigned k = 0; k < f->stage[i].parallel; k++) {
			snap_clear_files(&f->stage[i].sub[k].pending);
			f->stage[i].sub[k].published = f->epoch;
		}
	}
}

/*
 * DIR/published: epoch and attempt of a run that ended well.  It is only a hint that spares
 * publishing it again (what is printed would be seen twice); the checkpoint is right without it.
 * Epochs begin anew after --fresh and --from, attempts never do.
 */
bool
chain_is_published(const char *dir, const struct ckpt_file *f)
{
	struct buf b = BUF_INIT;
	uint64_t epoch, attempt;
	bool yes = store_read(dir, "published", 64, &b) == 0 && buf_cstr(&b) != NULL &&
		   sscanf((const char *)b.p, "%" SCNu64 " %" SCNu64, &epoch, &attempt) == 2 &&
		   epoch == f->epoch && attempt == f->attempt;

	buf_fini(&b);
	return yes;
}

int
chain_published(struct run *r, uint64_t epoch)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", epoch, r->attempt);

	if (store_replace(r->conf.dir, "published", text, (size_t)n) != 0)
		run_say(r, "%s", ferr_text());
	return 0;
}

static bool
any_lanes(const struct run *r)
{
	for (unsigned i = 0; i < r->job->nstages; i++) {
		if (r->job->stage[i].facts.lanes)
			return true;
	}
	return false;
}

/* The newest manifest is damaged: an older one is used only when no output can be ahead of it, or
 * when that was accepted. */
static int
damaged(struct run *r, uint64_t place)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", ferr_text());
	if (any_lanes(r) && !r->conf.accept_rewind)
		return ferr(FERR_CORRUPT,
			    "%s; older checkpoints are there, but output may be ahead of them: "
			    "restore the file, or %s",
			    text,
			    r->conf.nguests > 0
				? "begin anew with another FSTATE directory and output"
				: "go back to an older one with --accept-rewind (what was "
				  "put out since then will come again)");
	run_say(r, "%s; it is left out, going back to an older checkpoint", text);
	r->place = place;
	return 0;
}

int
chain_load(struct run *r)
{
	struct ckpt_file f;
	uint64_t *v = NULL;
	unsigned n = 0;
	bool found = false;
	int rc;

	chain_fini(r);
	ckpt_file_init(&r->newest);
	r->place = 0;
	rc = store_chain(r->conf.dir, &v, &n);
	for (unsigned i = n; i-- > 0 && rc == 0;) {
		ckpt_file_init(&f);
		rc = read_place(r, v[i], &f);
		if (rc == 0 && memcmp(f.job_id, r->conf.id, sizeof(f.job_id)) != 0)
			rc = ferr(FERR_CORRUPT, "%s holds checkpoints of another job", r->conf.dir);
		if (rc == 0 && (rc = keep(r, &f)) == 0 && !found) {
			found = true; /* store_chain has synced it */
			if (r->place == 0)
				r->place = f.place;
			if (rc == 0 && chain_is_published(r->conf.dir, &f))
				settle(&f);
			r->newest = f;
			continue;
		}
		if (rc == FERR_CORRUPT && !found)
			rc = damaged(r, r->place != 0 ? r->place : v[i]);
		else if (rc == FERR_CORRUPT)
			rc = 0; /* an old one that nobody needs */
		ckpt_file_fini(&f);
	}
	if (rc == 0 && n > 0 && !found && !r->conf.accept_rewind && any_lanes(r))
		rc = ferr(FERR_CORRUPT, "no checkpoint of %s can be read", r->conf.dir);
	free(v);
	return rc;
}

/* ---- writing ---- */

static enum ckpt_file_kind
kind_of(uint32_t flags)
{
	return (flags & BARRIER_FINAL) != 0	  ? CKPT_FILE_FINAL
	       : (flags & BARRIER_DRAIN) != 0	  ? CKPT_FILE_DRAIN
	       : (flags & BARRIER_STOP) != 0	  ? CKPT_FILE_STOP
	       : (flags & BARRIER_SAVEPOINT) != 0 ? CKPT_FILE_SAVEPOINT
						  : CKPT_FILE_CHECKPOINT;
}

/* The snaps are borrowed from the subtasks. */
static int
compose(const struct run *r, struct ckpt_file *f)
{
	unsigned at = 0;

	if ((f->stage = calloc(r->job->nstages + 1, sizeof(*f->stage))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned k = 0; k < r->job->nstages; k++) {
		const struct job_stage *st = &r->job->stage[k];
		struct ckpt_stage *c = &f->stage[f->nstages];

		if (st->chained)
			continue;
		f->nstages++;
		*c = (struct ckpt_stage){ .name = st->name,
					  .tool = st->words[0],
					  .parallel = st->tasks,
					  .groups = st->groups };
		if ((c->sub = calloc(st->tasks, sizeof(*c->sub))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		for (unsigned i = 0; i < st->tasks; i++)
			c->sub[i] = r->sub[at++].snap;
		c->signature = c->sub[0].signature;
	}
	return 0;
}

static void
decompose(struct ckpt_file *f)
{
	for (unsigned i = 0; i < f->nstages; i++)
		free(f->stage[i].sub);
	free(f->stage);
}

/* Is the file needed by a checkpoint that is kept? */
static bool
needed(const struct run *r, const char *name)
{
	for (unsigned i = 0; i < r->nkept; i++) {
		for (unsigned k = 0; k < r->kept[i].n; k++) {
			if (strcmp(r->kept[i].file[k], name) == 0)
				return true;
		}
	}
	return false;
}

/* Names are STAGE-SUB.ATTEMPT.K.log: where ".K.log" begins, and K; false: another kind of name. */
static bool
split_name(const char *name, size_t *stem, uint64_t *attempt, uint64_t *k)
{
	const char *end = strrchr(name, '.'), *at = end, *dot[2];

	for (int i = 0; i < 2; i++) {
		while (at != NULL && at > name && at[-1] != '.')
			at--;
		if (at == NULL || at == name)
			return false;
		dot[i] = --at;
	}
	*stem = (size_t)(dot[0] - name);
	*k = strtoull(dot[0] + 1, NULL, 10);
	*attempt = strtoull(dot[1] + 1, NULL, 10);
	return true;
}

/*
 * May its writer still append to it?  A file of this attempt is over only when its writer has gone
 * on to the next one, and a checkpoint names that.
 */
static bool
open_still(const struct run *r, const char *name)
{
	size_t stem, other;
	uint64_t attempt, k, a, next;

	if (!split_name(name, &stem, &attempt, &k) || attempt != r->attempt ||
	    strncmp(name + stem, ".flight-", 8) == 0) /* a single part */
		return false;
	for (unsigned i = 0; i < r->nkept; i++) {
		for (unsigned f = 0; f < r->kept[i].n; f++) {
			const char *n = r->kept[i].file[f];

			if (split_name(n, &other, &a, &next) && other == stem && next > k &&
			    strncmp(n, name, stem) == 0)
				return false;
		}
	}
	return true;
}

/* Remove a file that a dropped checkpoint needed, or put it aside while it may be written to. */
static int
release(struct run *r, const char *name)
{
	if (needed(r, name))
		return 0;
	if (open_still(r, name))
		return keep_file(&r->parked, name);
	return store_remove(r->conf.dir, name);
}

/* Drop the oldest checkpoints beyond --keep, and the files that only they need. */
static int
retain(struct run *r)
{
	bool parked = r->parked.n > 0;
	struct kept old;
	char name[32];
	unsigned least;
	int rc = 0;

	while (r->nkept > r->conf.keep && rc == 0) {
		least = 0;
		for (unsigned i = 1; i < r->nkept; i++) {
			if (r->kept[i].place < r->kept[least].place)
				least = i;
		}
		old = r->kept[least];
		r->kept[least] = r->kept[--r->nkept];
		/* First the manifest: a manifest whose files are gone must never be found. */
		store_place_name(old.place, name);
		rc = store_remove(r->conf.dir, name);
		for (unsigned i = 0; i < old.n && rc == 0; i++)
			rc = release(r, old.file[i]);
		forget(&old);
	}
	if (parked) {
		old = r->parked;
		r->parked = (struct kept){ 0 };
		for (unsigned i = 0; i < old.n && rc == 0; i++)
			rc = release(r, old.file[i]);
		forget(&old);
	}
	return rc;
}

/* Files of older attempts that no checkpoint needs: STAGE-SUB.ATTEMPT.K.log. */
static int
clean_one(void *cookie, const char *name)
{
	struct run *r = cookie;
	uint64_t attempt, k;
	size_t stem;

	if (!split_name(name, &stem, &attempt, &k) || attempt >= r->attempt || needed(r, name))
		return 0;
	return store_remove(r->conf.dir, name);
}

/* local/STAGE-N: is there such a subtask? */
static bool
is_live(const struct run *r, const char *name)
{
	const char *stage = strchr(name, '/') + 1;
	char *end;

	for (unsigned i = 0; i < r->nsubs; i++) {
		const char *s = r->job->stage[r->sub[i].stage].name;
		size_t n = strlen(s);

		if (strncmp(stage, s, n) == 0 && stage[n] == '-' &&
		    strtoul(stage + n + 1, &end, 10) == r->sub[i].index && *end == '\0')
			return true;
	}
	return false;
}

/* The local copies of subtasks that are no more. */
static int
clean_local(void *cookie, const char *name)
{
	const struct run *r = cookie;
	struct buf path = BUF_INIT;
	int rc;

	if (is_live(r, name))
		return 0;
	if ((rc = buf_printf(&path, "%s/%s", r->conf.dir, name)) == 0)
		rc = buf_cstr(&path) == NULL ? FERR_NOMEM : base_remove((const char *)path.p);
	buf_fini(&path);
	return rc;
}

/*
 * Once per attempt, behind its first complete epoch: what older attempts sealed in vain.  Not
 * before: a slow coordinator could still complete an epoch that names it (publish.pml, CLEANALL).
 */
static int
clean(struct run *r)
{
	int rc;

	if (r->cleaned)
		return 0;
	r->cleaned = true;
	if ((rc = store_each(r->conf.dir, "state", clean_one, r)) == 0)
		rc = store_each(r->conf.dir, "segments", clean_one, r);
	if (rc == 0)
		rc = store_each(r->conf.dir, "local", clean_local, r);
	return rc == FERR_LOST ? 0 : rc;
}

static int
is_newer(void *cookie, const char *name)
{
	const char *base = strrchr(name, '/');

	return strtoull(base != NULL ? base + 1 : name, NULL, 10) > *(const uint64_t *)cookie;
}

/* Is there a place in the chain behind this one? */
static bool
gone_on(const struct run *r, uint64_t place)
{
	return store_each(r->conf.dir, "chain", is_newer, &place) == 1;
}

int
chain_store(struct run *r, uint64_t epoch, uint32_t flags)
{
	struct ckpt_file f;
	struct buf b = BUF_INIT;
	char name[32];
	int rc;

	ckpt_file_init(&f);
	f.job = (char *)(uintptr_t)r->conf.name;
	memcpy(f.job_id, r->conf.id, sizeof(f.job_id));
	f.place = r->place + 1;
	f.epoch = epoch;
	f.attempt = r->attempt;
	memcpy(f.barrier, r->barrier, sizeof(f.barrier));
	f.kind = kind_of(flags);
	f.time = fio_wall_ms();
	store_place_name(f.place, name);
	if ((rc = compose(r, &f)) == 0 && (rc = ckpt_file_print(&f, &b)) == 0)
		rc = store_create(r->conf.dir, name, b.p, b.n);
	/* Whoever has gone on from our place may have dropped it by now, so that it was free again;
	 * the newest one of the chain is never dropped. */
	if (rc == 0 && gone_on(r, f.place)) {
		(void)!store_remove(r->conf.dir, name);
		rc = FERR_FENCED;
	}
	if (rc == 0) {
		r->place = f.place;
		r->complete_at = r->now;
		rc = keep(r, &f);
	}
	decompose(&f);
	buf_fini(&b);
	if (rc == FERR_FENCED)
		return ferr(
		    FERR_FENCED,
		    "another coordinator has completed a checkpoint of this job (%s); this one "
		    "gives way",
		    name);
	return rc;
}

void
chain_tidy(struct run *r)
{
	if (retain(r) != 0 || clean(r) != 0)
		run_say(r, "old checkpoints cannot be removed: %s", ferr_text());
}

/* ---- savepoints ---- */

struct copying {
	const struct run *r;
	const char *to;
};

static int
copy_one(void *cookie, const char *name)
{
	const struct copying *c = cookie;

	return store_copy(c->r->conf.dir, name, c->to);
}

static bool
same_savepoint(const char *dir, const struct ckpt_file *f)
{
	struct buf b = BUF_INIT;
	struct ckpt_file there;
	bool same;

	ckpt_file_init(&there);
	same = store_read(dir, "savepoint.json", MANIFEST_MAX, &b) == 0 &&
	       ckpt_file_parse(&there, b.p, b.n) == 0 && there.epoch == f->epoch &&
	       memcmp(there.job_id, f->job_id, sizeof(f->job_id)) == 0 &&
	       memcmp(there.barrier, f->barrier, sizeof(f->barrier)) == 0;
	ckpt_file_fini(&there);
	buf_fini(&b);
	return same;
}

/* Copy the checkpoint of that epoch to a directory of its own: self-contained, relocatable. */
int
chain_savepoint(struct run *r, uint64_t epoch, const char *to, struct buf *path)
{
	struct copying c = { r, NULL };
	struct ckpt_file f;
	struct buf b = BUF_INIT;
	int rc = FERR_LOST;

	ckpt_file_init(&f);
	for (unsigned i = 0; i < r->nkept; i++) {
		if (r->kept[i].epoch == epoch)
			rc = read_place(r, r->kept[i].place, &f);
	}
	if (rc != 0)
		rc = ferr(rc, "the checkpoint of epoch %" PRIu64 " is not there any more", epoch);
	path->n = 0;
	if (rc == 0)
		rc = to != NULL ? buf_puts(path, to)
				: buf_printf(path, "%s/savepoints/%" PRIu64, r->conf.dir, epoch);
	if (rc == 0 && (c.to = buf_cstr(path)) == NULL)
		rc = FERR_NOMEM;
	if (rc == 0) {
		settle(&f);
		rc = store_make(c.to);
	}
	if (rc == 0 && (rc = ckpt_file_each(&f, copy_one, &c)) == 0 &&
	    (rc = ckpt_file_print(&f, &b)) == 0)
		rc = store_create(c.to, "savepoint.json", b.p, b.n);
	if (rc == FERR_FENCED && same_savepoint(c.to, &f))
		rc = 0; /* two have asked, and one epoch serves both */
	else if (rc == FERR_FENCED)
		rc = ferr(FERR_USAGE, "%s holds a savepoint already", c.to);
	ckpt_file_fini(&f);
	buf_fini(&b);
	return rc;
}
