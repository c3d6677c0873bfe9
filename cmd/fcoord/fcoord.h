/* fcoord -- what the files of this command share. */
#ifndef FCOORD_H
#define FCOORD_H

#include "base/buf.h"
#include "base/opt.h"
#include "manifest/job.h"
#include "show/where.h"
#include "sup/run.h"

/* A job's text, its parameters, its plan. */
#define PARAMS_MAX 64
struct text_conf {
	struct job_param param[PARAMS_MAX];
	unsigned nparams;
	int64_t parallel; /* -p; 0: not said */
};
extern const struct opt text_options[]; /* --param, -p; conf: struct text_conf */
void text_conf_fini(struct text_conf *c);
/* Read TEXT or FILE (it is a file when one of that name is there); *file tells.  Parse it, ask its
 * stages, plan it. */
int text_read(const char *arg, struct buf *text, bool *file);
int text_plan(struct job **out, const char *arg, const struct text_conf *c);

/* The verbs: argv[0] is the verb.  Exit status. */
int verb_run(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_lint(int argc, char **argv);
int verb_agent(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_checkpoint(int argc, char **argv);
int verb_savepoint(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_cancel(int argc, char **argv);
int verb_restart(int argc, char **argv);
int verb_rescale(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_txn(int argc, char **argv);

/* Print the message of rc as `fcoord VERB: …` and give its exit status (1 from opt_parse: 0). */
int verb_end(const char *verb, int rc);

#endif
