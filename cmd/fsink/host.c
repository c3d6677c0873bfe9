/* host: see host.h. */
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "fio/proc.h"
#include "manifest/known.h"
#include "store/store.h"
#include "sup/hall.h"

#define JOB_MAX (8u << 20)
#define CHILD_MS 3000 /* the writer may take so long to end */

/* ---- the store ---- */

/* What is known of the directory: it is new, or a plain pipeline's. */
static int
take_known(const char *dir, struct known *k)
{
	struct buf b = BUF_INIT;
	int rc = store_read(dir, "job.json", JOB_MAX, &b);

	if (rc == 0 && (rc = known_parse(k, b.p, b.n)) == 0 && !k->plain)
		rc = ferr(FERR_USAGE,
			  "%s is the state of fcoord's job '%s'; give this pipeline a directory of "
			  "its own",
			  dir, k->name);
	else if (rc == 0 && k->adopted != NULL)
		rc =
		    ferr(FERR_USAGE,
			 "this pipeline goes on as fcoord's job '%s'; its state in %s is of before",
			 k->adopted, dir);
	buf_fini(&b);
	return rc == FERR_LOST ? 0 : rc;
}

/* The job is noted as it is now; its id stays. */
static int
note(const char *dir, const struct job *j, struct known *k)
{
	struct buf text = BUF_INIT, b = BUF_INIT;
	bool fresh = k->name == NULL;
	uint8_t id[16];
	int rc;

	memcpy(id, k->id, sizeof(id));
	if (fresh && fio_random(id, sizeof(id)) != 0)
		return ferr_sys(FERR_IO, "no random numbers");
	known_fini(k);
	if ((rc = job_print_json(j, &text)) == 0) {
		*k = (struct known){ .name = strdup("pipeline"),
				     .text = strndup((char *)text.p, text.n),
				     .plain = true };
		memcpy(k->id, id, sizeof(id));
		if (k->name == NULL || k->text == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
	}
	if (rc == 0 && (rc = known_print(k, &b)) == 0)
		rc = store_replace(dir, "job.json", b.p, b.n);
	buf_fini(&text);
	buf_fini(&b);
	return rc;
}

/* ---- the job ---- */

/* The weaker guarantee must have been asked for. */
static int
check_guarantees(const struct job *j)
{
	for (unsigned i = 0; i < j->nstages; i++) {
		const struct job_facts *f = &j->stage[i].facts;

		if (f->sink && f->atleast != NULL && !f->asked)
			return ferr(FERR_USAGE,
				    "it is not exactly-once: %s; with FSTATE ask for it with "
				    "--guarantee at-least-once, or write to FILE, DIR/ or >> FILE",
				    f->atleast);
	}
	return 0;
}

static void
say(void *cookie, const char *stage, uint32_t sub, const char *line)
{
	const struct op_conf *conf = cookie;

	if (stage != NULL)
		fprintf(stderr, "%s: %s\n", stage, line);
	else if (!conf->quiet)
		fprintf(stderr, "fsink: %s\n", line);
	(void)sub;
}

struct host {
	const struct host_conf *conf;
	const struct op_conf *op;
	const struct hello *all;
	int lock, hall;
	pid_t child;
	int gone; /* pidfd of it */
	struct known known;
};

static int
coordinate(struct host *h, int *signal)
{
	struct run_conf c = { .dir = h->op->state,
			      .name = "pipeline",
			      .ckpt = CKPT_CONF_INIT,
			      .keep = 3,
			      .exactly = true,
			      .out = -1,
			      .say = say,
			      .cookie = (void *)(uintptr_t)h->op };
	struct run_guest *guest = NULL;
	int rc;

	if (h->conf->every != 0)
		c.ckpt.every = h->conf->every;
	rc = hall_gather(h->hall, h->gone, h->all, &c.job, &guest, signal);
	hall_close(h->hall, c.dir);
	if (rc != 0)
		return rc;
	c.guest = guest;
	c.nguests = c.job->nstages;
	c.atleast = job_at_least_once(c.job);
	if ((rc = check_guarantees(c.job)) == 0 && (rc = job_plan(c.job, 1, c.atleast)) == 0 &&
	    (rc = restart_parse(&c.restart, "none")) == 0 &&
	    (rc = note(c.dir, c.job, &h->known)) == 0) {
		memcpy(c.id, h->known.id, sizeof(c.id));
		rc = run_job(&c, signal);
	} else {
		hall_refuse(guest, c.nguests, ferr_status(rc));
	}
	free(guest);
	job_free(c.job);
	return rc;
}

/* In the process that the shell knows. */
static _Noreturn void
serve(struct host *h)
{
	struct pollfd gone = { .fd = fio_pidfd(h->child), .events = POLLIN };
	int signal = 0, status, rc;

	h->gone = gone.fd;
	rc = gone.fd != -1 ? coordinate(h, &signal)
			   : ferr_sys(FERR_IO, "cannot watch what writes the output");
	known_fini(&h->known);
	if (rc < 0 && ferr_text()[0] != '\0')
		fprintf(stderr, "fsink: %s\n", ferr_text());
	/* It has lost us, or all is done; what it wants to say is said first. */
	if (gone.fd == -1 || fio_poll(&gone, 1, CHILD_MS) != 1)
		fio_kill(h->child, SIGKILL);
	fio_reap(h->child, &status, true);
	exit(signal != 0 ? 128 + signal : ferr_status(rc));
}

/* Take the directory and open it for the stages.  What is known of it is read under the lock. */
static int
take_place(struct host *h)
{
	const char *dir = h->op->state;
	int rc;

	if ((rc = store_make(dir)) != 0)
		return rc;
	if ((rc = h->lock = fio_high(store_lock(dir))) < 0 ||
	    (rc = take_known(dir, &h->known)) != 0)
		return rc;
	return (rc = h->hall = hall_open(dir)) < 0 ? rc : 0;
}

int
host_pipeline(void *cookie, const struct op_conf *conf, const struct hello *all, const int *inputs,
	      unsigned n)
{
	struct host h = { .conf = cookie, .op = conf, .all = all, .lock = -1, .hall = -1 };
	int rc = take_place(&h);

	if (rc == 0 && (h.child = fio_fork()) == -1)
		rc = ferr_sys(FERR_IO, "cannot start the coordinator");
	if (rc == 0 && h.child != 0) {
		/* The pipes are the child's alone, or nobody would learn of its end. */
		for (unsigned i = 0; i < n; i++)
			fio_close(inputs[i]);
		fio_close(STDOUT_FILENO);
		fio_std_closed();
		serve(&h);
	}
	/* The lock goes with the coordinator. */
	if (rc != 0)
		hall_close(h.hall, conf->state);
	else
		fio_close(h.hall);
	if (h.lock >= 0)
		fio_close(h.lock);
	known_fini(&h.known);
	return rc;
}
