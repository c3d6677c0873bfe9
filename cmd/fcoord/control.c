/* control: the verbs that tell a running job what to do, and `fcoord wait`. */
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "base/unit.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "look.h"
#include "store/store.h"

#define END_MS 10000 /* between a job's last answer and the end of its process */

struct control {
	struct where where;
	const char *out; /* savepoint: where to */
	bool drain;
	enum { FOR_NOTHING, FOR_RUNNING, FOR_CHECKPOINT, FOR_DONE } until;
	int64_t timeout; /* ms; -1: for ever */
};

static const char *const see[] = { "fcoord(1)", "fcheckpoint(5)", "fsemantics(7)", NULL };

/* ---- options ---- */

static int
set_out(void *c, const char *a)
{
	((struct control *)c)->out = a;
	return a[0] != '\0' && strchr(a, '\n') == NULL ? 0 : ferr(FERR_USAGE, "needs a directory");
}

static int
set_drain(void *c, const char *a)
{
	(void)a;
	((struct control *)c)->drain = true;
	return 0;
}

static int
set_for(void *c, const char *a)
{
	((struct control *)c)->until = a[0] == 'r'   ? FOR_RUNNING
				       : a[0] == 'c' ? FOR_CHECKPOINT
						     : FOR_DONE;
	return 0;
}

static int
set_timeout(void *c, const char *a)
{
	int64_t *ms = &((struct control *)c)->timeout;
	int rc = unit_duration(a, strlen(a), ms);

	return rc == 0 && *ms < 0 ? ferr(FERR_USAGE, "cannot be negative") : rc;
}

static const struct opt no_options[] = { OPT_END };
static const struct opt savepoint_options[] = {
	{ "out", 0, "DIR", "where to (default: savepoints/EPOCH in the job's store)", set_out,
	  false },
	OPT_END,
};
static const struct opt stop_options[] = {
	{ "drain", 0, NULL, "treat the input as ended: every window fires; for the job's last stop",
	  set_drain, false },
	OPT_END,
};
static const struct opt wait_options[] = {
	{ "for", 0, "running|checkpoint|done", "what is waited for", set_for, false },
	{ "timeout", 0, "DUR", "give up after that (default: never)", set_timeout, false },
	OPT_END,
};

/* ---- telling ---- */

/* Options and operands; the store of the job.  As opt_parse returns. */
static int
take(const struct cmd *cmd, const struct opt *options, struct control *c, int *argc, char **argv,
     struct buf *dir)
{
	const struct opt_table tables[] = { { options, c }, { where_options, &c->where } };
	int rc = opt_parse(cmd, tables, 2, argc, argv);

	if (rc != 0)
		return rc;
	if (*argc < 2)
		return ferr(FERR_USAGE, "needs the name of a job; fcoord ls lists them");
	return where_known(&c->where, argv[1], dir);
}

static int
one_job(int argc)
{
	return argc == 2 ? 0 : ferr(FERR_USAGE, "takes the name of one job alone");
}

/* Ask, and print the answer if there is one. */
static int
tell(const struct buf *dir, const char *job, const char *request)
{
	struct buf ok = BUF_INIT;
	int rc = look_ask((const char *)dir->p, job, request, NULL, &ok);

	if (rc == 0 && ok.n > 0 && (rc = buf_putc(&ok, '\n')) == 0 &&
	    fio_write_all(STDOUT_FILENO, ok.p, ok.n) == -1)
		rc = ferr_sys(FERR_IO, "stdout");
	buf_fini(&ok);
	return rc;
}

/* The job has ended; when its process has, too, it can be started again. */
static int
await_exit(const struct buf *dir, const char *job)
{
	int64_t until = fio_mono_ns() / 1000000 + END_MS;
	long pid;

	while (store_locked((const char *)dir->p, &pid)) {
		if (fio_mono_ns() / 1000000 >= until)
			return ferr(FERR_IO, "%s has ended, but process %ld still holds its lock",
				    job, pid);
		fio_poll(NULL, 0, 5);
	}
	return 0;
}

/* A verb that is one request without options of its own. */
static int
simple(const struct cmd *cmd, const char *verb, int argc, char **argv, bool ends)
{
	struct control c = { .timeout = -1 };
	struct buf dir = BUF_INIT;
	int rc = take(cmd, no_options, &c, &argc, argv, &dir);

	if (rc == 0 && (rc = one_job(argc)) == 0 && (rc = tell(&dir, argv[1], verb)) == 0 && ends)
		rc = await_exit(&dir, argv[1]);
	buf_fini(&dir);
	return verb_end(verb, rc);
}

