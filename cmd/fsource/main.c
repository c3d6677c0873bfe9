/* fsource: read records from files, topics, pipes and generators.  See fsource(1). */
#include "conn/source.h"
#include "map/map.h"

static const char *const examples[] = {
	"fsource clicks.ndjson --time at --out-of-order 5s | fkey user | fwindow tumble 1m | fsink "
	"-",
	"clicks per user and minute",
	"fsource 'logs/*.gz' --format lines --limit 3",
	"the first lines of packed logs, as a table",
	"fsource flights.csv --fields 'carrier, dep_delay:i64, sched:time' --time sched",
	"three columns with their types",
	"fsource --follow /var/log/app/ --time ts | fmap --where '.level == \"error\"' | fsink -",
	"errors as they come",
	"fsource kafka://localhost/views --from latest | fkey page | fwindow tumble 10s | fsink -",
	"views per page, of a topic",
	"fsource 'gen:nexmark?seed=1&n=100000' | fcat",
	"auctions to play with",
	NULL,
};
static const char *const see[] = {
	"fkey(1)", "fmap(1)", "fwindow(1)", "fsink(1)", "fjord(7)", NULL
};
static const struct cmd cmd = {
	.name = "fsource",
	.summary = "read records from files, topics, pipes and generators",
	.usage = "URI... [option ...]",
	.examples = examples,
	.see = see,
};

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct source_spec spec = SOURCE_SPEC_INIT;
	const struct opt_table tables[] = { { source_options, &spec },
					    { op_out_options, &conf },
					    { op_options, &conf } };
	struct source *s = NULL;
	struct op_main m;
	int rc;

	conf.role = OP_SOURCE;
	conf.chain = &map_chain;
	rc = op_main_begin(&m, &cmd, tables, 3, &conf, argc, argv);
	spec.uris = m.argv + 1;
	spec.nuris = m.argc - 1;
	if (rc == 0 && spec.nuris == 0)
		rc = ferr(FERR_USAGE, "what is to be read? a file, - for stdin, DIR/, a pattern, "
				      "kafka://HOST/TOPIC or gen:NAME (fsource -h shows more)");
	if (rc == 0 && (rc = source_new(&s, &spec)) == 0)
		rc = op_main_run(&m, &source_class, s, &OP_STDOUT);
	source_free(s);
	kafka_props_fini(&spec.kafka);
	return op_main_end(&m, rc);
}
