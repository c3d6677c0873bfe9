/* lane_file: see lane_file.h. */
#include "conn/lane_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn/lane.h"
#include "conn/lane_log.h"
#include "fio/fio.h"

#define HEADER_MAX 65536

struct lane_file {
	struct lane_file_conf conf;
	const char *name; /* for messages */
	char signature[32];
	bool regular;
	struct lane *lane;	/* exactly-once */
	struct lane_part *part; /* the whole file; at-least-once: its rows alone are used */
	int fd;			/* at-least-once */
};

int
lane_file_look(int fd, const char *name, const struct stat *st, enum fmt_kind format,
	       struct buf *header)
{
	uint8_t last = '\n', *nl;
	ssize_t n;

	if (buf_room(header, HEADER_MAX) != 0)
		return FERR_NOMEM;
	if (fio_pread(fd, &last, 1, st->st_size - 1) == -1 ||
	    (n = fio_pread(fd, header->p, HEADER_MAX - 1, 0)) == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", name);
	if (format == FMT_FRAMES)
		return ferr(FERR_USAGE,
			    "%s has frames or text already; frames need a file of their own", name);
	if (last != '\n')
		return ferr(FERR_USAGE,
			    "%s ends in the middle of a line; complete or cut that line first",
			    name);
	if (format != FMT_CSV && format != FMT_TSV)
		return 0;
	if ((nl = memchr(header->p, '\n', (size_t)n)) == NULL)
		return ferr(FERR_USAGE, "%s does not begin with a header", name);
	header->n = (size_t)(nl + 1 - header->p);
	return 0;
}

int
lane_file_new(struct lane_file **out, const struct lane_file_conf *conf)
{
	struct lane_file *f = calloc(1, sizeof(*f));
	struct stat st;

	if (f == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	f->conf = *conf;
	f->fd = -1;
	f->name = conf->path != NULL ? conf->path : "stdout";
	f->regular =
	    conf->path != NULL || (fio_fstat(op_stdout(), &st) == 0 && S_ISREG(st.st_mode));
	if (conf->path != NULL && !conf->atleast && fio_stat(conf->path, &st) == 0 &&
	    !S_ISREG(st.st_mode)) {
		free(f);
		return ferr(FERR_USAGE,
			    "%s is not a regular file: what it was given cannot be looked at again "
			    "after a crash; say --guarantee at-least-once, or null: for nothing",
			    conf->path);
	}
	snprintf(f->signature, sizeof(f->signature), "%s %sfile", fmt_name(conf->format),
		 conf->upsert != NULL ? "upsert " : "");
	*out = f;
	return 0;
}

void
lane_file_free(struct lane_file *f)
{
	if (f == NULL)
		return;
	lane_part_free(f->part);
	lane_free(f->lane);
	if (f->fd != -1 && f->fd != STDOUT_FILENO)
		fio_close(f->fd);
	free(f);
}

static void
file_describe(void *self, struct op_facts *facts)
{
	const struct lane_file *f = self;

	facts->most = 1;
	facts->most_why = "one file has one writer";
	facts->print = f->conf.path == NULL;
	facts->lanes = !f->conf.atleast;
	facts->target = f->conf.path;
	facts->asked = f->conf.atleast;
	if (f->conf.atleast)
		facts->atleast = "--guarantee at-least-once";
	else if (!f->regular)
		facts->atleast = "a crash may print an epoch again";
}

static const char *
file_signature(void *self)
{
	const struct lane_file *f = self;

	return f->lane != NULL ? f->signature : NULL;
}

/* ---- at-least-once ---- */

/* Cut the file back to its last line end. */
static int
cut_torn(struct lane_file *f, struct stat *st)
{
	off_t at = st->st_size;
	uint8_t c = 0;

	while (at > 0 && fio_pread(f->fd, &c, 1, at - 1) == 1 && c != '\n')
		at--;
	if (at == st->st_size)
		return 0;
	if (fio_ftruncate(f->fd, at) == -1)
		return ferr_sys(FERR_IO, "cannot cut back %s", f->name);
	st->st_size = at;
	return 0;
}

static int
open_atleast(struct lane_file *f, bool again)
{
	struct part_rows *r = &f->part->rows;
	struct stat st;
	int rc;

	f->fd = STDOUT_FILENO;
	if (f->conf.path != NULL &&
	    (f->fd = fio_open(f->conf.path, O_RDWR | O_CREAT | O_APPEND, 0666)) == -1)
		return ferr_sys(fio_blame(), "cannot write %s", f->name);
	if (fio_fstat(f->fd, &st) == -1)
		return ferr_sys(fio_blame(), "cannot write %s", f->name);
	/* What a killed attempt of ours has torn comes again whole. */
	if (again && S_ISREG(st.st_mode) && (rc = cut_torn(f, &st)) != 0)
		return rc;
	if (f->conf.path == NULL || !S_ISREG(st.st_mode) || st.st_size == 0)
		return part_rows_begin(r, f->conf.format);
	return lane_file_look(f->fd, f->name, &st, f->conf.format, &r->header);
}

static int
write_through(struct lane_file *f)
{
	struct buf *b = &f->part->rows.b;

	part_rows_pause(&f->part->rows);
	if (b->n > 0 && fio_write_all(f->fd, b->p, b->n) == -1)
		return errno == EPIPE ? ferr(FERR_REFUSED, "the reader of %s left", f->name)
				      : ferr_sys(FERR_IO, "writing %s", f->name);
	b->n = 0;
	return 0;
}

/* ---- start and restore ---- */

static int
file_start(void *self, struct op *op)
{
	struct lane_file *f = self;
	struct dest_conf dest = { .kind = f->regular ? DEST_FILE : DEST_PRINT,
				  .path = f->conf.path };

	if (f->conf.exactly && !f->regular)
		return ferr(FERR_USAGE,
			    "--guarantee exactly: what is printed cannot be taken back after a "
			    "crash; append to a file (>> FILE), or name one");
	if (!f->conf.atleast)
		return lane_new(&f->lane, op, &dest, f->conf.format);
	if ((f->part = calloc(1, sizeof(*f->part))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	f->part->rows.kind = f->conf.format;
	return open_atleast(f, f->conf.format != FMT_FRAMES && op_task(op) != NULL &&
				   op_task(op)->attempt > 1);
}

static int
take(void *cookie, struct op *op, struct lane_part *p)
{
	struct lane_file *f = cookie;

	(void)op;
	lane_part_free(f->part);
	f->part = p;
	return 0;
}

/* The first start: our output begins where the file ends now. */
static int
begin_file(struct lane_file *f, struct op *op, const struct stat *st)
{
	struct lane_part *p = f->part = lane_part_new(f->lane, op, "", 0);

	if (p == NULL)
		return FERR_NOMEM;
	p->dirty = true;
	if (f->conf.path == NULL && f->regular) {
		p->dev = st->st_dev;
		p->ino = st->st_ino;
	}
	if (!f->regular || st->st_size == 0)
		return part_rows_begin(&p->rows, f->conf.format);
	p->offset = (uint64_t)st->st_size;
	return lane_file_look(lane_fd(f->lane), f->name, st, f->conf.format, &p->rows.header);
}

static int
file_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct lane_file *f = self;
	struct stat st = { 0 };
	uint64_t next = 0;
	int rc;

	(void)equal;
	if (f->lane == NULL)
		return lane_log_refuse(op_task(op));
	if ((rc = lane_restored(f->lane, op, &next, take, f)) != 0)
		return rc;
	if (f->regular && fio_fstat(lane_fd(f->lane), &st) == -1)
		return ferr_sys(FERR_IO, "%s", f->name);
	if (f->part == NULL)
		return begin_file(f, op, &st);
	if (f->part->ino != 0 && (f->part->ino != st.st_ino || f->part->dev != st.st_dev))
		return ferr(FERR_USAGE,
			    "stdout is another file than the one that the checkpoint has written "
			    "to; append to that one; %s",
			    task_anew(op_task(op)->plain));
	return 0;
}

/* ---- rows and epochs ---- */

/* Of the rows that are written. */
static const struct schema *
file_schema(const struct lane_file *f, const struct op *op)
{
	return f->conf.upsert != NULL ? upsert_schema(f->conf.upsert) : op_schema(op);
}

static int
file_on_schema(void *self, struct op *op)
{
	struct lane_file *f = self;

	return f->conf.upsert != NULL ? upsert_bind(f->conf.upsert, op_schema(op))
				      : fmt_check_changing(f->conf.format, op_schema(op));
}

static int
put_row(struct lane_file *f, struct op *op, const uint8_t *row)
{
	struct part_rows *r = &f->part->rows;
	int rc = part_rows_put(r, file_schema(f, op), row);

	if (rc != 0 || r->b.n < LANE_WRITE)
		return rc;
	return f->lane != NULL ? lane_put(f->lane, op, f->part, 0) : write_through(f);
}

static int
put_held(void *cookie, struct op *op, const uint8_t *row, const uint8_t *came)
{
	(void)came;
	return put_row(cookie, op, row);
}

static int
give_held(struct lane_file *f, struct op *op)
{
	return f->conf.upsert != NULL ? upsert_give(f->conf.upsert, op, put_held, f) : 0;
}

static int
file_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct lane_file *f = self;
	int rc = 0;

	if (f->part->number == 1)
		return ferr(FERR_USAGE,
			    "the frames of %s have ended, nothing can follow them; write parts "
			    "into a directory, or another --format",
			    f->name);
	if (f->conf.upsert != NULL)
		return upsert_take(f->conf.upsert, op, p, end);
	if (f->lane != NULL && lane_full(f->lane)) {
		op_wait_job(op); /* the disk is behind: the rows come again when it has caught up */
		return 0;
	}
	for (; *p < end && rc == 0; *p += row_len(*p))
		rc = put_row(f, op, *p);
	return rc != 0 || f->lane != NULL ? rc : write_through(f);
}

/* The last barrier: a frame stream gets its END, csv of no rows its header. */
static int
end_rows(struct lane_file *f, struct op *op)
{
	if (f->part->number == 1)
		return 0;
	if (f->conf.format == FMT_FRAMES)
		f->part->number = 1;
	f->part->dirty = true;
	return part_rows_end(&f->part->rows, file_schema(f, op));
}

static int
file_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct lane_file *f = self;
	int rc = give_held(f, op);

	if (rc == 0 && (b->flags & (BARRIER_FINAL | BARRIER_DRAIN)) != 0)
		rc = end_rows(f, op);
	if (rc != 0)
		return rc;
	if (f->lane == NULL) {
		if ((rc = write_through(f)) == 0 && f->conf.path != NULL &&
		    fio_fdatasync(f->fd) == -1 && errno != EINVAL)
			rc = ferr_sys(FERR_IO, "cannot sync %s", f->name);
		return rc;
	}
	if ((rc = lane_put(f->lane, op, f->part, 0)) == 0 && f->part->dirty)
		rc = lane_keep(f->lane, op, f->part);
	return rc != 0 ? rc : lane_seal(f->lane, op, b);
}

static int
file_on_ack(void *self, struct op *op, struct snap *s)
{
	struct lane_file *f = self;

	(void)op;
	return f->lane != NULL ? lane_ack(f->lane, s) : 0;
}

static int
file_on_complete(void *self, struct op *op, uint64_t epoch)
{
	struct lane_file *f = self;

	return f->lane != NULL ? lane_complete(f->lane, op, epoch) : op_published(op, epoch);
}

static int
file_on_end(void *self, struct op *op)
{
	struct lane_file *f = self;
	int rc = give_held(f, op);

	if (f->conf.upsert != NULL)
		upsert_warn(f->conf.upsert, op);
	return rc != 0 || f->lane == NULL ? rc : lane_end(f->lane);
}

const struct op_class lane_file_class = {
	.name = "fsink",
	.start = file_start,
	.on_schema = file_on_schema,
	.on_rows = file_on_rows,
	.on_end = file_on_end,
	.describe = file_describe,
	.signature = file_signature,
	.on_restored = file_on_restored,
	.on_barrier = file_on_barrier,
	.on_ack = file_on_ack,
	.on_complete = file_on_complete,
};
