/* conf: the options that every command has. */
#include "base/unit.h"
#include "op/op.h"

#include <stdlib.h>

static int
set_on_bad(void *conf, const char *arg)
{
	struct op_conf *c = conf;

	c->on_bad = strcmp(arg, "fail") == 0   ? BAD_FAIL
		    : strcmp(arg, "skip") == 0 ? BAD_SKIP
					       : BAD_PATH;
	c->bad_path = arg;
	return arg[0] == '\0' ? ferr(FERR_USAGE, "needs fail, skip or a path") : 0;
}

static int
set_mem(void *conf, const char *arg)
{
	struct op_conf *c = conf;
	uint64_t bytes;
	int rc = unit_size(arg, &bytes);

	if (rc == 0 && (bytes < 1 << 20 || bytes > INT64_MAX))
		return ferr(FERR_USAGE, "%s is too small; 1MiB is the least", arg);
	c->mem_said = true;
	if (rc == 0)
		c->mem = (int64_t)bytes;
	return rc;
}

static int
set_color(void *conf, const char *arg)
{
	struct op_conf *c = conf;

	c->color = strcmp(arg, "always") == 0 ? 1 : strcmp(arg, "never") == 0 ? 0 : -1;
	return 0;
}

static int
set_quiet(void *conf, const char *arg)
{
	(void)arg;
	((struct op_conf *)conf)->quiet = true;
	return 0;
}

static int
set_verbose(void *conf, const char *arg)
{
	(void)arg;
	((struct op_conf *)conf)->verbose = true;
	return 0;
}

static int
set_name(void *conf, const char *arg)
{
	((struct op_conf *)conf)->name = arg;
	return 0;
}

static int
set_state(void *conf, const char *arg)
{
	((struct op_conf *)conf)->state = arg;
	return arg[0] == '\0' ? ferr(FERR_USAGE, "needs a directory") : 0;
}

static int
set_local(void *conf, const char *arg)
{
	(void)conf;
	(void)arg;
	return 0;
}

static int
set_parallel(void *conf, const char *arg)
{
	struct op_conf *c = conf;

	c->supervised = c->parallel_said = true;
	return unit_int(arg, "the number of subtasks", 1, 32768, &c->parallel);
}

static int
set_at(void *conf, const char *arg)
{
	((struct op_conf *)conf)->supervised = true;
	((struct op_conf *)conf)->at = arg;
	return arg[0] == '\0' ? ferr(FERR_USAGE, "needs HOST[,HOST]") : 0;
}

static int
set_out(void *conf, const char *arg)
{
	((struct op_conf *)conf)->out = (enum fmt_kind)fmt_by_name(arg);
	return 0;
}

const struct opt op_options[] = {
	{ "on-bad", 0, "fail|skip|PATH", "what to do with records that cannot be read or computed",
	  set_on_bad, true },
	{ "name", 0, "UID", "name of this stage in messages and state", set_name, true },
	{ "mem", 0, "SIZE", "memory for keyed state (default 1GiB)", set_mem, true },
	{ "state", 0, "DIR", "store of an exactly-once pipeline (default $FSTATE)", set_state,
	  true },
	{ "local", 0, "DIR", "where local state lies", set_local, true },
	{ "parallel", 'p', "N", "subtasks; acted on by fcoord only", set_parallel, true },
	{ "at", 0, "HOST,...", "hosts; acted on by fcoord only", set_at, true },
	{ "color", 0, "auto|always|never", "colours on a terminal", set_color, true },
	{ "quiet", 'q', NULL, "no notes on stderr", set_quiet, true },
	{ "verbose", 'v', NULL, "more notes on stderr", set_verbose, true },
	OPT_END,
};

const struct opt op_out_options[] = {
	{ "out", 'o', "json|csv|tsv|frames",
	  "format of the output (default: frames, a table on a terminal)", set_out, true },
	OPT_END,
};
