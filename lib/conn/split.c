/* split: see split.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn/split_internal.h"
#include "fio/fio.h"
#include "frame/frame.h"

#define GEN_BATCH 64

int
split_new(struct split **out, enum split_kind kind, const char *name, bool follow)
{
	struct split *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->in = calloc(1, sizeof(*s->in))) == NULL ||
	    (s->name = strdup(name)) == NULL) {
		split_free(s);
		return ferr(FERR_NOMEM, "out of memory");
	}
	s->kind = kind;
	s->follow = s->live = follow;
	s->max_ts = s->first = ROW_NOTIME;
	s->next = s->until = -1;
	schema_init(&s->in->schema);
	*out = s;
	return 0;
}

void
split_free(struct split *s)
{
	if (s == NULL)
		return;
	if (s->in != NULL)
		split_close(s);
	buf_fini(&s->parked);
	free(s->family);
	free(s->in);
	free(s->name);
	free(s);
}

int
split_map_fields(struct split_in *in)
{
	const struct field *f = in->schema.f;
	int *map = realloc(in->map, (in->schema.n + 1) * sizeof(*map));

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	in->map = map;
	for (unsigned i = 0; i < in->schema.n; i++) {
		map[i] = -1;
		if ((f[i].flags & FIELD_HIDDEN) != 0)
			continue;
		if (in->conf.fields == NULL && fmt_wants(in->conf.only, f[i].name, f[i].n))
			map[i] = schema_add(in->conf.schema, f[i].name, f[i].n);
		for (unsigned k = 0; k < in->conf.nfields; k++) {
			if (strcmp(in->conf.fields[k].name, f[i].name) == 0)
				map[i] = (int)in->conf.fields[k].to;
		}
		if (map[i] < -1)
			return map[i];
	}
	return 0;
}

static int
open_gen(struct split *s)
{
	struct split_in *in = s->in;
	const struct split_conf *conf = &in->conf;
	int rc;

	rc = gen_new(&in->gen, s->name, conf->fields != NULL ? &in->schema : conf->schema);
	if (rc == 0 && conf->fields != NULL)
		rc = split_map_fields(in);
	if (rc == 0)
		s->disorder = gen_disorder(in->gen);
	return rc;
}

static int
open_stdin(struct split_in *in)
{
	int fd = dup(STDIN_FILENO);

	return fd == -1 ? ferr_sys(FERR_IO, "stdin is not open")
			: file_take(&in->file, fd, "stdin");
}

int
split_open_file(struct split *s)
{
	int rc = file_open(&s->in->file, s->name);

	return rc == 0 && s->follow ? follow_new(&s->in->follow, s->name, false) : rc;
}

int
split_open(struct split *s, const struct split_conf *conf)
{
	struct split_in *in = s->in;
	int rc;

	in->conf = *conf;
	s->open = true;
	if (s->kind == SPLIT_GEN)
		rc = open_gen(s);
	else if (s->kind == SPLIT_STDIN)
		rc = open_stdin(in);
	else if (s->kind == SPLIT_KAFKA)
		rc = split_kafka_open(s);
	else
		rc = s->parked.n == 0 ? split_open_file(s) : 0; /* else it is looked for */
	if (rc == 0 && s->parked.n > 0)
		rc = split_resume(s);
	if (rc != 0) {
		split_close(s);
		return rc;
	}
	if (in->file != NULL && file_live(in->file))
		s->live = true;
	return 0;
}

void
split_close(struct split *s)
{
	struct split_in *in = s->in;

	file_close(in->file);
	fmt_reader_free(in->reader);
	follow_free(in->follow);
	gen_free(in->gen);
	kafka_part_close(in->part);
	buf_fini(&in->b);
	buf_fini(&in->rows);
	schema_fini(&in->schema);
	free(in->map);
	memset(in, 0, sizeof(*in));
	schema_init(&in->schema);
	s->open = false;
}

int
split_fd(const struct split *s)
{
	if (s->in->part != NULL)
		return kafka_part_fd(s->in->part);
	return s->open && s->in->file != NULL && file_live(s->in->file) ? file_fd(s->in->file) : -1;
}

