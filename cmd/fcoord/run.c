/* run: `fcoord run` -- a job is started, or goes on. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/time.h"
#include "base/unit.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "fio/proc.h"
#include "manifest/known.h"
#include "progress.h"
#include "store/store.h"
#include "sup/adopt.h"
#include "sup/rescaled.h"

struct run_opts {
	struct where where;
	struct text_conf text;
	struct ckpt_conf ckpt;
	bool every, timeout, min_pause, unaligned; /* said */
	int64_t keep;
	const char *restart, *name, *from, *hosts;
	bool detached, clone, fresh, accept_rewind, dry_run, quiet, verbose;
};

/* ---- options ---- */

static int
set_ms(const char *arg, int64_t least, int64_t *ms, bool *said)
{
	int rc = unit_duration(arg, strlen(arg), ms);

	*said = true;
	if (rc == 0 && *ms < least)
		return ferr(FERR_USAGE, "%s is too short; %lldms is the least", arg,
			    (long long)least);
	return rc;
}

static int
set_every(void *c, const char *a)
{
	struct run_opts *o = c;

	return set_ms(a, 5, &o->ckpt.every, &o->every);
}

static int
set_timeout(void *c, const char *a)
{
	struct run_opts *o = c;

	return set_ms(a, 10, &o->ckpt.timeout, &o->timeout);
}

static int
set_min_pause(void *c, const char *a)
{
	struct run_opts *o = c;

	return set_ms(a, 0, &o->ckpt.min_pause, &o->min_pause);
}

static int
set_keep(void *c, const char *a)
{
	return unit_int(a, "the number of checkpoints", 1, 10000, &((struct run_opts *)c)->keep);
}

static int
set_restart(void *c, const char *a)
{
	struct restart r;

	((struct run_opts *)c)->restart = a;
	return restart_parse(&r, a);
}

/* Nothing or true: from the beginning; false; after:DUR. */
static int
parse_unaligned(const char *a, struct ckpt_conf *c)
{
	c->unaligned = strcmp(a, "false") != 0;
	c->after = 0;
	if (!c->unaligned || a[0] == '\0' || strcmp(a, "true") == 0)
		return 0;
	if (strncmp(a, "after:", 6) != 0)
		return ferr(FERR_USAGE, "it stands alone, or as --unaligned=after:5s");
	return unit_duration(a + 6, strlen(a + 6), &c->after);
}

static int
set_unaligned(void *c, const char *a)
{
	struct run_opts *o = c;

	o->unaligned = true;
	return parse_unaligned(a, &o->ckpt);
}

/* Its value may be missing, which option tables do not know. */
static void
allow_bare_unaligned(int argc, char **argv)
{
	static char bare[] = "--unaligned=";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--unaligned") == 0 &&
		    (i + 1 == argc || strncmp(argv[i + 1], "after:", 6) != 0))
			argv[i] = bare;
	}
}

static int
set_name(void *c, const char *a)
{
	((struct run_opts *)c)->name = a;
	return 0;
}

static int
set_from(void *c, const char *a)
{
	((struct run_opts *)c)->from = a;
	return 0;
}

static int
set_hosts(void *c, const char *a)
{
	((struct run_opts *)c)->hosts = a;
	return ferr(FERR_NOTYET, "jobs on several hosts are not yet there");
}

#define FLAG(name)                                    \
	static int set_##name(void *c, const char *a) \
	{                                             \
		(void)a;                              \
		((struct run_opts *)c)->name = true;  \
		return 0;                             \
	}
FLAG(detached)
FLAG(clone)
FLAG(fresh)
FLAG(accept_rewind)
FLAG(dry_run)
FLAG(quiet)
FLAG(verbose)
#undef FLAG

