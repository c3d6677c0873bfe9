/* split_kafka: a partition of a topic as a split, a record a message; see split.h. */
#include "conn/split_internal.h"

int
split_kafka_open(struct split *s)
{
	struct split_in *in = s->in;
	struct fmt_conf c = split_fmt_conf(in, in->conf.format);
	int rc;

	if (c.kind == FMT_AUTO)
		c.kind = FMT_JSON;
	in->kind = c.kind;
	s->live = s->until < 0;
	if ((rc = fmt_reader_new(&in->reader, &c)) == 0 &&
	    (rc = buf_room(&in->b, 1)) == 0) /* readable, though nothing may be put there */
		rc = kafka_part_open(&in->part, s->reader, s->topic, s->partition, s->next);
	return rc;
}

/* The row of the message's value, which is copied to where a reader may look behind it. */
static int
read_value(struct split_in *in, struct buf *out, struct fmt_bad *bad)
{
	const struct kafka_message *m = &in->message;
	struct rowb w;
	int rc;

	if (m->value == NULL) {
		rc = rowb_begin(&w, out, 0, ROW_INSERT, ROW_NOTIME);
		return rc == 0 && (rc = rowb_end(&w)) == 0 ? 1 : rc;
	}
	if ((rc = buf_put(&in->b, m->value, m->nvalue)) != 0)
		return rc;
	return fmt_read_message(in->reader, in->b.p, in->b.n, out, bad);
}

int
split_kafka_next(struct split *s, struct buf *out)
{
	struct split_in *in = s->in;
	const struct kafka_message *m = &in->message;
	size_t at = out->n;
	int rc;

	in->b.n = 0;
	if ((rc = kafka_part_next(in->part, s->until, &in->message)) != 1) {
		s->next = kafka_part_position(in->part);
		return rc;
	}
	s->next = m->offset + 1;
	s->line = s->offset = (uint64_t)m->offset;
	if (m->value == NULL && !in->conf.nulls)
		return SPLIT_PASSED;
	if ((rc = read_value(in, out, &s->bad)) == 1)
		row_set_time(out->p + at, m->time);
	if (rc != FERR_DATA && rc != FERR_LIMIT)
		return rc;
	s->bad.line = s->line;
	return FERR_DATA;
}

const struct kafka_message *
split_message(const struct split *s)
{
	return s->in->part != NULL ? &s->in->message : NULL;
}

bool
split_at_end(const struct split *s)
{
	int64_t end;

	if (s->in->part == NULL)
		return true;
	end = kafka_part_end(s->in->part);
	return end >= 0 && s->next >= end;
}
