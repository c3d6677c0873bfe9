/* parts: see parts.h. */
#include "conn/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>

#include "conn/lane_log.h"
#include "conn/lane_parts.h"
#include "conn/lane_rows.h"
#include "coord/task.h"
#include "conn/lane_dest.h"
#include "expr/expr.h"
#include "fio/fio.h"

#define WRITE_AT (64u << 10) /* bytes gathered before they are written */

struct part {
	char *sub; /* "name=value/" below dir, or "" */
	int dirfd, fd;
	char *hidden;	       /* name in dirfd; NULL: no part is open */
	uint64_t number;       /* of the next or the open part */
	struct part_rows rows; /* not written yet */
	int64_t bytes;
	int64_t since; /* when it was opened, monotonic ns */
	int64_t used;  /* last row */
};

struct parts {
	struct parts_conf conf;
	struct lane_parts *lane; /* exactly-once: it has the parts, and none of what stands below */
	char signature[32];
	uint32_t subtask;
	char run[17]; /* marks our hidden names */
	struct expr *by;
	char *by_name;
	struct part **v;
	size_t n, cap;
	unsigned nopen;
	struct part *last; /* the one written last */
	struct buf sub;
	uint64_t rows;
};

/* ---- making one ---- */

int
parts_new(struct parts **out, const struct parts_conf *conf)
{
	struct parts *p = calloc(1, sizeof(*p));
	const char *last, *joined;
	uint8_t id[8];
	int rc = 0;

	if (p == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	p->conf = *conf;
	snprintf(p->signature, sizeof(p->signature), "%s %sparts", fmt_name(conf->format),
		 conf->upsert != NULL ? "upsert " : "");
	if (fio_random(id, sizeof(id)) != 0)
		rc = ferr_sys(FERR_IO, "no random numbers");
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(p->run + 2 * i, 3, "%02x", id[i]);
	if (rc == 0 && conf->partition_by != NULL) {
		if ((rc = expr_parse(&p->by, conf->partition_by, strlen(conf->partition_by), 0)) !=
		    0)
			rc = ferr_prefix(rc, "--partition-by");
		else if ((p->by_name =
			      strdup(expr_is_path(p->by, &last, &joined) ? last : "part")) == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
	}
	if (rc != 0) {
		parts_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

static void
drop_hidden(struct part *t)
{
	if (t->hidden == NULL)
		return;
	fio_close(t->fd);
	fio_unlinkat(t->dirfd, t->hidden);
	free(t->hidden);
	t->hidden = NULL;
}

void
parts_free(struct parts *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct part *t = p->v[i];

		drop_hidden(t);
		if (t->dirfd >= 0)
			fio_close(t->dirfd);
		part_rows_fini(&t->rows);
		free(t->sub);
		free(t);
	}
	lane_parts_free(p->lane);
	expr_free(p->by);
	free(p->by_name);
	free(p->v);
	buf_fini(&p->sub);
	free(p);
}

static int
parts_start(void *self, struct op *op)
{
	struct parts *p = self;
	const struct op_task *task = op_task(op);
	struct stat st;
	struct buf job = BUF_INIT;
	int rc;

	if (task != NULL && !p->conf.atleast)
		return lane_parts_new(&p->lane, op, &p->conf);
	if (task != NULL)
		p->subtask = task->subtask;
	if ((rc = dest_make_dirs(p->conf.dir)) != 0)
		return rc;
	if ((rc = buf_printf(&job, "%s.fjord", p->conf.dir)) == 0 && buf_cstr(&job) != NULL &&
	    fio_stat((const char *)job.p, &st) == 0)
		rc = ferr(
		    FERR_USAGE,
		    "%s belongs to a job (%s.fjord names it); write into a directory of its own",
		    p->conf.dir, p->conf.dir);
	buf_fini(&job);
	return rc;
}

/* ---- one part ---- */

/* One more than the highest number in the directory. */
static int
find_number(struct parts *p, struct part *t)
{
	struct buf path = BUF_INIT;
	struct dirent *e;
	uint64_t n;
	DIR *d;

	if (buf_printf(&path, "%s%s", p->conf.dir, t->sub) != 0 || buf_cstr(&path) == NULL)
		return FERR_NOMEM;
	d = fio_opendir((const char *)path.p);
	buf_fini(&path);
	if (d == NULL)
		return ferr_sys(FERR_IO, "cannot read %s%s", p->conf.dir, t->sub);
	while ((e = fio_readdir(d)) != NULL) {
		if (sscanf(e->d_name, "part-%*u-%" SCNu64, &n) == 1 && n >= t->number)
			t->number = n + 1;
	}
	fio_closedir(d);
	return 0;
}

static int
open_dir(struct parts *p, struct part *t)
{
	struct buf path = BUF_INIT;
	int rc;

	if ((rc = buf_printf(&path, "%s%s", p->conf.dir, t->sub)) == 0 && buf_cstr(&path) != NULL &&
	    (rc = dest_make_dirs((const char *)path.p)) == 0 &&
	    (t->dirfd = fio_open((const char *)path.p, O_RDONLY | O_DIRECTORY, 0)) == -1)
		rc = ferr_sys(FERR_IO, "cannot open %s", (const char *)path.p);
	buf_fini(&path);
	return rc != 0 ? rc : find_number(p, t);
}

static int
visible_name(const struct parts *p, const struct part *t, char *out, size_t cap)
{
	return snprintf(out, cap, "part-%u-%" PRIu64 ".%s", p->subtask, t->number,
			fmt_ending(p->conf.format));
}

static int
open_part(struct parts *p, struct part *t, int64_t now)
{
	char name[96], hidden[128];
	int rc;

	if (t->dirfd < 0 && (rc = open_dir(p, t)) != 0)
		return rc;
	visible_name(p, t, name, sizeof(name));
	snprintf(hidden, sizeof(hidden), ".%s.%s", name, p->run);
	if ((t->fd = fio_openat(t->dirfd, hidden, O_WRONLY | O_CREAT | O_EXCL, 0666)) == -1)
		return ferr_sys(FERR_IO, "cannot make %s%s%s", p->conf.dir, t->sub, hidden);
	if ((t->hidden = strdup(hidden)) == NULL) {
		fio_close(t->fd);
		return ferr(FERR_NOMEM, "out of memory");
	}
	p->nopen++;
	t->bytes = 0;
	t->since = now;
	return part_rows_begin(&t->rows, p->conf.format);
}

static int
write_out(struct parts *p, struct part *t)
{
	part_rows_pause(&t->rows);
	if (t->rows.b.n > 0 && fio_write_all(t->fd, t->rows.b.p, t->rows.b.n) == -1)
		return ferr_sys(FERR_IO, "writing %s%s", p->conf.dir, t->sub);
	t->rows.b.n = 0;
	return 0;
}

/* Give the part its name: synced, never over another one. */
static int
publish(struct parts *p, struct part *t)
{
	char name[96];
	int rc;

	if (t->hidden == NULL)
		return 0;
	if ((rc = part_rows_end(&t->rows, NULL)) != 0 || (rc = write_out(p, t)) != 0)
		return rc;
	part_rows_fini(&t->rows);
	if (fio_fdatasync(t->fd) == -1)
		return ferr_sys(FERR_IO, "%s%s%s", p->conf.dir, t->sub, t->hidden);
	for (;; t->number++) { /* a name that somebody else has taken meanwhile is left alone */
		visible_name(p, t, name, sizeof(name));
		if (fio_rename_noreplace(t->dirfd, t->hidden, name) == 0)
			break;
		if (errno != EEXIST)
			return ferr_sys(FERR_IO, "cannot name %s%s%s", p->conf.dir, t->sub, name);
	}
	t->number++;
	fio_close(t->fd);
	free(t->hidden);
	t->hidden = NULL;
	p->nopen--;
	if (fio_fsync(t->dirfd) == -1)
		return ferr_sys(FERR_IO, "%s%s", p->conf.dir, t->sub);
	return 0;
}

/* ---- which part ---- */

/* "name=value/", with bytes that a file name cannot have as %XX. */
static int
sub_of(struct parts *p, struct op *op, const uint8_t *row)
{
	struct expr_ctx ctx = { .row = row, .schema = op_schema(op) };
	struct buf text = BUF_INIT;
	struct val v;
	int rc;

	p->sub.n = 0;
	if (p->by == NULL)
		return 0;
	expr_arena_reset(p->by);
	if ((rc = expr_eval(p->by, &ctx, &v)) != 0)
		return rc;
	if ((rc = val_is_null(&v) ? buf_puts(&text, "null") : val_plain(&v, &text)) == 0)
		rc = buf_printf(&p->sub, "%s=", p->by_name);
	for (size_t i = 0; i < text.n && rc == 0; i++) {
		uint8_t c = text.p[i];

		if (c < 0x20 || c == 0x7f || c == '/' || c == '%' || c == '\\' ||
		    (c == '.' && i == 0))
			rc = buf_printf(&p->sub, "%%%02X", c);
		else
			rc = buf_putc(&p->sub, c);
	}
	if (rc == 0 && p->sub.n > 200)
		rc = ferr(FERR_DATA, "--partition-by gives a name of %zu bytes; 200 are the most",
			  p->sub.n);
	if (rc == 0)
		rc = buf_putc(&p->sub, '/');
	buf_fini(&text);
	return rc;
}

static int
find_part(struct parts *p, struct part **out)
{
	struct part **v, *t = p->last;
	const char *sub = p->sub.n != 0 ? buf_cstr(&p->sub) : "";

	if (sub == NULL)
		return FERR_NOMEM;
	if (t != NULL && strcmp(t->sub, sub) == 0) {
		*out = t;
		return 0;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i]->sub, sub) == 0) {
			*out = p->last = p->v[i];
			return 0;
		}
	}
	if (p->n == p->cap) {
		p->cap = p->cap != 0 ? 2 * p->cap : 8;
		if ((v = realloc(p->v, p->cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		p->v = v;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL || (t->sub = strdup(sub)) == NULL) {
		free(t);
		return ferr(FERR_NOMEM, "out of memory");
	}
	t->dirfd = -1;
	*out = p->last = p->v[p->n++] = t;
	return 0;
}

/* Too many parts are open: the one that was used least recently is rolled. */
static int
make_room(struct parts *p)
{
	struct part *old = NULL;
	int rc;

	if (p->nopen < PARTS_OPEN_MAX)
		return 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i]->hidden != NULL && (old == NULL || p->v[i]->used < old->used))
			old = p->v[i];
	}
	if ((rc = publish(p, old)) != 0)
		return rc;
	fio_close(old->dirfd);
	old->dirfd = -1;
	return 0;
}