static const struct opt options[] = {
	{ "name", 0, "JOB", "name of the job; a known one goes on", set_name, false },
	{ "detach", 'd', NULL, "run in the background, once it runs", set_detached, false },
	{ "every", 0, "DUR", "a checkpoint so often (default 1s)", set_every, false },
	{ "timeout", 0, "DUR", "give a checkpoint up after that (default 10m)", set_timeout, true },
	{ "min-pause", 0, "DUR", "rest between two checkpoints (default 0s)", set_min_pause, true },
	{ "keep", 0, "N", "checkpoints that are kept (default 3)", set_keep, true },
	{ "restart", 0, "exp|fixed:N,DUR|rate:N/DUR|none", "what follows a failure (default exp)",
	  set_restart, false },
	{ "unaligned", 0, "after:DUR", "barriers overtake records", set_unaligned, true },
	{ "from", 0, "SAVEPOINT", "begin with the state of a savepoint", set_from, false },
	{ "clone", 0, NULL, "with --from: as a job of its own, with outputs of its own", set_clone,
	  false },
	{ "fresh", 0, NULL, "forget what the job of that name knew", set_fresh, false },
	{ "accept-rewind", 0, NULL, "go back although output is ahead; it will come again",
	  set_accept_rewind, true },
	{ "hosts", 0, "HOST,...", "run on these hosts", set_hosts, true },
	{ "dry-run", 0, NULL, "print the plan and do nothing", set_dry_run, true },
	{ "quiet", 'q', NULL, "no progress, no notes", set_quiet, true },
	{ "verbose", 'v', NULL, "more notes", set_verbose, true },
	OPT_END,
};

static const char *const examples[] = {
	"fcoord run 'fsource clicks.ndjson --time at | fkey user | fwindow tumble 1m | fsink out/'",
	"a pipeline's text",
	"fcoord run -d -p 4 job.json",
	"a manifest, in the background, four subtasks a stage",
	"fcoord run --name clicks --every 100ms clicks.txt",
	"output is seen a tenth of a second later",
	"fcoord run --from /backup/clicks --clone --name trial clicks.txt",
	"a copy that begins where the original was",
	NULL,
};
static const char *const see[] = { "fmanifest(5)", "fcheckpoint(5)", "fsemantics(7)",
				   "fsource(1)",   "fsink(1)",	     NULL };
static const struct cmd cmd = {
	.name = "fcoord run",
	.summary = "run a job, or go on with it",
	.usage = "TEXT|FILE [option ...]",
	.examples = examples,
	.see = see,
};

/* ---- names ---- */

