/* split_internal -- what split.c (reading) and split_place.c (places that are kept) share. */
#ifndef CONN_SPLIT_INTERNAL_H
#define CONN_SPLIT_INTERNAL_H

#include "conn/follow.h"
#include "conn/gen.h"
#include "conn/split.h"

struct split_in {
	struct split_conf conf;
	struct file *file;
	struct buf b;	/* unpacked bytes; [at, b.n) are to be read */
	size_t at, rec; /* rec: where the record last returned begins */
	uint64_t base;	/* offset of b.p[0] in the unpacked file */
	bool eof;
	struct fmt_reader *reader; /* text; NULL until the format is known */
	enum fmt_kind kind;	   /* of the reader */
	struct follow *follow;
	bool finishing; /* reading the copy of a file that was truncated or rotated away */
	/* frames */
	bool frames, ended;
	struct schema schema; /* of the frames */
	int *map;
	struct buf rows; /* the rows of a frame, or of a generator's batch */
	size_t row;
	uint64_t seq;
	uint64_t frame_at; /* where the frame of these rows begins */
	unsigned skip;	   /* rows of the next frame that have been given already */
	struct gen *gen;
	struct kafka_part *part; /* with `reader`, `kind` and `b`, which has the message's value */
	struct kafka_message message;
};

/* split.c */
int split_open_file(struct split *s);
/* Where the fields of rows that come ready go in our schema: with --fields the named ones only. */
int split_map_fields(struct split_in *in);
static inline struct fmt_conf
split_fmt_conf(const struct split_in *in, enum fmt_kind kind)
{
	return (struct fmt_conf){ .kind = kind,
				  .tz = in->conf.tz,
				  .schema = in->conf.schema,
				  .fields = in->conf.fields,
				  .nfields = in->conf.nfields,
				  .only = in->conf.only };
}

/* split_kafka.c */
int split_kafka_open(struct split *s);
int split_kafka_next(struct split *s, struct buf *out);

/* split_place.c: a split just opened goes to where it was parked. */
int split_resume(struct split *s);

#endif