/* ---- rows ---- */

/* Of the rows that are written. */
static const struct schema *
rows_schema(const struct parts *p, const struct op *op)
{
	return p->conf.upsert != NULL ? upsert_schema(p->conf.upsert) : op_schema(op);
}

static int
take_row(struct parts *p, struct op *op, const uint8_t *row)
{
	struct part *t = NULL;
	size_t before;
	int rc;

	if ((rc = find_part(p, &t)) != 0)
		return rc;
	if (t->hidden == NULL &&
	    ((rc = make_room(p)) != 0 || (rc = open_part(p, t, op_now(op))) != 0))
		return rc;
	t->used = op_now(op);
	before = t->rows.b.n;
	if ((rc = part_rows_put(&t->rows, rows_schema(p, op), row)) != 0)
		return rc;
	t->bytes += (int64_t)(t->rows.b.n - before);
	if (t->rows.b.n >= WRITE_AT && (rc = write_out(p, t)) != 0)
		return rc;
	return t->bytes >= p->conf.roll_bytes ? publish(p, t) : 0;
}

/* Parts that have been open for long enough are rolled; sets when to look again. */
static int
roll_old(struct parts *p, struct op *op)
{
	int64_t now = op_now(op), next = INT64_MAX, at;
	int rc;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i]->hidden == NULL)
			continue;
		at = p->v[i]->since + p->conf.roll_ms * 1000000;
		if (at <= now && (rc = publish(p, p->v[i])) != 0)
			return rc;
		if (at > now && at < next)
			next = at;
	}
	op_wake_at(op, next);
	return 0;
}