/* --name, the manifest's, the file's without its extension, or job- and the hash of the text. */
static int
job_name(const struct run_opts *o, const struct job *j, const char *arg, bool file,
	 const struct buf *text, struct buf *out)
{
	const char *base = strrchr(arg, '/'), *dot;

	if (o->name != NULL)
		return buf_puts(out, o->name);
	if (j->name != NULL)
		return buf_puts(out, j->name);
	if (!file)
		return buf_printf(out, "job-%08x", (unsigned)hash64(text->p, text->n));
	base = base != NULL ? base + 1 : arg;
	dot = strrchr(base, '.');
	return buf_put(out, base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

/* ---- messages ---- */

struct speaker {
	const struct run_opts *o;
	struct progress progress;
	int log; /* DIR/log, or -1 */
	bool attached;
	int started; /* detached: tell the parent here that it runs; -1 */
};

static void
say(void *cookie, const char *stage, uint32_t sub, const char *line)
{
	struct speaker *s = cookie;
	struct buf b = BUF_INIT;
	char at[40];

	at[time_print(fio_wall_ms(), at)] = '\0';
	if (stage != NULL)
		buf_printf(&b, "%s %s-%u: %s\n", at, stage, sub, line);
	else
		buf_printf(&b, "%s fcoord: %s\n", at, line);
	if (s->log != -1)
		(void)!fio_write_all(s->log, b.p, b.n); /* a full disk must not stop the job */
	buf_fini(&b);
	if (!s->attached || (stage == NULL && s->o->quiet))
		return;
	progress_clear(&s->progress);
	if (stage != NULL)
		fprintf(stderr, "%s-%u| %s\n", stage, sub, line);
	else
		fprintf(stderr, "fcoord: %s\n", line);
}

static void
show(void *cookie, const struct run *r)
{
	struct speaker *s = cookie;

	if (s->started != -1 && run_phase(r) == RUN_RUNNING) {
		(void)!fio_write_all(s->started, "+", 1);
		fio_close(s->started);
		s->started = -1;
	}
	progress_show(&s->progress, r);
}

/* ---- the store ---- */

static int
take_known(const char *dir, struct known *k, bool *there)
{
	struct buf b = BUF_INIT;
	int rc = store_read(dir, "job.json", 8u << 20, &b);

	*there = rc == 0;
	if (rc == 0 && (rc = known_parse(k, b.p, b.n)) == 0 && k->plain)
		rc = ferr(FERR_USAGE,
			  "%s is the state of a pipeline in a plain shell; a job begins with it by "
			  "--from %s",
			  dir, dir);
	buf_fini(&b);
	return rc == FERR_LOST ? 0 : rc;
}

static int
make_known(const char *dir, const char *name, const struct buf *text, const uint8_t *id,
	   struct known *k)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	*k = (struct known){ .name = strdup(name), .text = strndup((char *)text->p, text->n) };
	if (k->name == NULL || k->text == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (id != NULL)
		memcpy(k->id, id, sizeof(k->id));
	else if (fio_random(k->id, sizeof(k->id)) != 0)
		rc = ferr_sys(FERR_IO, "no random numbers");
	if (rc == 0 && (rc = known_print(k, &b)) == 0)
		rc = store_replace(dir, "job.json", b.p, b.n);
	buf_fini(&b);
	return rc;
}

/* ---- running ---- */

static int
duration(const char *what, const char *text, bool said, int64_t *ms)
{
	if (text == NULL || said)
		return 0;
	return unit_duration(text, strlen(text), ms) != 0 ? ferr_prefix(FERR_USAGE, "%s", what) : 0;
}

/* The manifest's words, where the command line has none. */
static int
settle(const struct job *j, struct run_opts *o, struct run_conf *c)
{
	int rc;

	c->ckpt = o->ckpt;
	if ((rc = duration("checkpoint.every", j->every, o->every, &c->ckpt.every)) != 0 ||
	    (rc = duration("checkpoint.timeout", j->timeout, o->timeout, &c->ckpt.timeout)) != 0 ||
	    (rc = duration("checkpoint.min_pause", j->min_pause, o->min_pause,
			   &c->ckpt.min_pause)) != 0)
		return rc;
	if (o->keep == 0 && j->keep != NULL &&
	    (rc = unit_int(j->keep, "checkpoint.keep", 1, 10000, &o->keep)) != 0)
		return rc;
	c->keep = o->keep != 0 ? (unsigned)o->keep : 3;
	if (j->unaligned != NULL && !o->unaligned &&
	    (rc = parse_unaligned(j->unaligned, &c->ckpt)) != 0)
		return rc;
	if (j->hosts != NULL && (rc = set_hosts(o, "")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++) {
		if (j->stage[i].at != NULL)
			return set_hosts(o, "");
	}
	if (o->restart == NULL)
		o->restart = j->restart != NULL ? j->restart : "exp";
	return restart_parse(&c->restart, o->restart);
}

static void
note_guarantees(const struct job *j, const struct run_opts *o)
{
	for (unsigned i = 0; i < j->nstages && !o->quiet; i++) {
		const struct job_stage *s = &j->stage[i];

		if (s->facts.sink && s->facts.atleast != NULL)
			fprintf(stderr, "fcoord: %s is at-least-once: %s\n", s->name,
				s->facts.atleast);
		else if (s->facts.sink && o->verbose)
			fprintf(stderr, "fcoord: %s is exactly-once\n", s->name);
	}
}

static int
open_append(const char *dir, const char *name)
{
	struct buf b = BUF_INIT;
	int fd = -1;

	if (buf_printf(&b, "%s/%s", dir, name) == 0 && buf_cstr(&b) != NULL)
		fd = fio_open((const char *)b.p, O_WRONLY | O_CREAT | O_APPEND, 0600);
	buf_fini(&b);
	return fd;
}

static int
run(struct run_conf *c, struct speaker *s, int *signal)
{
	int lock, rc;

	if ((lock = store_lock(c->dir)) < 0)
		return lock;
	s->log = open_append(c->dir, "log");
	c->say = say;
	c->cookie = s;
	if (s->started != -1 || s->progress.on)
		c->show = show;
	rc = run_job(c, signal);
	progress_clear(&s->progress);
	if (rc != 0) { /* the log has it too; whoever called prints it */
		bool attached = s->attached;

		s->attached = false;
		say(s, NULL, 0, ferr_text());
		s->attached = attached;
	}
	if (s->log != -1)
		fio_close(s->log);
	fio_close(lock);
	return rc;
}

/* The parent of a detached job waits until it runs, or says why not. */
static int
await_start(const char *name, int fd)
{
	struct buf b = BUF_INIT;
	char first;
	ssize_t k;
	int rc = 0;

	if (fio_read(fd, &first, 1) == 1 && first == '+') {
		printf("%s\n", name);
		return 0;
	}
	while (buf_room(&b, 1024) == 0 && (k = fio_read(fd, b.p + b.n, 1024)) > 0)
		b.n += (size_t)k;
	rc = ferr(first == '-' && b.n > 1 ? -(int)b.p[0] : FERR_IO, "%s",
		  first == '-' && b.n > 1 ? buf_cstr(&b) + 1 : "the job ended before it ran");
	buf_fini(&b);
	return rc;
}

static int
detach(struct run_conf *c, struct speaker *s, int *signal)
{
	int fd[2], null, rc;
	pid_t pid;
	uint8_t code[2] = { '-', 0 };

	if (fio_pipe(fd) == -1 || (null = fio_open("/dev/null", O_RDWR, 0)) == -1)
		return ferr_sys(FERR_IO, "cannot go to the background");
	if ((pid = fio_fork_detached()) == -1)
		return ferr_sys(FERR_IO, "cannot go to the background");
	if (pid != 0) {
		fio_close(fd[1]);
		return await_start(c->name, fd[0]);
	}
	fio_close(fd[0]);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	c->out = fio_high(open_append(c->dir, "out"));
	s->attached = false;
	s->started = fd[1];
	rc = run(c, s, signal);
	if (rc != 0 && s->started != -1) {
		code[1] = (uint8_t)-rc;
		(void)!fio_write_all(s->started, code, 2);
		(void)!fio_write_all(s->started, ferr_text(), strlen(ferr_text()));
	}
	exit(ferr_status(rc));
}

/* Jobs lie beside each other, not in the state of something else. */
static int
check_root(const struct where *w)
{
	struct buf root = BUF_INIT, b = BUF_INIT;
	int rc = where_root(w, &root);

	if (rc == 0 && store_read((const char *)root.p, "job.json", SIZE_MAX, &b) != FERR_LOST)
		rc = ferr(FERR_USAGE,
			  "%s is the state of one job or pipeline, not a directory of jobs; give "
			  "--state another one",
			  (const char *)root.p);
	buf_fini(&root);
	buf_fini(&b);
	return rc;
}

/* The store is made, and the job known: anew, as it was, or from a savepoint. */
static int
prepare(const struct run_opts *o, const char *dir, const char *name, const struct buf *text,
	struct known *k)
{
	bool there;
	int rc;

	if ((rc = check_root(&o->where)) != 0)
		return rc;
	if (o->from != NULL || o->fresh) {
		if ((rc = adopt_check(dir, o->fresh, o->from, o->accept_rewind)) != 0)
			return rc;
	}
	if ((rc = store_make(dir)) != 0)
		return rc;
	if (o->from != NULL)
		return adopt_savepoint(dir, o->from, o->clone, o->accept_rewind, name, text, k);
	if ((rc = take_known(dir, k, &there)) != 0 || there)
		return rc;
	return make_known(dir, name, text, NULL, k);
}

static int
run_planned(struct job *j, struct run_opts *o, const char *arg, bool file, const struct buf *text,
	    int *signal)
{
	struct run_conf c = { .job = j,
			      .parallel = o->text.parallel,
			      .exactly = true,
			      .atleast = job_at_least_once(j),
			      .out = -1,
			      .accept_rewind = o->accept_rewind };
	struct speaker s = { .o = o, .log = -1, .attached = true, .started = -1 };
	struct buf name = BUF_INIT, dir = BUF_INIT;
	struct known known = { 0 };
	int rc;

	if (o->clone && o->from == NULL)
		return ferr(FERR_USAGE, "--clone goes with --from SAVEPOINT");
	if (o->where.state == NULL && j->dir != NULL)
		o->where.state = j->dir;
	if ((rc = settle(j, o, &c)) == 0 && (rc = job_name(o, j, arg, file, text, &name)) == 0 &&
	    (c.name = buf_cstr(&name)) != NULL && (rc = where_job(&o->where, c.name, &dir)) == 0) {
		c.dir = (const char *)dir.p;
		if (store_locked(c.dir, &(long){ 0 }))
			rc = store_lock(c.dir); /* says by whom */
		else
			rc = prepare(o, c.dir, c.name, text, &known);
	}
	memcpy(c.id, known.id, sizeof(c.id));
	if (rc == 0 && o->text.parallel == 0)
		rc = rescaled_apply(c.dir, j, c.atleast);
	if (rc == 0) {
		note_guarantees(j, o);
		if (o->detached) {
			rc = detach(&c, &s, signal);
		} else {
			c.out = fio_high(dup(STDOUT_FILENO));
			s.progress.on = !o->quiet && fio_isatty(STDERR_FILENO);
			rc = run(&c, &s, signal);
		}
	}
	known_fini(&known);
	buf_fini(&name);
	buf_fini(&dir);
	return rc;
}

int
verb_run(int argc, char **argv)
{
	struct run_opts o = { .ckpt = CKPT_CONF_INIT };
	const struct opt_table tables[] = { { options, &o },
					    { text_options, &o.text },
					    { where_options, &o.where } };
	struct buf text = BUF_INIT;
	struct job *j = NULL;
	int rc, signal = 0;
	bool file = false;

	allow_bare_unaligned(argc, argv);
	if ((rc = opt_parse(&cmd, tables, 3, &argc, argv)) != 0)
		return verb_end("run", rc);
	if (argc != 2)
		rc = ferr(FERR_USAGE, argc < 2
					  ? "what is to run? a pipeline's text in quotes, or a file"
					  : "one text or file; put the pipeline in quotes");
	if (rc == 0 && (rc = text_read(argv[1], &text, &file)) == 0)
		rc = text_plan(&j, argv[1], &o.text);
	if (rc == 0 && o.dry_run) {
		struct buf plan = BUF_INIT;

		if ((rc = job_print_text(j, &plan)) == 0 &&
		    fio_write_all(STDOUT_FILENO, plan.p, plan.n) == -1)
			rc = ferr_sys(FERR_IO, "stdout");
		buf_fini(&plan);
	} else if (rc == 0) {
		rc = run_planned(j, &o, argv[1], file, &text, &signal);
	}
	job_free(j);
	buf_fini(&text);
	text_conf_fini(&o.text);
	if (rc == 0 && signal != 0)
		return 128 + signal;
	if (rc < 0 && signal != 0) {
		verb_end("run", rc);
		return 128 + signal;
	}
	return verb_end("run", rc);
}
