/*
 * snap -- what one subtask hands in with its ack, and gets back at a restore: names of files and
 * numbers, never the state itself.  Pure codec.
 *
 * State is one base (all of it as of an epoch) and logs behind it, each good up to a length; a
 * subtask restored from several old ones (rescaling) gets several snaps.  Numbers are counters and
 * watermarks that belong to a subtask rather than to a key; each says how several become one.
 *
 * Encoded it carries its length and a CRC32C, so that every damage is found.
 *
 * Owner   snap_init/snap_fini; strings are copied.
 * Errors  FERR_NOMEM; FERR_LIMIT above CTL_MAX (ctl.h) when encoding; FERR_CORRUPT when decoding,
 *         a part that is missing included.  On error nothing is changed.
 */
#ifndef COORD_SNAP_H
#define COORD_SNAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* A stretch of a log file that holds whole parts (store/log.h). */
struct snap_file {
	char *name; /* relative to the store */
	uint64_t start, end;
	uint32_t crc;	/* of the last part in it */
	uint64_t epoch; /* of the last part in it */
};

struct snap_files {
	struct snap_file *v;
	unsigned n;
};

enum snap_merge { SNAP_MIN, SNAP_MAX, SNAP_SUM };

struct snap_number {
	char *name;
	int64_t v;
	uint8_t merge; /* enum snap_merge */
};

struct snap {
	uint32_t subtask, parallel, groups;
	uint64_t published;	 /* lanes: the epoch up to which all is published */
	struct snap_files state; /* base first, if any, then logs, in order */
	struct snap_files
	    pending;		  /* sealed segments that are not known to be published, in order */
	struct snap_files flight; /* records that the barrier has overtaken (C26); one file at most
				   */
	struct snap_number *number;
	unsigned nnumber;
	/* Empty ones come back as NULL. */
	uint8_t *schema; /* those that its inputs have, and had as far as rows in state name them;
			    or NULL */
	uint32_t nschema;
	char *signature; /* what wrote the state, for people and for comparing; or NULL */
};

void snap_init(struct snap *s);
void snap_fini(struct snap *s);
int snap_add_file(struct snap_files *f, const char *name, uint64_t start, uint64_t end,
		  uint32_t crc, uint64_t epoch);
void snap_clear_files(struct snap_files *f);
uint64_t snap_files_size(const struct snap_files *f); /* bytes of the stretches */
int snap_add_number(struct snap *s, const char *name, int64_t v, enum snap_merge merge);
int64_t snap_number_of(const struct snap *s, const char *name); /* 0: it has none */
void snap_drop_numbers(struct snap *s, const char *prefix);	/* those whose names begin so */
/* Schemas (of an input, what schema_encode gave): one is added behind the others; the next one from
 * *at (0 at first) on: 1, 0 at the end, FERR_CORRUPT. */
int snap_add_schema(struct snap *s, uint32_t input, const uint8_t *p, size_t n);
int snap_next_schema(const struct snap *s, size_t *at, uint32_t *input, const uint8_t **p,
		     size_t *n);
int snap_encode(const struct snap *s, struct buf *out);
/* s initialised, replaced; *used gets the length. */
int snap_decode(struct snap *s, const uint8_t *p, size_t n, size_t *used);

#endif
