/* fmap: filter, compute and reshape records.  See fmap(1). */
#include "map.h"

static int
set_where(void *c, const char *a)
{
	return map_add(c, STEP_WHERE, a);
}
static int
set_set(void *c, const char *a)
{
	return map_add(c, STEP_SET, a);
}
static int
set_keep(void *c, const char *a)
{
	return map_add(c, STEP_KEEP, a);
}
static int
set_drop(void *c, const char *a)
{
	return map_add(c, STEP_DROP, a);
}
static int
set_rename(void *c, const char *a)
{
	return map_add(c, STEP_RENAME, a);
}
static int
set_explode(void *c, const char *a)
{
	return map_add(c, STEP_EXPLODE, a);
}
static int
set_time(void *c, const char *a)
{
	return map_add(c, STEP_TIME, a);
}

static const struct opt options[] = {
	{ "where", 0, "EXPR", "keep records for which EXPR is true", set_where, false },
	{ "set", 0, "LIST", "compute fields: 'fee = .amount * 0.01; big = .fee > 5'", set_set,
	  false },
	{ "keep", 0, "A,B", "keep these fields only", set_keep, false },
	{ "drop", 0, "A,B", "drop these fields", set_drop, false },
	{ "rename", 0, "OLD=NEW,...", "rename fields", set_rename, false },
	{ "explode", 0, "FIELD", "one record per element of an array", set_explode, false },
	{ "time", 0, "FIELD", "take the event time from FIELD", set_time, false },
	OPT_END,
};

static const char *const examples[] = {
	"fsource app.ndjson | fmap --where '.level == \"error\" && .ms > 100' | fsink -",
	"slow errors",
	"... | fmap --set 'fee = .amount * 0.01; big = .fee > 5'",
	"computed fields; each sees the ones before",
	"... | fmap --explode tags --rename tags=tag --keep user,tag",
	"steps work in the order given",
	NULL,
};
static const char *const see[] = { "fkey(1)", "fwindow(1)", "fjord(7)", NULL };
static const struct cmd cmd = {
	.name = "fmap",
	.summary = "filter, compute and reshape records",
	.usage = "[option ...]",
	.examples = examples,
	.see = see,
};

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct opt_table tables[] = { { options, NULL },
				      { op_out_options, &conf },
				      { op_options, &conf } };
	struct map *m = NULL;
	struct op_main main;
	int rc;

	if ((rc = map_new(&m)) != 0)
		return ferr_status(rc);
	tables[0].conf = m;
	rc = op_main_begin(&main, &cmd, tables, 3, &conf, argc, argv);
	if (rc == 0 && main.argc > 1)
		rc = ferr(FERR_USAGE, "'%s' is not an option; a condition goes with --where",
			  main.argv[1]);
	if (rc == 0)
		rc = op_main_run(&main, &map_class, m, &OP_STDIO);
	map_free(m);
	return op_main_end(&main, rc);
}
