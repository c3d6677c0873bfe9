/* describe: what a stage says of itself, for the planner; see op.h and manifest/job.h. */
#include <stdio.h>
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
text(const char *key, const char *value)
{
	if (value != NULL)
		printf("%s %s\n", key, value);
}

void
op_reads(struct op_facts *f, const char *field)
{
	char **v = realloc(f->reads.v, (f->reads.n + 1) * sizeof(*v));

	if (v != NULL)
		f->reads.v = v;
	if (v == NULL || (v[f->reads.n] = strdup(field)) == NULL)
		f->selects = false;
	else
		f->reads.n++;
}

/* Which fields of its input it needs; a name that is no line of text cannot be told. */
static void
fields(struct op_facts *f)
{
	for (unsigned i = 0; i < f->reads.n; i++)
		f->selects = f->selects && strchr(f->reads.v[i], '\n') == NULL;
	if (!f->selects)
		return;
	printf("selects 1\n");
	if (f->passes)
		printf("passes 1\n");
	for (unsigned i = 0; i < f->reads.n; i++)
		text("reads", f->reads.v[i]);
}

int
op_describe(const struct op_class *cls, void *self, const struct op_conf *conf)
{
	struct op_facts f = { 0 };

	if (cls->describe != NULL)
		cls->describe(self, &f);
	if (cls->source)
		printf("source 1\n");
	if (strcmp(cls->name, "fsink") == 0)
		printf("sink 1\n");
	if (f.stateful)
		printf("stateful 1\n");
	if (f.lanes)
		printf("lanes 1\n");
	if (f.print)
		printf("print 1\n");
	text("noreplay", f.noreplay);
	text("atleast", f.atleast);
	text("target", f.target);
	text("name", conf->name);
	if (conf->parallel_said)
		printf("parallel %lld\n", (long long)conf->parallel);
	if (f.most != 0)
		printf("most %lld\n", (long long)f.most);
	text("most_why", f.most_why);
	text("by", f.by);
	if (f.groups != 0)
		printf("groups %u\n", f.groups);
	if (conf->mem_said)
		printf("mem %lld\n", (long long)conf->mem);
	text("at", conf->at);
	for (unsigned i = 0; i < 2; i++)
		text("side", f.side[i]);
	if (conf->on_bad == BAD_PATH)
		text("side", conf->bad_path);
	fields(&f);
	names_fini(&f.reads);
	return fflush(stdout) == 0 ? 0 : ferr_sys(FERR_IO, "stdout");
}
