/* describe: what a stage says of itself, for the planner; see op.h and manifest/job.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fio/fio.h"
#include "op/op_internal.h"

bool
op_describing(void)
{
	return fio_env("FJORD_DESCRIBE") != NULL;
}

int
op_stdout(void)
{
	const char *fd = fio_env("FJORD_STDOUT");

	return op_describing() && fd != NULL ? atoi(fd) : STDOUT_FILENO;
}

static void
add_name(struct op_facts *f, struct names *to, const char *field)
{
	char **v = realloc(to->v, (to->n + 1) * sizeof(*v));

	if (v != NULL)
		to->v = v;
	if (v == NULL || (v[to->n] = strdup(field)) == NULL)
		f->selects = false;
	else
		to->n++;
}

void
op_reads(struct op_facts *f, const char *field)
{
	add_name(f, &f->reads, field);
}

void
op_makes(struct op_facts *f, const char *field)
{
	add_name(f, &f->makes, field);
}

/* A name that is no line of text cannot be told. */
static bool
plain(const struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strchr(names->v[i], '\n') != NULL)
			return false;
	}
	return true;
}

static int
text(struct buf *out, const char *key, const char *value)
{
	return value != NULL ? buf_printf(out, "%s %s\n", key, value) : 0;
}

static int
number(struct buf *out, const char *key, bool said, int64_t v)
{
	return said ? buf_printf(out, "%s %lld\n", key, (long long)v) : 0;
}

/* Which fields of its input it needs. */
static int
fields(const struct op_facts *f, struct buf *out)
{
	int rc;

	if (!f->selects || !plain(&f->reads) || !plain(&f->makes))
		return 0;
	rc = number(out, "selects", true, 1);
	if (rc == 0)
		rc = number(out, "passes", f->passes, 1);
	for (size_t i = 0; i < f->reads.n && rc == 0; i++)
		rc = text(out, "reads", f->reads.v[i]);
	for (size_t i = 0; i < f->makes.n && rc == 0; i++)
		rc = text(out, "makes", f->makes.v[i]);
	return rc;
}

/* What the class says, and what the options do. */
static int
facts(const struct op_class *cls, const struct op_facts *f, const struct op_conf *conf,
      struct buf *out)
{
	int rc = 0;

	rc |= number(out, "source", cls->source, 1);
	rc |= number(out, "sink", strcmp(cls->name, "fsink") == 0, 1);
	rc |= number(out, "stateful", f->stateful, 1);
	rc |= number(out, "lanes", f->lanes, 1);
	rc |= number(out, "print", f->print, 1);
	/* A name, a place and dead letters are a wish for a process of its own; in a plain shell
	 * every stage is one already. */
	rc |= number(out, "chains",
		     f->chains && conf->name == NULL && conf->at == NULL && !conf->mem_said &&
			 conf->on_bad == BAD_FAIL,
		     1);
	rc |= number(out, "hosts", conf->chain != NULL && conf->state == NULL, 1);
	rc |= text(out, "noreplay", f->noreplay);
	rc |= text(out, "atleast", f->atleast);
	rc |= number(out, "asked", f->asked, 1);
	rc |= text(out, "target", f->target);
	rc |= text(out, "name", conf->name);
	rc |= number(out, "parallel", conf->parallel_said && conf->state == NULL, conf->parallel);
	rc |= number(out, "most", f->most != 0, f->most);
	rc |= text(out, "most_why", f->most_why);
	rc |= text(out, "by", f->by);
	rc |= number(out, "unkeys", f->unkeys, 1);
	rc |= number(out, "groups", f->groups != 0, f->groups);
	rc |= number(out, "mem", conf->mem_said, conf->mem);
	rc |= text(out, "at", conf->state == NULL ? conf->at : NULL);
	for (unsigned i = 0; i < 2; i++)
		rc |= text(out, "side", f->side[i]);
	rc |= text(out, "side", conf->on_bad == BAD_PATH ? conf->bad_path : NULL);
	rc |= fields(f, out);
	return rc != 0 ? ferr(FERR_NOMEM, "out of memory") : 0;
}

int
op_describe(const struct op_class *cls, void *self, const struct op_conf *conf, struct buf *out)
{
	struct op_facts f = { 0 };
	int rc;

	if (cls->describe != NULL)
		cls->describe(self, &f);
	rc = facts(cls, &f, conf, out);
	names_fini(&f.reads);
	names_fini(&f.makes);
	return rc;
}
