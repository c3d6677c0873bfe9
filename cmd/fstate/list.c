/* list: `fstate ls`: the checkpoints of a store, and the savepoints in it. */
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint.h"
#include "fio/fio.h"
#include "local.h"
#include "show/listing.h"
#include "place.h"
#include "store/store.h"

static const struct column columns[] = {
	{ "place", FOR_ALL },	{ "epoch", FOR_ALL },  { "kind", FOR_ALL },
	{ "time", FOR_ALL },	{ "age", FOR_PEOPLE }, { "age_ms", FOR_DATA },
	{ "size", FOR_PEOPLE }, { "bytes", FOR_DATA }, { "stages", FOR_ALL },
	{ "attempt", FOR_ALL }, { "path", FOR_ALL },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static int
ls_row(struct listing *o, const struct checkpoint *c, const char *path)
{
	char age[LISTING_TEXT], size[LISTING_TEXT];
	int64_t ms = fio_wall_ms() - c->f.time;
	uint64_t bytes = ckpt_file_size(&c->f);
	const struct val row[COLUMNS] = {
		listing_count(c->f.place),
		listing_count(c->f.epoch),
		listing_maybe(checkpoint_kind(&c->f)),
		val_time(c->f.time),
		listing_age(ms > 0 ? ms : 0, age),
		val_i64(ms > 0 ? ms : 0),
		listing_size(bytes, size),
		listing_count(bytes),
		val_i64(c->f.nstages),
		listing_count(c->f.attempt),
		listing_maybe(path),
	};

	return listing_row(o, row);
}

/* A manifest that was read with rc. */
static int
ls_one(struct listing *o, struct checkpoint *c, const char *path, int rc)
{
	struct val row[COLUMNS];

	if (rc == 0) {
		rc = ls_row(o, c, path);
	} else if (rc == FERR_LOST) {
		rc = 0; /* dropped meanwhile */
	} else if (rc == FERR_CORRUPT) {
		say("%s", ferr_text());
		for (unsigned i = 0; i < COLUMNS; i++)
			row[i] = (struct val){ .t = VAL_ABSENT };
		row[2] = listing_maybe("damaged");
		row[COLUMNS - 1] = listing_maybe(path);
		if ((rc = listing_row(o, row)) == 0)
			rc = 1;
	}
	checkpoint_close(c);
	return rc;
}

struct savepoints {
	struct listing *out;
	const char *dir;
	bool damaged;
};

static int
ls_savepoint(void *cookie, const char *name)
{
	struct savepoints *s = cookie;
	struct checkpoint c = { 0 };
	struct buf path = BUF_INIT;
	int rc = buf_printf(&path, "%s/%s", s->dir, name);

	if (rc == 0 && buf_cstr(&path) == NULL)
		rc = FERR_NOMEM;
	if (rc == 0 && place_is_savepoint((const char *)path.p)) {
		rc = checkpoint_open(&c, (const char *)path.p, NULL);
		rc = ls_one(s->out, &c, (const char *)path.p, rc);
	}
	buf_fini(&path);
	s->damaged = s->damaged || rc == 1;
	return rc < 0 ? rc : 0;
}

static int
ls_chain(struct listing *o, const char *dir, bool *damaged)
{
	struct checkpoint c;
	struct buf path = BUF_INIT;
	uint64_t *v = NULL;
	unsigned n = 0;
	int rc = store_chain_look(dir, &v, &n);

	for (size_t i = 0; i < n && rc >= 0; i++) {
		char name[32];

		store_place_name(v[i], name);
		path.n = 0;
		if ((rc = buf_printf(&path, "%s/%s", dir, name)) != 0 || buf_cstr(&path) == NULL)
			break;
		rc = checkpoint_at(&c, dir, v[i]);
		rc = ls_one(o, &c, (const char *)path.p, rc);
		*damaged = *damaged || rc == 1;
	}
	free(v);
	buf_fini(&path);
	return rc < 0 ? rc : 0;
}

int
verb_ls(const struct conf *c, const char *dir, char **word)
{
	struct savepoints s = { .dir = dir };
	struct checkpoint one = { 0 };
	int rc;

	(void)word;
	if (place_is_local(dir))
		return local_ls(c, dir);
	if ((rc = listing_new(&s.out, c->format, STDOUT_FILENO, columns, COLUMNS)) != 0)
		return rc;
	if (place_is_savepoint(dir)) {
		rc = checkpoint_open(&one, dir, NULL);
		rc = ls_one(s.out, &one, dir, rc);
		s.damaged = rc == 1;
	} else if ((rc = ls_chain(s.out, dir, &s.damaged)) == 0) {
		rc = store_each(dir, "savepoints", ls_savepoint, &s);
		rc = rc == FERR_USAGE ? 0 : rc; /* it has none */
	}
	if (rc >= 0)
		rc = listing_end(s.out);
	listing_free(s.out);
	if (rc == 0 && s.damaged) {
		ferr_clear();
		rc = FERR_CORRUPT; /* said above */
	}
	return rc;
}
