/* fkey: set the key of records, and route by it.  See fkey(1). */
#include "base/unit.h"
#include "key.h"

static int
set_mode(void *conf, enum keying_mode mode, const char *text)
{
	struct keying_spec *s = conf;

	s->mode = mode;
	s->text = text;
	s->modes++;
	return 0;
}

static int
set_expr(void *c, const char *a)
{
	return set_mode(c, KEY_EXPR, a);
}
static int
set_rebalance(void *c, const char *a)
{
	return set_mode(c, KEY_REBALANCE, a);
}
static int
set_broadcast(void *c, const char *a)
{
	return set_mode(c, KEY_BROADCAST, a);
}
static int
set_global(void *c, const char *a)
{
	return set_mode(c, KEY_GLOBAL, a);
}

static int
set_groups(void *conf, const char *arg)
{
	return unit_int(arg, "the number of key groups", 1, 32768,
			&((struct keying_spec *)conf)->groups);
}

static const struct opt options[] = {
	{ "expr", 0, "EXPR", "the key is what EXPR gives", set_expr, false },
	{ "global", 0, NULL, "no key: all records belong together", set_global, false },
	{ "rebalance", 0, NULL, "no key: spread records evenly over parallel consumers",
	  set_rebalance, false },
	{ "broadcast", 0, NULL, "no key: every parallel consumer gets all records", set_broadcast,
	  false },
	{ "groups", 0, "N", "key groups, fixed for the life of the state (default 128)", set_groups,
	  false },
	OPT_END,
};

static const char *const examples[] = {
	"fsource clicks.ndjson | fkey user | fwindow running",
	"clicks per user so far",
	"... | fkey country,device",
	"a key of two fields",
	"... | fkey .user.id",
	"a field inside of an object; the key is called id",
	"... | fkey --expr 'substr(.card, 0, 4)'",
	"a computed key, called key",
	NULL,
};
static const char *const see[] = { "fwindow(1)", "fmap(1)", "fjord(7)", NULL };
static const struct cmd cmd = {
	.name = "fkey",
	.summary = "set the key of records, and route by it",
	.usage = "FIELD[,FIELD...] [option ...]\n--expr EXPR [option ...]\n--rebalance | "
		 "--broadcast | --global",
	.examples = examples,
	.see = see,
};

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct keying_spec spec = { .groups = 0 };
	const struct opt_table tables[] = { { options, &spec },
					    { op_out_options, &conf },
					    { op_options, &conf } };
	struct keying *k = NULL;
	struct op_main m;
	int rc;

	rc = op_main_begin(&m, &cmd, tables, 3, &conf, argc, argv);
	if (rc == 0 && m.argc > 2)
		rc = ferr(FERR_USAGE,
			  "'%s' is one word too many; fields of a key are joined by commas",
			  m.argv[2]);
	if (rc == 0 && spec.groups != 0 && conf.parallel > spec.groups)
		rc = ferr(FERR_USAGE,
			  "-p %lld is more than --groups %lld: a subtask would have no key group",
			  (long long)conf.parallel, (long long)spec.groups);
	if (rc == 0 && m.argc == 2)
		rc = set_mode(&spec, KEY_FIELDS, m.argv[1]);
	if (rc == 0 && (rc = keying_new(&k, &spec)) == 0)
		rc = op_main_run(&m, &keying_class, k, &OP_STDIO);
	keying_free(k);
	return op_main_end(&m, rc);
}