bool
split_same_file(const struct split *s, const char *path)
{
	dev_t dev;
	ino_t ino;
	off_t size;
	struct stat st;

	return s->open && s->in->file != NULL &&
	       file_identity(s->in->file, &dev, &ino, &size) == 0 && fio_stat(path, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

/* ---- bytes ---- */

/* Go on in the copy of a truncated file, where we were in the file. */
static int
switch_to_copy(struct split_in *in)
{
	struct buf skip = BUF_INIT;
	uint64_t left = in->base + in->b.n;
	ssize_t k = 1;
	int rc;

	file_close(in->file);
	in->file = NULL;
	if ((rc = file_open(&in->file, follow_copy(in->follow))) != 0)
		return rc;
	in->finishing = true;
	while (left > 0 && (k = file_read(in->file, &skip)) > 0) {
		if (skip.n > left) {
			rc = buf_put(&in->b, skip.p + left, skip.n - left);
			left = 0;
		} else {
			left -= skip.n;
		}
		skip.n = 0;
	}
	buf_fini(&skip);
	return rc != 0 ? rc : k < 0 ? (int)k : 1;
}

/* More bytes behind in->b: 1, 0 at the end, FERR_AGAIN, or an error. */
static int
more(struct split *s)
{
	struct split_in *in = s->in;
	ssize_t k;
	int rc;

	if (in->at > 0) {
		in->base += in->at;
		buf_shift(&in->b, in->at);
		in->at = 0;
	}
	if ((k = file_read(in->file, &in->b)) > 0)
		return 1;
	if (k < 0)
		return (int)k;
	if (in->follow == NULL || in->finishing || file_packed(in->file)) {
		in->eof = true;
		return 0;
	}
	rc = follow_check(in->follow, in->file, in->base + in->b.n);
	if (rc == FOLLOW_WAIT)
		return FERR_AGAIN;
	if (rc == FOLLOW_COPY)
		return switch_to_copy(in);
	if (rc != FOLLOW_NEXT)
		return rc;
	in->eof = true; /* what is left is the old file's last record; then the new one begins */
	return 0;
}

/* A followed file has been replaced, and the old one is read to its end: on with what was written
 * behind it. */
static int
next_file(struct split *s)
{
	struct split_in *in = s->in;
	struct split_conf conf = in->conf;
	struct follow *follow = in->follow;
	struct file *file;
	bool packed;
	int rc;

	if ((rc = follow_next(follow, in->file, in->base + in->b.n, &file, &packed)) != 0)
		return rc;
	in->follow = NULL;
	split_close(s);
	in->conf = conf;
	in->file = file;
	in->follow = follow;
	in->finishing = packed;
	s->open = true;
	return 0;
}

/* ---- text ---- */

/* What the first bytes are, once there are enough of them: 1 known, 0 empty file, which has no
 * format yet, FERR_AGAIN, or an error. */
static int
open_format(struct split *s)
{
	struct split_in *in = s->in;
	struct fmt_conf c = split_fmt_conf(in, in->conf.format);
	size_t n;
	int rc;

	while (in->b.n < FRAME_LINE_LEN && !in->eof) {
		if ((rc = more(s)) < 0) {
			if (rc == FERR_AGAIN && in->b.n > 0 &&
			    memcmp(in->b.p, FRAME_LINE, in->b.n < 7 ? in->b.n : 7) != 0)
				break;
			return rc;
		}
	}
	n = in->b.n < 9 ? in->b.n : 9;
	if (c.kind == FMT_FRAMES ||
	    (c.kind == FMT_AUTO && n == 9 && memcmp(in->b.p, FRAME_LINE, 9) == 0)) {
		if (in->b.n < FRAME_LINE_LEN || memcmp(in->b.p, FRAME_LINE, 9) != 0)
			return ferr(FERR_CORRUPT, "%s does not hold frames of this version",
				    s->name);
		in->at = FRAME_LINE_LEN;
		in->frames = true;
		return 1;
	}
	if (in->b.n == 0)
		return 0;
	if (c.kind == FMT_AUTO)
		c.kind = fmt_sniff(in->b.p, in->b.n);
	in->kind = c.kind;
	return (rc = fmt_reader_new(&in->reader, &c)) != 0 ? rc : 1;
}

void
split_place(struct split *s)
{
	struct split_in *in = s->in;
	const uint8_t *end = in->b.p + in->at;

	if (in->part != NULL) {
		s->rec = in->b.p;
		s->nrec = in->b.n;
	}
	if (in->reader == NULL || in->part != NULL)
		return; /* known already */
	s->line = fmt_reader_line(in->reader);
	s->rec = in->b.p + in->rec;
	s->offset = in->base + in->rec;
	while (end > s->rec && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	s->nrec = (size_t)(end - s->rec);
}

static inline int
next_text(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	size_t used;
	int rc;

	for (;;) {
		in->rec = in->at;
		rc = fmt_read(in->reader, in->b.p + in->at, in->b.n - in->at,
			      in->eof && !in->conf.hold, &used, out, &s->bad);
		in->at += used;
		if (__builtin_expect(rc == 1, 1))
			return 1;
		if (rc == FERR_DATA || rc == FERR_LIMIT)
			return FERR_DATA;
		if (rc == 0 && (!in->eof || in->at < in->b.n))
			continue;
		if (rc < 0 && rc != FERR_AGAIN)
			return rc;
		if (in->eof)
			return 0;
		if ((rc = more(s)) < 0)
			return rc;
	}
}

/* ---- frames ---- */

static int
take_schema(struct split_in *in, const struct frame *f)
{
	int rc = schema_decode(&in->schema, f->payload, f->n);

	if (rc != 0)
		return rc;
	in->conf.schema->changing = in->conf.schema->changing || in->schema.changing;
	return split_map_fields(in);
}

/* A row that came ready, under our schema, to in->rows. */
static int
take_ready(struct split_in *in, const uint8_t *row)
{
	struct fmt_conf c = split_fmt_conf(in, FMT_FRAMES);
	int rc;

	if (in->conf.fields == NULL)
		return row_remap(row, in->conf.schema->n, in->map, &in->rows);
	rc = fmt_typed_row(&c, row, in->map, &in->rows);
	return rc == FERR_DATA ? FERR_LOST : rc; /* it has no text to be put aside */
}

/* Take a frame apart; its rows are copied, for the buffer moves. */
static int
take_frame(struct split_in *in, const struct frame *f)
{
	const uint8_t *r = f->payload, *end = r + f->n;
	size_t at;
	int rc;

	if (f->seq != in->seq++)
		return ferr(FERR_CORRUPT, "a frame is missing before frame %" PRIu64, f->seq);
	if (f->kind == FRAME_SCHEMA)
		return take_schema(in, f);
	in->ended = f->kind == FRAME_END;
	if (f->kind != FRAME_DATA)
		return 0;
	if ((rc = frame_check_data(f)) != 0)
		return rc;
	in->rows.n = in->row = 0;
	for (; r < end; r += row_len(r)) {
		if (row_kind(r) == ROW_WATERMARK)
			continue;
		if (row_n(r) > in->schema.n)
			return ferr(FERR_CORRUPT, "a row has more fields than the schema");
		at = in->rows.n;
		if ((rc = take_ready(in, r)) != 0)
			return rc;
		in->rows.p[at + 7] &=
		    (uint8_t)~ROW_KEYED; /* the key of another pipeline means nothing here */
		le64put(in->rows.p + at + 16, 0);
	}
	for (; in->skip > 0 && in->row < in->rows.n; in->skip--)
		in->row += row_len(in->rows.p + in->row);
	return 0;
}

/* Move the next of the rows that are ready: 1, or 0 when there is none. */
static int
ready_row(struct split_in *in, struct buf *out)
{
	uint32_t len;
	int rc;

	if (in->row == in->rows.n)
		return 0;
	len = row_len(in->rows.p + in->row);
	if ((rc = buf_put(out, in->rows.p + in->row, len)) != 0)
		return rc;
	in->row += len;
	return 1;
}

static int
next_frames(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	struct frame f;
	size_t used;
	int rc;

	while ((rc = ready_row(in, out)) == 0) {
		if (in->ended)
			return 0;
		rc = frame_decode(&f, in->b.p + in->at, in->b.n - in->at, &used);
		if (rc == 0) {
			in->frame_at = in->base + in->at;
			in->at += used;
			rc = take_frame(in, &f);
		} else if (rc == FERR_AGAIN && (rc = more(s)) == 0) {
			rc = ferr(FERR_TRUNC,
				  "%s breaks off: the stage that wrote it was killed or failed",
				  s->name);
		}
		if (rc < 0)
			return rc == FERR_AGAIN ? rc : ferr_prefix(rc, "%s", s->name);
	}
	s->line++;
	return rc;
}

/* ---- generators ---- */

/* A batch with the named fields only. */
static int
gen_some(struct split_in *in)
{
	int n, rc = 0;

	in->b.n = 0;
	n = gen_next(in->gen, GEN_BATCH, &in->b);
	for (const uint8_t *r = in->b.p; n > 0 && r < in->b.p + in->b.n && rc == 0; r += row_len(r))
		rc = take_ready(in, r);
	return rc != 0 ? rc : n;
}

static int
next_gen(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	int n, rc;

	if (in->row == in->rows.n) {
		in->rows.n = in->row = 0;
		n = in->map == NULL ? gen_next(in->gen, GEN_BATCH, &in->rows) : gen_some(in);
		if (n < 0)
			return n;
	}
	if ((rc = ready_row(in, out)) == 1)
		s->offset = s->line++;
	return rc;
}

static inline int
next_row(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	int rc;

	if (in->gen != NULL)
		return next_gen(s, out);
	if (in->part != NULL)
		return split_kafka_next(s, out);
	if (in->reader == NULL && !in->frames && (rc = open_format(s)) != 1)
		return rc;
	return in->frames ? next_frames(s, out) : next_text(s, out);
}

int
split_next(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	int rc;

	do
		rc = next_row(s, out);
	while (rc == 0 && in->follow != NULL && (!file_packed(in->file) || in->finishing) &&
	       (rc = next_file(s)) == 0); /* a followed file's successor */
	s->waiting = rc == FERR_AGAIN;
	s->done = rc == 0;
	return rc;
}
