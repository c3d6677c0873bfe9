/* adopt: see adopt.h. */
#include "sup/adopt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "manifest/ckpt_json.h"
#include "store/copy.h"
#include "store/store.h"
#include "sup/run_internal.h"

#define MANIFEST_MAX (256u << 20)

/* Does the newest checkpoint hold output that is not published? */
static int
unpublished(const char *dir, bool *yes)
{
	struct buf b = BUF_INIT;
	struct ckpt_file f;
	uint64_t *v = NULL;
	unsigned n = 0;
	char name[32];
	int rc;

	*yes = false;
	ckpt_file_init(&f);
	if ((rc = store_chain(dir, &v, &n)) == 0 && n > 0) {
		store_place_name(v[n - 1], name);
		if ((rc = store_read(dir, name, MANIFEST_MAX, &b)) == 0)
			rc = ckpt_file_parse(&f, b.p, b.n);
	}
	for (unsigned i = 0; i < f.nstages; i++) {
		for (unsigned k = 0; k < f.stage[i].parallel; k++)
			*yes = *yes || (f.stage[i].sub[k].pending.n > 0 &&
					f.stage[i].sub[k].published < f.epoch &&
					!chain_is_published(dir, &f));
	}
	free(v);
	ckpt_file_fini(&f);
	buf_fini(&b);
	return rc;
}

static int
remove_one(void *cookie, const char *name)
{
	return store_remove(cookie, name);
}

/* The chain goes first: without it the rest means nothing. */
static int
forget(const char *dir)
{
	static const char *const subs[] = { "chain", "state", "segments" };
	int rc = 0;

	for (unsigned i = 0; i < 3 && rc == 0; i++)
		rc = store_each(dir, subs[i], remove_one, (void *)(uintptr_t)dir);
	if (rc == 0 && (rc = store_remove(dir, "published")) == 0)
		rc = store_remove(dir, "rescaled");
	return rc;
}

int
adopt_check(const char *dir, bool fresh, const char *from, bool rewind)
{
	uint64_t *v = NULL;
	struct stat st;
	unsigned n = 0;
	bool ahead;
	int rc;

	if (fio_stat(dir, &st) == -1)
		return 0;
	if (fresh) {
		if (!rewind && (rc = unpublished(dir, &ahead)) != 0)
			return ferr_prefix(rc, "--accept-rewind forgets it all the same");
		if (!rewind && ahead)
			return ferr(
			    FERR_USAGE,
			    "the job has output that is complete and not yet published; run "
			    "it once more to publish it, or forget that too with "
			    "--accept-rewind");
		return forget(dir);
	}
	rc = store_chain(dir, &v, &n);
	free(v);
	if (rc != 0 || n == 0 || from == NULL)
		return rc;
	if (!rewind)
		return ferr(
		    FERR_USAGE,
		    "the job has gone on since: beginning from a savepoint would put out "
		    "again what came after it; --accept-rewind does that, --clone with another "
		    "--name makes a job of its own");
	return forget(dir);
}

/* What sinks remember is where their output stands; a clone has outputs of its own. */
static void
forget_outputs(struct ckpt_file *f)
{
	for (unsigned i = 0; i < f->nstages; i++) {
		for (unsigned k = 0; k < f->stage[i].parallel; k++) {
			if (strcmp(f->stage[i].tool, "fsink") != 0)
				continue;
			snap_clear_files(&f->stage[i].sub[k].state);
			snap_clear_files(&f->stage[i].sub[k].pending);
			snap_drop_numbers(&f->stage[i].sub[k], "lane.");
		}
	}
}

struct taking {
	const char *from, *to;
};

static int
take_one(void *cookie, const char *name)
{
	struct taking *t = cookie;

	return store_copy(t->from, name, t->to);
}

/* The manifest at the end of the chain. */
static int
newest(const char *dir, struct buf *out)
{
	uint64_t *v = NULL;
	unsigned n = 0;
	char name[32];
	int rc = store_chain(dir, &v, &n);

	if (rc == 0 && n == 0)
		rc = ferr(FERR_USAGE, "%s holds no checkpoint yet", dir);
	if (rc == 0) {
		store_place_name(v[n - 1], name);
		rc = store_read(dir, name, MANIFEST_MAX, out);
	}
	free(v);
	return rc;
}

