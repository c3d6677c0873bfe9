/* describe: what a stage says of itself, for the planner; see op.h and manifest/job.h. */
#include <stdio.h>
#include <stdlib.h>
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
	return fflush(stdout) == 0 ? 0 : ferr_sys(FERR_IO, "stdout");
}
