/* emit: what classes call; see op.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>

#include "fio/fio.h"
#include "op/op_internal.h"
#include "row/key.h"

const struct op_conf *
op_conf(const struct op *op)
{
	return &op->conf;
}

const struct schema *
op_schema(const struct op *op)
{
	return &op->input[op->current].schema;
}

unsigned
op_input(const struct op *op)
{
	return op->current;
}

const struct schema *
op_schema_of(const struct op *op, unsigned input)
{
	return &op->input[input].schema;
}

int64_t
op_input_watermark(const struct op *op, unsigned input)
{
	int64_t least = WM_MAX;

	for (unsigned i = 0; i < op->nin; i++) {
		if (op->in[i].input == input && op->wm_chans[i].wm < least)
			least = op->wm_chans[i].wm;
	}
	return least;
}

void
op_hold_back(struct op *op, int64_t ms)
{
	op->told.watermark = op->told.watermark || ms < op->hold_back;
	op->hold_back = ms;
}

const struct schema *
op_out_schema(const struct op *op)
{
	return &op->out_schema;
}

void
op_broadcast(struct op *op)
{
	op->broadcast = true;
}

bool
op_stopping(const struct op *op)
{
	return op->ev.signals != 0;
}

bool
op_text_in(const struct op *op)
{
	return op->nin > 0 && op->in[0].reader != NULL;
}

int
op_set_schema(struct op *op, const struct schema *s)
{
	int rc;

	if (s != &op->out_schema && (rc = schema_copy(&op->out_schema, s)) != 0)
		return rc;
	for (unsigned i = 0; i < op->nedges; i++) {
		struct out_edge *e = &op->edge[i];

		if (e->behind != NULL && (rc = op_chain_schema(op, e)) != 0)
			return rc;
		for (unsigned k = 0; k < e->n && e->behind == NULL; k++)
			op->out[e->first + k].schema_due = true;
	}
	return 0;
}

/* Which output of an edge a row goes to: by key group (C35), else in turn. */
static struct out *
route(struct op *op, struct out_edge *e, const uint8_t *row)
{
	uint32_t groups = op->out_schema.groups;

	if ((row[7] & ROW_KEYED) != 0 && groups != 0)
		return &op->out[e->first +
				(uint64_t)key_group(row_hash(row), groups) * e->n / groups];
	if (++e->next >= e->n)
		e->next = 0;
	return &op->out[e->first + e->next];
}

struct buf *
op_rows_buf(struct op *op)
{
	if (op->nout == 1 && op->edge[0].behind == NULL)
		return &op->out[0].cur;
	op->row.n = 0;
	return &op->row;
}

int
op_rows_done(struct op *op, size_t at, unsigned rows)
{
	if (op->nout == 1 && op->edge[0].behind == NULL)
		return out_added(&op->out[0], rows, op->now);
	return op_forward(op, op->row.p + at, op->row.p + op->row.n);
}

/* Every edge gets every row. */
int
op_forward(struct op *op, const uint8_t *p, const uint8_t *end)
{
	unsigned rows = 0;
	int rc = 0;

	for (const uint8_t *r = p; r < end; r += row_len(r))
		rows++;
	for (unsigned i = 0; i < op->nedges && rc == 0; i++) {
		struct out_edge *e = &op->edge[i];

		if (e->behind != NULL) {
			rc = op_chain_rows(op, e, p, end);
			continue;
		}
		for (unsigned k = 0; k < e->n && (e->n == 1 || op->broadcast) && rc == 0; k++)
			rc = out_rows(&op->out[e->first + k], p, end, rows, op->now);
		for (const uint8_t *r = p; r < end && e->n > 1 && !op->broadcast && rc == 0;
		     r += row_len(r))
			rc = out_rows(route(op, e, r), r, r + row_len(r), 1, op->now);
	}
	return rc;
}

int
op_emit_watermark(struct op *op, int64_t wm)
{
	int rc = 0;

	op->wm.out = wm;
	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = out_mark(&op->out[i], wm, op->now);
	return rc;
}

int
op_emit_idle(struct op *op, bool idle)
{
	int rc = 0;

	op->wm.out_idle = idle;
	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = out_control(&op->out[i], idle ? FRAME_IDLE : FRAME_ACTIVE, NULL, 0);
	return rc;
}

int
op_emit_text(struct op *op, const void *p, size_t n)
{
	return out_text(&op->out[0], p, n);
}

/* ---- bad records ---- */

int
op_bad(struct op *op, const char *at, const char *reason, const void *text, size_t n)
{
	static const char *const names[] = { "at", "reason", "record" };
	struct rowb w;
	struct val v[3];
	char q[QUOTE_MAX];
	struct op_side *s = op->bad_side;
	int rc = 0;

	op->nbad++;
	if (op->conf.on_bad == BAD_FAIL)
		return ferr(FERR_DATA,
			    "%s: %s\n  %s\n  to go on without such records: --on-bad skip, or "
			    "--on-bad FILE to keep them",
			    at, reason, quote(text, n, q));
	if (op->conf.on_bad == BAD_SKIP)
		return 0;
	if (s->schema.n == 0) {
		for (unsigned i = 0; i < 3 && rc >= 0; i++)
			rc = schema_add(&s->schema, names[i], strlen(names[i]));
		if (rc < 0)
			return rc;
		s->out.schema_due = true;
	}
	/* What is not UTF-8 is kept as bytes. */
	v[0] = val_text(VAL_STR, at, strlen(at));
	v[1] = val_text(VAL_STR, reason, strlen(reason));
	v[2] = val_text(utf8_ok(text, n) ? VAL_STR : VAL_BYTES, text, n);
	if ((rc = rowb_begin(&w, &s->out.cur, 3, ROW_INSERT, ROW_NOTIME)) != 0)
		return rc;
	for (unsigned i = 0; i < 3; i++) {
		if ((rc = rowb_set(&w, i, &v[i])) != 0) {
			rowb_drop(&w);
			return rc;
		}
	}
	if ((rc = rowb_end(&w)) != 0)
		return rc;
	s->rows++;
	return out_added(&s->out, 1, op->now);
}

