/* fcat: frames as readable lines.  See fcat(1). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/time.h"
#include "fio/fio.h"
#include "op/op.h"

struct cat {
	bool marks;
};

static int
set_marks(void *conf, const char *arg)
{
	(void)arg;
	((struct cat *)conf)->marks = true;
	return 0;
}

static const struct opt options[] = {
	{ "marks", 0, NULL, "show watermarks, barriers and the rest as lines beginning with #",
	  set_marks, false },
	OPT_END,
};

static int
cat_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	int rc = op_forward(op, *p, end);

	(void)self;
	*p = end;
	return rc;
}

static int
put_hello(struct buf *b, const struct hello *h)
{
	int rc = buf_puts(b, "# hello run ");

	for (unsigned i = 0; i < h->nrun; i++) {
		for (unsigned k = 0; k < 16 && rc == 0; k++)
			rc = buf_printf(b, "%02x", h->run[i][k]);
		if (i + 1 < h->nrun && rc == 0)
			rc = buf_putc(b, ',');
	}
	for (unsigned i = 0; i < h->n && rc == 0; i++) {
		rc = buf_puts(b, i == 0 ? ": " : " | ");
		for (unsigned k = 0; k < h->stages[i].n && rc == 0; k++)
			rc = buf_printf(b, "%s%s", k == 0 ? "" : " ", h->stages[i].words[k]);
	}
	return rc;
}

static int
put_schema(struct buf *b, const struct schema *s)
{
	int rc = buf_puts(b, "# schema");

	for (unsigned i = 0; i < s->n && rc == 0; i++)
		rc = buf_printf(b, " %s%s", s->f[i].name,
				(s->f[i].flags & FIELD_HIDDEN) != 0 ? "(hidden)" : "");
	if (s->keyed && rc == 0)
		rc = buf_puts(b, "; key");
	for (unsigned i = 0; s->keyed && i < s->nkey && rc == 0; i++)
		rc = buf_printf(b, " %s", s->f[s->key[i]].name);
	if (s->keyed && rc == 0)
		rc = buf_printf(b, "; groups %u", s->groups);
	return rc;
}

static int
put_mark(struct buf *b, const struct frame *f)
{
	struct hello h;
	struct schema s;
	struct barrier bar;
	enum end_reason why;
	uint64_t epoch;
	int rc;

	switch (f->kind) {
	case FRAME_HELLO:
		hello_init(&h);
		if ((rc = hello_decode(&h, f->payload, f->n)) == 0)
			rc = put_hello(b, &h);
		hello_fini(&h);
		return rc;
	case FRAME_SCHEMA:
		schema_init(&s);
		if ((rc = schema_decode(&s, f->payload, f->n)) == 0)
			rc = put_schema(b, &s);
		schema_fini(&s);
		return rc;
	case FRAME_BARRIER:
		if ((rc = barrier_decode(&bar, f->payload, f->n)) != 0)
			return rc;
		return buf_printf(b, "# barrier %" PRIu64 "%s%s%s%s%s", bar.epoch,
				  (bar.flags & BARRIER_UNALIGNED) ? " unaligned" : "",
				  (bar.flags & BARRIER_FINAL) ? " final" : "",
				  (bar.flags & BARRIER_STOP) ? " stop" : "",
				  (bar.flags & BARRIER_SAVEPOINT) ? " savepoint" : "",
				  (bar.flags & BARRIER_DRAIN) ? " drain" : "");
	case FRAME_CANCEL:
		rc = cancel_decode(&epoch, f->payload, f->n);
		return rc != 0 ? rc : buf_printf(b, "# cancel %" PRIu64, epoch);
	case FRAME_END:
		rc = end_decode(&why, f->payload, f->n);
		return rc != 0 ? rc : buf_puts(b, why == END_STOP ? "# end stop" : "# end done");
	case FRAME_IDLE: return buf_puts(b, "# idle");
	case FRAME_ACTIVE: return buf_puts(b, "# active");
	default: return buf_printf(b, "# kind %d", f->kind);
	}
}

static int
cat_on_mark(void *self, struct op *op, const struct frame *f, int64_t wm)
{
	struct cat *c = self;
	struct buf b = BUF_INIT;
	char t[TIME_PRINT_MAX];
	int rc;

	if (!c->marks)
		return 0;
	if (f != NULL)
		rc = put_mark(&b, f);
	else if (wm == INT64_MAX)
		rc = buf_puts(&b, "# watermark max");
	else
		rc = buf_printf(&b, "# watermark %.*s", (int)time_print(wm, t), t);
	if (rc == 0 && (rc = buf_putc(&b, '\n')) == 0)
		rc = op_emit_text(op, b.p, b.n);
	buf_fini(&b);
	return rc;
}

static const char *const examples[] = {
	"fsource clicks.ndjson | fkey user | fcat --marks | head",
	"what really goes over an edge",
	"fcat saved.frames",
	"frames kept in a file",
	NULL,
};
static const char *const see[] = { "fframe(5)", "fsink(1)", "fjord(7)", NULL };
static const struct cmd cmd = {
	.name = "fcat",
	.summary = "frames as readable lines",
	.usage = "[FILE] [option ...]",
	.examples = examples,
	.see = see,
};

static const struct op_class class = {
	.name = "fcat",
	.marks = true,
	.on_rows = cat_on_rows,
	.on_mark = cat_on_mark,
};

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct cat c = { false };
	const struct opt_table tables[] = { { options, &c }, { op_options, &conf } };
	struct op_wires w = OP_STDIO;
	struct op_main m;
	int rc, fd;

	conf.role = OP_VIEWER;
	rc = op_main_begin(&m, &cmd, tables, 2, &conf, argc, argv);
	conf.out = FMT_JSON;
	if (rc == 0 && m.argc > 2)
		rc = ferr(FERR_USAGE, "one file at a time");
	if (rc == 0 && m.argc == 2 && strcmp(m.argv[1], "-") != 0) {
		if ((fd = fio_open(m.argv[1], O_RDONLY, 0)) == -1)
			rc = ferr_sys(FERR_USAGE, "%s", m.argv[1]);
		w.in = &fd;
	}
	if (rc == 0)
		rc = op_main_run(&m, &class, &c, &w);
	return op_main_end(&m, rc);
}
