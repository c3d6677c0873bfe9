/*
 * fslow: forward rows no faster than one every MS milliseconds, which keeps all edges before it
 *full.
 *
 *	fslow MS
 *
 * With a file named by $FSLOW_STOP it forwards nothing more while that file is there.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/unit.h"
#include "fio/fio.h"
#include "op/op.h"

struct slow {
	int64_t ms;
	const char *stop;
};

static int
forward(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	const struct slow *s = self;
	struct timespec pause = { s->ms / 1000, s->ms % 1000 * 1000000 };
	uint8_t *next = *p + row_len(*p);
	int rc;

	(void)end;
	nanosleep(&pause, NULL);
	if (s->stop != NULL && access(s->stop, F_OK) == 0)
		return 0;
	rc = op_forward(op, *p, next);
	*p = next;
	return rc;
}

static const struct opt options[] = { OPT_END };
static const char *const examples[] = { "fslow 1", "at most a thousand rows a second", NULL };
static const struct cmd cmd = {
	.name = "fslow",
	.summary = "forward rows slowly",
	.usage = "MS",
	.examples = examples,
};
static const struct op_class class = { .name = "fslow", .on_rows = forward };

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct slow s = { .stop = fio_env("FSLOW_STOP") };
	const struct opt_table tables[] = { { options, &s }, { op_options, &conf } };
	struct op_main m;
	int rc = op_main_begin(&m, &cmd, tables, 2, &conf, argc, argv);

	if (rc == 0 && m.argc != 2)
		rc = ferr(FERR_USAGE, "how many milliseconds for a row?");
	if (rc == 0)
		rc = unit_int(m.argv[1], "milliseconds", 0, 10000, &s.ms);
	if (rc == 0)
		rc = op_main_run(&m, &class, &s, &OP_STDIO);
	return op_main_end(&m, rc);
}
