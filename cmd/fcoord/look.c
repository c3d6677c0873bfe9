/* look: see look.h. */
#include "look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "store/store.h"
#include "sup/ask.h"

#define MANIFEST_MAX (256u << 20)
#define START_MS 10000 /* a start that takes longer has gone wrong */
#define AGAIN_MS 20

void
look_fini(struct look *l)
{
	for (unsigned i = 0; i < l->nsubs; i++)
		free(l->sub[i].stage);
	free(l->sub);
	free(l->why);
	*l = (struct look){ .phase = "" };
}

bool
look_is(const struct look *l, const char *phase)
{
	return strcmp(l->phase, phase) == 0;
}

static int
add_sub(struct look *l, const struct look_sub *s)
{
	struct look_sub *v = realloc(l->sub, (l->nsubs + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->sub = v;
	v[l->nsubs] = *s;
	if ((v[l->nsubs].stage = strdup(s->stage)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->nsubs++;
	return 0;
}

/* ---- what a running job tells ---- */

static int64_t
read_watermark(const char *s)
{
	return strcmp(s, "-") == 0     ? INT64_MIN
	       : strcmp(s, "max") == 0 ? INT64_MAX
				       : strtoll(s, NULL, 10);
}

/* `STAGE INDEX PID IN OUT WATERMARK BLOCKED STATE` */
static int
read_sub(struct look *l, const char *line)
{
	char stage[128], wm[32];
	struct look_sub s = { .stage = stage };
	int blocked;

	if (sscanf(line, "%127s %u %" SCNd64 " %" SCNd64 " %" SCNd64 " %31s %d %" SCNd64, stage,
		   &s.index, &s.pid, &s.in, &s.out, wm, &blocked, &s.state) != 8)
		return ferr(FERR_IO, "the job's answer cannot be understood: %s", line);
	s.watermark = read_watermark(wm);
	s.blocked = blocked != 0;
	return add_sub(l, &s);
}

static int
read_health(struct look *l, const char *line)
{
	size_t n = strcspn(line, " ");

	snprintf(l->health, sizeof(l->health), "%.*s", (int)n, line);
	if (line[n] == '\0' || line[n + 1] == '\0')
		return 0;
	return (l->why = strdup(line + n + 1)) != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

static int
read_line(struct look *l, const char *key, const char *value)
{
	if (strcmp(key, "phase") == 0)
		snprintf(l->phase, sizeof(l->phase), "%s", value);
	else if (strcmp(key, "attempt") == 0)
		l->attempt = strtoull(value, NULL, 10);
	else if (strcmp(key, "pid") == 0)
		l->pid = strtoll(value, NULL, 10);
	else if (strcmp(key, "epoch") == 0)
		l->epoch = strtoull(value, NULL, 10);
	else if (strcmp(key, "age") == 0)
		l->age = strtoll(value, NULL, 10);
	else if (strcmp(key, "records") == 0)
		l->records = strtoll(value, NULL, 10);
	else if (strcmp(key, "bad") == 0)
		l->bad = strtoll(value, NULL, 10);
	else if (strcmp(key, "watermark") == 0)
		l->watermark = read_watermark(value);
	else if (strcmp(key, "health") == 0)
		return read_health(l, value);
	else if (strcmp(key, "sub") == 0)
		return read_sub(l, value);
	return 0; /* what a newer one tells besides */
}

static int
read_status(struct look *l, struct buf *text)
{
	char *save = NULL, *line, *value;
	int rc = 0;

	if ((line = (char *)(uintptr_t)buf_cstr(text)) == NULL)
		return FERR_NOMEM;
	for (line = strtok_r(line, "\n", &save); line != NULL && rc == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		if ((value = strchr(line, ' ')) == NULL)
			continue;
		*value++ = '\0';
		rc = read_line(l, line, value);
	}
	l->runs = true;
	return rc;
}

/* ---- what the store tells ---- */

int
look_checkpoint(const char *dir, uint64_t place, struct ckpt_file *f)
{
	struct buf b = BUF_INIT;
	char name[32];
	int rc;

	store_place_name(place, name);
	if ((rc = store_read(dir, name, MANIFEST_MAX, &b)) == 0 &&
	    (rc = ckpt_file_parse(f, b.p, b.n)) != 0)
		ferr_prefix(rc, "%s/%s", dir, name);
	buf_fini(&b);
	return rc;
}

const char *
look_kind(enum ckpt_file_kind k)
{
	static const char *const names[] = { "checkpoint", "savepoint", "stop", "drain", "final" };

	return names[k];
}

/* How a job ended whose newest checkpoint is of that kind. */
static const char *
end_of(enum ckpt_file_kind k)
{
	return k == CKPT_FILE_FINAL   ? "finished"
	       : k == CKPT_FILE_DRAIN ? "drained"
	       : k == CKPT_FILE_STOP  ? "stopped"
				      : "failed";
}

static int
read_newest(struct look *l, const struct ckpt_file *f)
{
	int64_t now = fio_wall_ms();
	int rc = 0;

	snprintf(l->phase, sizeof(l->phase), "%s", end_of(f->kind));
	l->epoch = f->epoch;
	l->age = now > f->time ? now - f->time : 0;
	for (unsigned i = 0; i < f->nstages && rc == 0; i++) {
		for (unsigned k = 0; k < f->stage[i].parallel && rc == 0; k++) {
			const struct look_sub s = {
				.stage = f->stage[i].name,
				.index = k,
				.pid = -1,
				.in = -1,
				.out = -1,
				.watermark = INT64_MIN,
				.state = (int64_t)snap_files_size(&f->stage[i].sub[k].state),
			};
			rc = add_sub(l, &s);
		}
	}
	return rc;
}

static int
read_store(struct look *l, const char *dir)
{
	struct ckpt_file f;
	uint64_t *v, made = 0; /* by which attempt */
	unsigned n;
	int rc;

	/* The newest may be dropped before it is read, when a job has begun meanwhile. */
	do {
		ckpt_file_init(&f);
		v = NULL;
		if ((rc = store_chain(dir, &v, &n)) == 0 && n > 0 &&
		    (rc = look_checkpoint(dir, v[n - 1], &f)) == 0)
			rc = read_newest(l, &f);
		made = f.attempt;
		ckpt_file_fini(&f);
		free(v);
	} while (rc == FERR_LOST);
	if (rc == FERR_CORRUPT) {
		snprintf(l->phase, sizeof(l->phase), "damaged");
		l->why = strdup(ferr_text());
		rc = l->why != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
	}
	if (rc == 0)
		rc = store_attempts(dir, &l->attempt);
	if (rc == 0 && l->phase[0] == '\0')
		snprintf(l->phase, sizeof(l->phase), l->attempt > 0 ? "failed" : "new");
	/* It stopped well, was started again, and ended before its first checkpoint. */
	if (rc == 0 && look_is(l, "stopped") && l->attempt > made)
		snprintf(l->phase, sizeof(l->phase), "failed");
	return rc;
}

int
look_at(struct look *l, const char *dir)
{
	struct buf text = BUF_INIT;
	long pid;
	int rc;

	*l =
	    (struct look){ .age = -1, .pid = -1, .records = -1, .bad = -1, .watermark = INT64_MIN };
	if ((rc = ask(dir, "status", &text, NULL)) == 0) {
		rc = read_status(l, &text);
	} else if (rc == FERR_REFUSED || rc == FERR_IO) { /* not yet, not any more, or just ended */
		bool held = store_locked(dir, &pid);

		if ((rc = read_store(l, dir)) == 0 && held) {
			snprintf(l->phase, sizeof(l->phase), "starting");
			l->pid = pid;
		}
	}
	buf_fini(&text);
	return rc;
}

/* ---- asking ---- */

int
look_at_rest(const struct look *l, const char *job)
{
	if (look_is(l, "finished"))
		return ferr(FERR_IO, "%s is not running: it has finished", job);
	if (look_is(l, "damaged"))
		return ferr(FERR_IO, "%s is not running, and its newest checkpoint is damaged: %s",
			    job, l->why);
	if (look_is(l, "failed"))
		return ferr(
		    FERR_IO,
		    "%s is not running: it has failed, or was killed or cancelled; fcoord logs "
		    "%s tells more, fcoord run goes on with it",
		    job, job);
	return ferr(FERR_IO, "%s is not running (%s); fcoord run starts it", job, l->phase);
}

static int
not_running(const char *dir, const char *job)
{
	struct look l;
	int rc;

	if ((rc = look_at(&l, dir)) == 0)
		rc = look_at_rest(&l, job);
	look_fini(&l);
	return rc;
}

int
look_ask(const char *dir, const char *job, const char *request, struct buf *out, struct buf *ok)
{
	int64_t until = fio_mono_ns() / 1000000 + START_MS;
	long pid;
	int rc;

	while ((rc = ask(dir, request, out, ok)) == FERR_REFUSED) {
		if (!store_locked(dir, &pid))
			return not_running(dir, job);
		if (fio_mono_ns() / 1000000 >= until)
			return ferr(FERR_IO, "%s does not answer, though process %ld runs it", job,
				    pid);
		fio_poll(NULL, 0, AGAIN_MS);
	}
	return rc;
}
