/* main: the frame of every command's main(); see op.h. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "op/op_internal.h"

#define HELP_SERVED 1

int
op_main_begin(struct op_main *m, const struct cmd *cmd, const struct opt_table *tables,
	      size_t ntables, struct op_conf *conf, int argc, char **argv)
{
	unsigned closed;
	int rc;

	*m = (struct op_main){
		.cmd = cmd, .conf = conf, .argv = argv, .argc = argc, .nwords = argc
	};
	if ((m->words = calloc((size_t)argc + 1, sizeof(*m->words))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((closed = fio_std_closed()) & 3)
		return ferr(FERR_USAGE, "%s is closed", (closed & 1) ? "stdin" : "stdout");
	memcpy(m->words, argv, (size_t)argc * sizeof(*argv));
	if (argc == 1 && fio_isatty(STDIN_FILENO)) {
		opt_short_help(cmd, tables, ntables, stderr);
		return ferr(FERR_USAGE, "%s", "");
	}
	rc = opt_parse(cmd, tables, ntables, &m->argc, m->argv);
	if (rc == 0 && (rc = op_shell_find(conf)) == 0 && conf->role == OP_FILTER)
		rc = op_shell_inputs(conf, &(int){ STDIN_FILENO }, 1);
	return rc;
}

int
op_main_run(struct op_main *m, const struct op_class *cls, void *self, const struct op_wires *w)
{
	struct op *op = NULL;
	int rc;

	if (op_describing()) {
		struct buf b = BUF_INIT;

		if ((rc = op_describe(cls, self, m->conf, &b)) == 0 &&
		    fio_write_all(STDOUT_FILENO, b.p, b.n) == -1)
			rc = ferr_sys(FERR_IO, "stdout");
		buf_fini(&b);
		return rc;
	}
	if ((rc = op_open(&op, m->conf, cls, self, w, m->words, m->nwords)) != 0)
		return rc;
	if (m->conf->supervised)
		op_verbose(op, "-p and --at matter under fcoord only");
	rc = op_task_tell_failed(op, op_run(op, &m->signal));
	if (rc != 0 && op->ep.shell) {
		/* Whoever runs the line again waits for us: a large state is not taken down piece
		 * by piece, and a merge is broken off as a kill would do it. */
		op_task_end(op);
		_exit(op_main_end(m, rc));
	}
	op_close(op);
	return rc;
}

int
op_main_end(struct op_main *m, int rc)
{
	free(m->words);
	if (rc == HELP_SERVED)
		return 0;
	if (rc < 0 && rc != FERR_CLOSED && ferr_text()[0] != '\0')
		fprintf(stderr, "%s: %s\n", m->cmd->name, ferr_text());
	if (rc == 0 && m->signal != 0)
		return 128 + m->signal;
	return ferr_status(rc);
}
