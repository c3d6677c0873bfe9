/* fwindow: aggregate keyed records by window.  See fwindow(1). */
#include "op/op.h"
#include "map/map.h"
#include "win/win.h"

static const char *const examples[] = {
	"fsource clicks.ndjson --time at | fkey user | fwindow tumble 1m | fsink -",
	"clicks per user and minute",
	"... | fwindow slide 1h/5m --agg 'n=count(), p99=quantile(.ms, 0.99)'",
	"the last hour, every five minutes",
	"... | fwindow session 30m --agg 'pages=count(), first=first(.url)'",
	"visits that end after half an hour of silence",
	"... | fwindow tumble 1d --tz Europe/Berlin --lateness 1h --late late.ndjson",
	"calendar days, late records kept",
	"... | fkey bidder,auction | fwindow last | fsink bids/ --changes upsert",
	"the newest bid of each bidder in each auction",
	"... | fkey auction | fwindow top 10:.price --rank place | fsink -",
	"the ten highest bids of each auction, at any time",
	NULL,
};
static const char *const see[] = { "fkey(1)", "fsource(1)", "fsink(1)", "fjord(7)", NULL };
static const struct cmd cmd = {
	.name = "fwindow",
	.summary = "aggregate keyed records by window, or keep the first, last or best of them",
	.usage = "tumble DUR | slide SIZE/STEP | session GAP | cumulate SIZE/STEP | count N[/STEP] "
		 "| global | running | first | last | top N:EXPR [option ...]",
	.examples = examples,
	.see = see,
};

static const struct op_class fwindow = {
	.name = "fwindow",
	.start = win_start,
	.on_schema = win_on_schema,
	.on_rows = win_on_rows,
	.on_watermark = win_on_watermark,
	.on_tick = win_on_tick,
	.resume = win_resume,
	.on_end = win_on_end,
	.describe = win_describe,
	.signature = win_signature,
	.on_restored = win_on_restored,
	.on_barrier = win_on_barrier,
};

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct win_spec spec = WIN_SPEC_INIT;
	const struct opt_table tables[] = { { win_options, &spec },
					    { op_out_options, &conf },
					    { op_options, &conf } };
	struct win *w = NULL;
	struct op_main m;
	int rc;

	conf.chain = &map_chain;
	if ((rc = op_main_begin(&m, &cmd, tables, 3, &conf, argc, argv)) == 0 &&
	    (rc = win_parse_kind(&spec, m.argc - 1, m.argv + 1)) == 0 &&
	    (rc = win_new(&w, &spec)) == 0)
		rc = op_main_run(&m, &fwindow, w, &OP_STDIO);
	win_free(w);
	return op_main_end(&m, rc);
}