static int
lane_row(struct parts *p, struct op *op, const uint8_t *row)
{
	const char *sub = p->sub.n != 0 ? buf_cstr(&p->sub) : "";

	if (sub == NULL)
		return FERR_NOMEM;
	return lane_parts_row(p->lane, op, sub, p->sub.n, rows_schema(p, op), row);
}

/* Into the directory of p->sub. */
static int
put_row(struct parts *p, struct op *op, const uint8_t *row)
{
	return p->lane != NULL ? lane_row(p, op, row) : take_row(p, op, row);
}

/* A -D goes where the record was. */
static int
put_held(void *cookie, struct op *op, const uint8_t *row, const uint8_t *came)
{
	struct parts *p = cookie;
	int rc = sub_of(p, op, came);

	if (rc == FERR_DATA)
		return upsert_bad(op, came, ferr_text());
	return rc != 0 ? rc : put_row(p, op, row);
}

static int
give_held(struct parts *p, struct op *op)
{
	return p->conf.upsert != NULL ? upsert_give(p->conf.upsert, op, put_held, p) : 0;
}

/* The disk is behind: rows wait at the input until it has caught up. */
static bool
must_wait(const struct parts *p, struct op *op)
{
	if (p->lane == NULL || !lane_parts_full(p->lane))
		return false;
	op_wait_job(op);
	return true;
}