int
op_bad_row(struct op *op, const uint8_t *row, const char *reason)
{
	struct json_writer *w = NULL;
	struct buf text = BUF_INIT;
	uint64_t number = 0;
	char at[96];
	int rc;

	for (unsigned i = 0; i < op->nin; i++) {
		const struct chan *c = &op->in[i];

		if (c->run == NULL || row < c->run || row >= c->end)
			continue;
		number = c->before + 1;
		for (const uint8_t *r = c->run; r < row; r += row_len(r))
			number++;
	}
	snprintf(at, sizeof(at), "stdin:%" PRIu64 ":1", number);
	if ((rc = json_writer_new(&w)) == 0 &&
	    (rc = json_write(w, op_schema(op), row, &text)) == 0) {
		char copy[512];

		snprintf(copy, sizeof(copy), "%s", reason);
		rc = op_bad(op, at, copy, text.p, text.n);
	}
	json_writer_free(w);
	buf_fini(&text);
	return rc;
}

/* ---- sides ---- */

/* Supervised, a side output is an edge to an fsink of its own: its descriptor, or -1. */
static int
wired(struct op *op, const char *path)
{
	for (unsigned i = 0; op->ep.on && i < op->ep.wires.nside; i++) {
		struct task_side *w = &op->ep.wires.side[i];

		if (w->fd != -1 && strcmp(w->path, path) == 0) {
			int fd = w->fd;

			w->fd = -1; /* taken */
			return fd;
		}
	}
	return -1;
}

int
op_side_open(struct op *op, struct op_side **out, const char *path)
{
	struct fmt_write_conf fmt = { .kind = FMT_JSON };
	struct op_side *s;
	struct stat st;
	bool pipe;
	int fd = wired(op, path), rc;

	/* A FIFO is opened for both directions' sake only when it is there; a file is appended to.
	 */
	pipe = fd != -1 ||
	       (fio_stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
	if (fd == -1 &&
	    (fd = fio_open(path, pipe ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND, 0666)) == -1)
		return ferr_sys(FERR_USAGE, "cannot write %s", path);
	if ((s = calloc(1, sizeof(*s))) == NULL || (s->path = strdup(path)) == NULL) {
		fio_close(fd);
		free(s);
		return ferr(FERR_NOMEM, "out of memory");
	}
	schema_init(&s->schema);
	s->next = op->sides;
	op->sides = s;
	*out = s;
	if ((rc = out_open(&s->out, fd, &s->schema, pipe ? NULL : &fmt)) != 0)
		return rc;
	s->out.side = s->path;
	return op->greeted ? out_hello(&s->out, &op->hello) : 0;
}

/* The input has fields that the side does not know. */
static int
side_fields(struct op *op, struct op_side *s)
{
	const struct schema *schema = op_schema(op);
	unsigned input = op->current;
	int *map, k;

	s->out.schema_due = true;
	if (op->ninputs == 1) {
		s->from[input].n = schema->n;
		return schema_copy(&s->schema, schema);
	}
	if ((map = realloc(s->from[input].map, schema->n * sizeof(*map))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->from[input].map = map;
	for (unsigned i = 0; i < schema->n; i++) {
		map[i] = -1;
		if ((schema->f[i].flags & FIELD_HIDDEN) != 0)
			continue;
		if ((k = schema_add(&s->schema, schema->f[i].name, schema->f[i].n)) < 0)
			return k;
		map[i] = k;
	}
	s->from[input].n = schema->n;
	return 0;
}

int
op_side_row(struct op *op, struct op_side *s, const uint8_t *row)
{
	const int *map;
	int rc;

	if (s->from[op->current].n != op_schema(op)->n && (rc = side_fields(op, s)) != 0)
		return rc;
	s->rows++;
	if ((map = s->from[op->current].map) == NULL)
		return out_rows(&s->out, row, row + row_len(row), 1, op->now);
	s->row.n = 0;
	if ((rc = row_remap(row, s->schema.n, map, &s->row)) != 0)
		return rc;
	return out_rows(&s->out, s->row.p, s->row.p + s->row.n, 1, op->now);
}

/* ---- waiting, notes ---- */

int
op_wait_fd(struct op *op, int fd)
{
	int *fds = realloc(op->wait_fds, (op->nwait + 1) * sizeof(*fds));

	if (fds == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	op->wait_fds = fds;
	op->wait_fds[op->nwait++] = fd;
	return 0;
}

int64_t
op_now(const struct op *op)
{
	return op->now;
}

void
op_wake_at(struct op *op, int64_t mono_ns)
{
	op->wake_at = mono_ns;
}

static void
say(const struct op *op, const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "%s: %s\n", op->cls->name, line);
}

void
op_say(struct op *op, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(op, fmt, ap);
	va_end(ap);
}

void
op_note(struct op *op, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!op->conf.quiet)
		say(op, fmt, ap);
	va_end(ap);
}

void
op_verbose(struct op *op, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (op->conf.verbose)
		say(op, fmt, ap);
	va_end(ap);
}

void
op_warn_unseen(struct op *op, const struct schema *s, const char *field)
{
	const char *near;

	if (schema_find(s, field, strlen(field)) >= 0)
		return;
	near = schema_near(s, field);
	op_note(op, "field '%s' was never seen%s%s%s", field,
		near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
		near != NULL ? "'?" : "");
}