/* The pipeline whose state that may be; FERR_LOST: it is none's. */
static int
read_known(const char *from, struct known *k)
{
	struct buf b = BUF_INIT;
	int rc = store_read(from, "job.json", MANIFEST_MAX, &b);

	if (rc == 0 && (rc = known_parse(k, b.p, b.n)) == 0 && !k->plain)
		rc = ferr(FERR_LOST, "%s is no plain pipeline's", from);
	buf_fini(&b);
	return rc;
}

/* Take the lock of a plain pipeline, which cannot go on meanwhile: *lock. */
static int
read_plain(const char *from, const char *name, struct known *k, int *lock)
{
	int rc = read_known(from, k);

	if (rc != 0)
		return rc;
	if ((*lock = store_lock(from)) < 0)
		return ferr(FERR_USAGE, "the pipeline still runs: %s; stop it first", ferr_text());
	known_fini(k);
	if ((rc = read_known(from, k)) == 0 && k->adopted != NULL && strcmp(k->adopted, name) != 0)
		rc = ferr(FERR_USAGE,
			  "job '%s' goes on with it already; --clone makes another of it",
			  k->adopted);
	return rc;
}

/* Where the job begins: *plain says whose state it is; its name is NULL for a savepoint. */
static int
read_from(const char *from, const char *name, bool clone, struct buf *out, struct known *plain,
	  int *lock)
{
	int rc = store_read(from, "savepoint.json", MANIFEST_MAX, out);

	*lock = -1;
	if (rc != FERR_LOST)
		return rc;
	if ((rc = read_plain(from, clone ? "" : name, plain, lock)) == FERR_LOST)
		return ferr(FERR_USAGE, "%s holds no savepoint, and no plain pipeline's state",
			    from);
	return rc == 0 ? newest(from, out) : rc;
}

/* The pipeline must not go on as well. */
static int
hand_over(const char *from, struct known *plain, const char *name)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	free(plain->adopted);
	if ((plain->adopted = strdup(name)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = known_print(plain, &b)) == 0)
		rc = store_replace(from, "job.json", b.p, b.n);
	buf_fini(&b);
	return rc;
}

int
adopt_savepoint(const char *dir, const char *from, bool clone, bool rewind, const char *name,
		const struct buf *text, struct known *k)
{
	struct taking t = { from, dir };
	struct known plain = { 0 };
	struct buf b = BUF_INIT;
	struct ckpt_file f;
	char place[32];
	int rc, lock;

	ckpt_file_init(&f);
	if ((rc = read_from(from, name, clone, &b, &plain, &lock)) == 0 &&
	    (rc = ckpt_file_parse(&f, b.p, b.n)) != 0)
		rc = ferr_prefix(rc, "the manifest in %s", from);
	if (rc == 0 && f.kind == CKPT_FILE_DRAIN && !rewind)
		rc = ferr(FERR_USAGE,
			  "%s was taken by a drain: its windows were closed early; --accept-rewind "
			  "begins from it all the same",
			  from);
	*k = (struct known){ .name = strdup(name), .text = strndup((char *)text->p, text->n) };
	if (rc == 0 && (k->name == NULL || k->text == NULL))
		rc = ferr(FERR_NOMEM, "out of memory");
	memcpy(k->id, f.job_id, sizeof(k->id));
	if (rc == 0 && clone && fio_random(k->id, sizeof(k->id)) != 0)
		rc = ferr_sys(FERR_IO, "no random numbers");
	b.n = 0;
	if (rc == 0 && (rc = known_print(k, &b)) == 0 &&
	    (rc = ckpt_file_each(&f, take_one, &t)) == 0)
		rc = store_replace(dir, "job.json", b.p, b.n);
	memcpy(f.job_id, k->id, sizeof(f.job_id));
	if (clone)
		forget_outputs(&f);
	/* Files are named by attempts: ours come behind those that made the savepoint's. */
	snprintf(place, sizeof(place), "attempts/%" PRIu64, f.attempt);
	if (rc == 0 && (rc = store_create(dir, place, "", 0)) == FERR_FENCED)
		rc = 0;
	f.place = 1;
	if (plain.name == NULL)
		f.kind = CKPT_FILE_SAVEPOINT;
	store_place_name(f.place, place);
	b.n = 0;
	/* From then on the pipeline does not go on; if we end here, --from can be said again. */
	if (rc == 0 && plain.name != NULL && !clone)
		rc = hand_over(from, &plain, name);
	if (rc == 0 && (rc = ckpt_file_print(&f, &b)) == 0)
		rc = store_create(dir, place, b.p, b.n);
	if (lock >= 0)
		fio_close(lock);
	known_fini(&plain);
	ckpt_file_fini(&f);
	buf_fini(&b);
	return rc;
}