/* ---- checkpoint, cancel, restart ---- */

static const char *const checkpoint_examples[] = { "fcoord checkpoint clicks",
						   "prints its epoch when it is complete", NULL };
static const struct cmd checkpoint = { .name = "fcoord checkpoint",
				       .summary = "take a checkpoint now",
				       .usage = "JOB [option ...]",
				       .examples = checkpoint_examples,
				       .see = see };
static const char *const cancel_examples[] = {
	"fcoord cancel clicks",
	"at once; what came behind the newest checkpoint is computed again by fcoord run",
	NULL,
};
static const struct cmd cancel = { .name = "fcoord cancel",
				   .summary = "end a job now, without a last barrier",
				   .usage = "JOB [option ...]",
				   .examples = cancel_examples,
				   .see = see };
static const char *const restart_examples[] = { "fcoord restart clicks",
						"stops at a barrier, goes on from there", NULL };
static const struct cmd restart = { .name = "fcoord restart",
				    .summary = "stop a job at a barrier and begin again",
				    .usage = "JOB [option ...]",
				    .examples = restart_examples,
				    .see = see };

int
verb_checkpoint(int argc, char **argv)
{
	return simple(&checkpoint, "checkpoint", argc, argv, false);
}

int
verb_cancel(int argc, char **argv)
{
	return simple(&cancel, "cancel", argc, argv, true);
}

int
verb_restart(int argc, char **argv)
{
	return simple(&restart, "restart", argc, argv, false);
}

/* ---- savepoint, stop, rescale ---- */

static const char *const savepoint_examples[] = {
	"fcoord savepoint clicks",
	"prints its path, which fcoord run --from takes",
	"fcoord savepoint clicks --out /backup/clicks-monday",
	"a directory that can be moved and copied",
	NULL,
};
static const struct cmd savepoint = { .name = "fcoord savepoint",
				      .summary = "take a checkpoint that can be copied away",
				      .usage = "JOB [option ...]",
				      .examples = savepoint_examples,
				      .see = see };
static const char *const stop_examples[] = {
	"fcoord stop clicks",
	"at a last barrier; fcoord run goes on from there",
	"fcoord stop clicks --drain",
	"for good: open windows fire with what they have",
	NULL,
};
static const struct cmd stop = { .name = "fcoord stop",
				 .summary = "stop a job at a last barrier",
				 .usage = "JOB [option ...]",
				 .examples = stop_examples,
				 .see = see };
static const char *const rescale_examples[] = {
	"fcoord rescale clicks fwindow=4 fsink=2",
	"stops at a barrier, goes on with other parallelism", NULL
};
static const struct cmd rescale = { .name = "fcoord rescale",
				    .summary = "give a job's stages other parallelism",
				    .usage = "JOB STAGE=N ... [option ...]",
				    .examples = rescale_examples,
				    .see = see };

int
verb_savepoint(int argc, char **argv)
{
	struct control c = { .timeout = -1 };
	struct buf dir = BUF_INIT, to = BUF_INIT, request = BUF_INIT;
	int rc = take(&savepoint, savepoint_options, &c, &argc, argv, &dir);

	if (rc == 0 && (rc = one_job(argc)) == 0)
		rc = buf_puts(&request, "savepoint");
	/* The job may have another working directory: what makes --state absolute does it here. */
	if (rc == 0 && c.out != NULL &&
	    (rc = where_root(&(struct where){ .state = c.out }, &to)) == 0)
		rc = buf_printf(&request, " %s", (const char *)to.p);
	if (rc == 0)
		rc = buf_cstr(&request) == NULL ? FERR_NOMEM
						: tell(&dir, argv[1], (const char *)request.p);
	buf_fini(&request);
	buf_fini(&to);
	buf_fini(&dir);
	return verb_end("savepoint", rc);
}

int
verb_stop(int argc, char **argv)
{
	struct control c = { .timeout = -1 };
	struct buf dir = BUF_INIT;
	int rc = take(&stop, stop_options, &c, &argc, argv, &dir);

	if (rc == 0 && (rc = one_job(argc)) == 0 &&
	    (rc = tell(&dir, argv[1], c.drain ? "drain" : "stop")) == 0)
		rc = await_exit(&dir, argv[1]);
	buf_fini(&dir);
	return verb_end("stop", rc);
}