static int
parts_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct parts *ps = self;
	int rc = 0;

	if (ps->conf.upsert != NULL)
		return upsert_take(ps->conf.upsert, op, p, end);
	if (must_wait(ps, op))
		return 0;
	for (; *p < end && rc == 0; *p += row_len(*p)) {
		ps->rows++;
		if ((rc = sub_of(ps, op, *p)) == FERR_DATA)
			rc = op_bad_row(op, *p, ferr_text());
		else if (rc == 0)
			rc = put_row(ps, op, *p);
	}
	return rc != 0 || ps->lane != NULL ? rc : roll_old(ps, op);
}

static int
parts_on_tick(void *self, struct op *op)
{
	return roll_old(self, op);
}

static int
parts_on_schema(void *self, struct op *op)
{
	struct parts *p = self;
	int rc;

	if (p->conf.upsert != NULL)
		rc = upsert_bind(p->conf.upsert, op_schema(op));
	else
		rc = fmt_check_changing(p->conf.format, op_schema(op));
	return rc != 0 || p->by == NULL ? rc : expr_bind(p->by, op_schema(op));
}

static int
publish_all(struct parts *p)
{
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = publish(p, p->v[i]);
	return rc;
}

static int
parts_on_end(void *self, struct op *op)
{
	struct parts *p = self;
	int rc = give_held(p, op);

	if (p->conf.upsert != NULL)
		upsert_warn(p->conf.upsert, op);
	for (unsigned i = 0; p->by != NULL && p->rows > 0 && i < expr_nfields(p->by); i++)
		op_warn_unseen(op, op_schema(op), expr_field(p->by, i));
	if (rc != 0)
		return rc;
	if (p->lane != NULL)
		return lane_parts_end(p->lane);
	return publish_all(p);
}

/* ---- what the planner asks, and epochs ---- */

static void
parts_describe(void *self, struct op_facts *f)
{
	const struct parts *p = self;

	if (p->conf.upsert != NULL && upsert_keyed(p->conf.upsert)) {
		f->most = 1;
		f->most_why = "--key brings rows together that are spread by another key";
	}
	f->lanes = !p->conf.atleast;
	f->asked = p->conf.atleast;
	if (p->conf.atleast)
		f->atleast = "--guarantee at-least-once";
	f->target = p->conf.dir;
}

static const char *
parts_signature(void *self)
{
	const struct parts *p = self;

	return p->lane != NULL ? p->signature : NULL;
}

static int
parts_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct parts *p = self;

	(void)equal;
	return p->lane != NULL ? lane_parts_restored(p->lane, op) : lane_log_refuse(op_task(op));
}

static int
parts_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct parts *p = self;
	int rc = give_held(p, op);

	if (rc != 0)
		return rc;
	return p->lane != NULL ? lane_parts_barrier(p->lane, op, b) : publish_all(p);
}

static int
parts_on_ack(void *self, struct op *op, struct snap *s)
{
	struct parts *p = self;

	(void)op;
	return p->lane != NULL ? lane_parts_ack(p->lane, s) : 0;
}

static int
parts_on_complete(void *self, struct op *op, uint64_t epoch)
{
	struct parts *p = self;

	return p->lane != NULL ? lane_parts_complete(p->lane, op, epoch) : op_published(op, epoch);
}

const struct op_class parts_class = {
	.name = "fsink",
	.start = parts_start,
	.on_schema = parts_on_schema,
	.on_rows = parts_on_rows,
	.on_tick = parts_on_tick,
	.on_end = parts_on_end,
	.describe = parts_describe,
	.signature = parts_signature,
	.on_restored = parts_on_restored,
	.on_barrier = parts_on_barrier,
	.on_ack = parts_on_ack,
	.on_complete = parts_on_complete,
};
