/* checkpoint: see checkpoint.h. */
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "place.h"
#include "store/store.h"

/* ---- the chain ---- */

/* ---- one ---- */

void
checkpoint_close(struct checkpoint *c)
{
	ckpt_file_fini(&c->f);
	free(c->dir);
	*c = (struct checkpoint){ 0 };
}

/* Read DIR/NAME. */
static int
read_manifest(struct checkpoint *c, const char *dir, const char *name)
{
	struct buf b = BUF_INIT;
	int rc;

	*c = (struct checkpoint){ 0 };
	snprintf(c->name, sizeof(c->name), "%s", name);
	if ((c->dir = strdup(dir)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = store_read(dir, name, MANIFEST_MAX, &b)) == 0 &&
	    (rc = ckpt_file_parse(&c->f, b.p, b.n)) != 0)
		ferr_prefix(rc, "%s/%s", dir, name);
	/* It may go between two steps of reading it. */
	if (rc == FERR_IO && !checkpoint_there(c))
		rc = FERR_LOST;
	buf_fini(&b);
	return rc;
}

int
checkpoint_at(struct checkpoint *c, const char *dir, uint64_t place)
{
	char name[32];
	int rc;

	store_place_name(place, name);
	if ((rc = read_manifest(c, dir, name)) == 0 && c->f.place != place)
		rc = ferr(FERR_CORRUPT, "%s/%s is damaged: it says place %" PRIu64, dir, name,
			  c->f.place);
	return rc;
}

bool
checkpoint_there(const struct checkpoint *c)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool there = buf_printf(&path, "%s/%s", c->dir, c->name) == 0 && buf_cstr(&path) != NULL &&
		     (fio_stat((const char *)path.p, &st) == 0 || errno != ENOENT);

	buf_fini(&path);
	return there;
}

/* `17` or `place:17`. */
static int
read_at(const char *at, uint64_t *n, bool *place)
{
	const char *digits = strncmp(at, "place:", 6) == 0 ? at + 6 : at;

	*place = digits != at;
	if (digits[0] == '\0' || strlen(digits) > 18 ||
	    strspn(digits, "0123456789") != strlen(digits))
		return ferr(FERR_USAGE, "--at: '%s' is not an epoch, nor a place as in place:9",
			    at);
	*n = strtoull(digits, NULL, 10);
	return 0;
}

struct places {
	uint64_t *v;
	unsigned n;
};

/* The newest checkpoint that is one of the chain, or that of an epoch: 0; 1: there is none. */
static int
look_through(struct checkpoint *c, const char *dir, const struct places *p, const uint64_t *epoch)
{
	int rc;

	for (unsigned i = p->n; i-- > 0;) {
		rc = checkpoint_at(c, dir, p->v[i]);
		if (rc == 0 && (epoch == NULL || c->f.epoch == *epoch))
			return 0;
		/* Old ones may go while we look; of those that are damaged one could be meant. */
		if (rc != 0 && rc != FERR_LOST && (epoch == NULL || rc != FERR_CORRUPT))
			return rc;
		if (rc == FERR_LOST && epoch == NULL)
			return rc;
		checkpoint_close(c);
	}
	return 1;
}

static int
no_such(const char *dir, const char *at, const struct places *p)
{
	if (p->n == 0)
		return ferr(FERR_USAGE, "%s holds no checkpoint yet", dir);
	return ferr(FERR_USAGE, "%s holds no checkpoint %s (any more); fstate ls %s lists them",
		    dir, at, dir);
}

static int
open_chain(struct checkpoint *c, const char *dir, const char *at)
{
	struct places p = { NULL, 0 };
	bool place = false, any = false;
	uint64_t n = 0;
	int rc;

	if ((at != NULL && (rc = read_at(at, &n, &place)) != 0) ||
	    (rc = store_chain_look(dir, &p.v, &p.n)) != 0)
		return rc;
	rc = place ? 1 : look_through(c, dir, &p, at != NULL ? &n : NULL);
	for (size_t i = 0; i < p.n; i++)
		any = any || p.v[i] == n;
	if (rc == 1 && at != NULL && any)
		rc = checkpoint_at(c, dir, n);
	if (rc == 1)
		rc = no_such(dir, at, &p);
	free(p.v);
	return rc;
}

/* A savepoint is one checkpoint: at can only say which that must be. */
static int
open_savepoint(struct checkpoint *c, const char *dir, const char *at)
{
	bool place = false;
	uint64_t n = 0;
	int rc;

	if ((at != NULL && (rc = read_at(at, &n, &place)) != 0) ||
	    (rc = read_manifest(c, dir, "savepoint.json")) != 0 || at == NULL)
		return rc;
	if ((!place && n == c->f.epoch) || n == c->f.place)
		return 0;
	return ferr(FERR_USAGE, "%s is a savepoint of epoch %" PRIu64 ", not %s", dir, c->f.epoch,
		    at);
}

#define TRIES 20

int
checkpoint_open(struct checkpoint *c, const char *dir, const char *at)
{
	int rc = FERR_LOST;

	*c = (struct checkpoint){ 0 };
	if (place_is_savepoint(dir))
		return open_savepoint(c, dir, at);
	/* The newest one is never dropped, but may not be the newest any more when it is read. */
	for (int i = 0; i < TRIES && rc == FERR_LOST; i++) {
		checkpoint_close(c);
		rc = open_chain(c, dir, at);
	}
	return rc;
}

/* ---- what it says ---- */

const char *
checkpoint_kind(const struct ckpt_file *f)
{
	static const char *const names[] = { "checkpoint", "savepoint", "stop", "drain", "final" };

	return names[f->kind];
}

int
checkpoint_put_id(struct buf *b, const uint8_t id[16])
{
	int rc = 0;

	for (size_t i = 0; i < 16 && rc == 0; i++)
		rc = buf_printf(b, "%02x", id[i]);
	return rc;
}