/* STAGE=N: the job itself knows its stages and how many subtasks they can have. */
static int
put_scale(struct buf *request, const char *word)
{
	const char *eq = strchr(word, '=');
	int64_t n;

	if (eq == NULL || eq == word)
		return ferr(FERR_USAGE, "'%s': needs STAGE=N", word);
	for (const char *s = word; *s != '\0'; s++) {
		if (isspace((unsigned char)*s))
			return ferr(FERR_USAGE, "'%s': no stage has such a name", word);
	}
	if (unit_int(eq + 1, "the number of subtasks", 1, 32768, &n) != 0)
		return FERR_USAGE;
	return buf_printf(request, " %s", word);
}

int
verb_rescale(int argc, char **argv)
{
	struct control c = { .timeout = -1 };
	struct buf dir = BUF_INIT, request = BUF_INIT;
	int rc = take(&rescale, no_options, &c, &argc, argv, &dir);

	if (rc == 0 && argc < 3)
		rc = ferr(FERR_USAGE,
			  "to what?  fcoord rescale %s STAGE=N; fcoord status %s shows the "
			  "stages",
			  argv[1], argv[1]);
	if (rc == 0)
		rc = buf_puts(&request, "rescale");
	for (int i = 2; i < argc && rc == 0; i++)
		rc = put_scale(&request, argv[i]);
	if (rc == 0)
		rc = buf_cstr(&request) == NULL ? FERR_NOMEM
						: tell(&dir, argv[1], (const char *)request.p);
	buf_fini(&request);
	buf_fini(&dir);
	return verb_end("rescale", rc);
}

/* ---- wait ---- */

static const char *const wait_examples[] = {
	"fcoord run -d job.txt && fcoord wait job --for done",
	"until all input is read and all output is committed",
	"fcoord wait job --for checkpoint --timeout 10s",
	"is it well?",
	NULL,
};
static const struct cmd wait_cmd = { .name = "fcoord wait",
				     .summary = "wait until a job runs, has a checkpoint, is done",
				     .usage = "JOB --for running|checkpoint|done [option ...]",
				     .examples = wait_examples,
				     .see = see };

/* Is it so?  A job that is done has run, and has had a checkpoint.  1: yes; 0: not yet; FERR_IO:
 * it will not be. */
static int
reached(const struct look *k, const struct control *c, const char *job)
{
	if (look_is(k, "finished") || look_is(k, "drained"))
		return 1;
	if (k->runs || look_is(k, "starting"))
		return (c->until == FOR_RUNNING && look_is(k, "running")) ||
		       (c->until == FOR_CHECKPOINT && k->runs && k->age >= 0);
	return look_at_rest(k, job);
}

static int
wait_for(const struct control *c, const char *dir, const char *job)
{
	int64_t end = fio_mono_ns() / 1000000 + c->timeout;
	int pause = 5, rc = 0;
	struct look k;

	while (rc == 0) {
		if ((rc = look_at(&k, dir)) == 0)
			rc = reached(&k, c, job);
		if (rc == 0 && c->timeout >= 0 && fio_mono_ns() / 1000000 >= end)
			rc = ferr(FERR_IO, "waited in vain; %s is %s%s%s", job, k.phase,
				  k.health[0] != '\0' ? ", " : "", k.health);
		look_fini(&k);
		if (rc == 0)
			fio_poll(NULL, 0, pause);
		pause = pause < 100 ? pause * 2 : 100;
	}
	return rc > 0 ? 0 : rc;
}

int
verb_wait(int argc, char **argv)
{
	struct control c = { .timeout = -1 };
	struct buf dir = BUF_INIT;
	int rc = take(&wait_cmd, wait_options, &c, &argc, argv, &dir);

	if (rc == 0 && (rc = one_job(argc)) == 0 && c.until == FOR_NOTHING)
		rc = ferr(FERR_USAGE, "for what?  --for running, --for checkpoint or --for done");
	if (rc == 0)
		rc = wait_for(&c, (const char *)dir.p, argv[1]);
	buf_fini(&dir);
	return verb_end("wait", rc);
}
