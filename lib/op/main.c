/* main: the frame of every command's main(); see op.h. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "op/op_internal.h"

#define HELP_SERVED 1

int
op_main_begin(struct op_main *m, const struct cmd *cmd, const struct opt_table *tables,
	      size_t ntables, const struct op_conf *conf, int argc, char **argv)
{
	const char *fstate = fio_env("FSTATE");
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
	if ((rc = opt_parse(cmd, tables, ntables, &m->argc, m->argv)) != 0)
		return rc;
	if (!op_describing() && (conf->stateful || (fstate != NULL && fstate[0] != '\0')))
		return ferr(FERR_NOTYET, "exactly-once in a plain shell (FSTATE, --state) is not "
					 "yet there; unset it to run without state");
	return 0;
}

int
op_main_run(struct op_main *m, const struct op_class *cls, void *self, const struct op_wires *w)
{
	struct op *op = NULL;
	int rc;

	if (op_describing())
		return op_describe(cls, self, m->conf);
	if ((rc = op_open(&op, m->conf, cls, self, w, m->words, m->nwords)) != 0)
		return rc;
	if (m->conf->supervised)
		op_verbose(op, "-p and --at matter under fcoord only");
	rc = op_task_tell_failed(op, op_run(op, &m->signal));
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
