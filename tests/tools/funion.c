/*
 * funion: forward the rows of any number of inputs to any number of outputs, which shows what the
 *runtime does with them.
 *
 *	funion IN... [--out PATH]...
 *
 * IN and PATH are files or FIFOs, or `-`; without --out it is stdout.  The exit statuses are those
 *of every filter.
 */
#include <fcntl.h>
#include <unistd.h>

#include "fio/fio.h"
#include "op/op.h"

#define MAX 64

struct wiring {
	int in[MAX], out[MAX];
	unsigned nin, nout;
};

static int
add_out(void *conf, const char *path)
{
	struct wiring *w = conf;
	int fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO)
					: fio_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (w->nout == MAX)
		return ferr(FERR_USAGE, "at most %d outputs", MAX);
	if (fd == -1)
		return ferr_sys(FERR_USAGE, "cannot write %s", path);
	w->out[w->nout++] = fd;
	return 0;
}

static int
add_in(struct wiring *w, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : fio_open(path, O_RDONLY, 0);

	if (w->nin == MAX)
		return ferr(FERR_USAGE, "at most %d inputs", MAX);
	if (fd == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	w->in[w->nin++] = fd;
	return 0;
}

static int
forward(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	int rc = op_forward(op, *p, end);

	(void)self;
	*p = end;
	return rc;
}

static const struct opt options[] = {
	{ "out", 0, "PATH", "write there (may be repeated)", add_out, false },
	OPT_END,
};
static const char *const examples[] = { "funion a.frames b.frames --out c.frames",
					"two streams as one", NULL };
static const struct cmd cmd = {
	.name = "funion",
	.summary = "forward the rows of several inputs to several outputs",
	.usage = "IN... [--out PATH]...",
	.examples = examples,
};
static const struct op_class class = { .name = "funion", .on_rows = forward };

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct wiring w = { .nin = 0 };
	const struct opt_table tables[] = { { options, &w }, { op_options, &conf } };
	struct op_main m;
	int rc;

	conf.role = OP_JOIN;
	rc = op_main_begin(&m, &cmd, tables, 2, &conf, argc, argv);
	for (int i = 1; i < m.argc && rc == 0; i++)
		rc = add_in(&w, m.argv[i]);
	if (rc == 0)
		rc = op_shell_inputs(&conf, w.in, w.nin);
	if (rc == 0 && w.nin == 0)
		rc = ferr(FERR_USAGE, "what is to be read?");
	if (rc == 0 && w.nout == 0)
		rc = add_out(&w, "-");
	if (rc == 0) {
		conf.out = FMT_FRAMES;
		rc = op_main_run(&m, &class, NULL,
				 &(struct op_wires){ w.in, w.nin, NULL, w.out, w.nout, NULL });
	}
	return op_main_end(&m, rc);
}
