/* fmap: filter, compute and reshape records.  See fmap(1). */
#include "map/map.h"

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
	struct opt_table tables[] = { { map_options, NULL },
				      { op_out_options, &conf },
				      { op_options, &conf } };
	struct map *m = NULL;
	struct op_main main;
	int rc;

	if ((rc = map_new(&m)) != 0)
		return ferr_status(rc);
	conf.chain = &map_chain;
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
