/*
 * frame -- one batch of records or one control mark as bytes.  Pure codec: no fd, no clock.
 * Layout: fframe(5); tests/golden/frame has the last word.
 *
 *	 0  u8[2]  magic 'F' 'J'
 *	 2  u8     kind
 *	 3  u8     flags, 0
 *	 4  u32    payload length (DATA: a multiple of 8)
 *	 8  u32    count: data rows (marks not counted) of DATA, else 0
 *	12  u32    CRC32C over bytes 0..11, 16..23 and the payload
 *	16  u64    sequence number on this edge, from 0 (HELLO)
 *	24  payload
 *
 * A stream begins with FRAME_LINE (64 bytes of ASCII), then HELLO, then the rest; END is last.
 *
 * Owner   decoding borrows: payload points into the caller's bytes.
 * Errors  FERR_AGAIN    less than one frame here
 *         FERR_CORRUPT  magic, kind, reserved bits, length, count or CRC wrong
 *         FERR_LIMIT    payload above FRAME_PAYLOAD_MAX
 * Never   compresses, reorders, or guesses at a newer version
 */
#ifndef FRAME_FRAME_H
#define FRAME_FRAME_H

#include <stdbool.h>

#include "base/buf.h"
#include "row/row.h"

#define FRAME_HDR 24u
#define FRAME_PAYLOAD_MAX (16u << 20)
#define FRAME_AIM (32u << 10) /* bytes of a full DATA frame, header included */
#define FRAME_VERSION 1
#define FRAME_LINE_LEN 64
extern const char FRAME_LINE[FRAME_LINE_LEN + 1]; /* "#fjord 1 binary frames; to read them add: |
						     fsink -" padded with blanks, LF last */

enum frame_kind {
	FRAME_HELLO = 1,
	FRAME_SCHEMA = 2,
	FRAME_DATA = 3,
	FRAME_IDLE = 4,
	FRAME_ACTIVE = 5,
	FRAME_BARRIER = 6,
	FRAME_CANCEL = 7,
	FRAME_END = 8,
	FRAME_CREDIT = 9, /* reserved for TCP; any payload passes frame_decode */
};

struct frame {
	enum frame_kind kind;
	uint32_t count;
	uint64_t seq;
	const uint8_t *payload;
	uint32_t n;
};

/* Decode the frame at the head of b[0..len); *used gets its length in bytes. */
int frame_decode(struct frame *out, const uint8_t *b, size_t len, size_t *used);

/* Write the header in front of a payload that stands at h + FRAME_HDR already. */
void frame_seal(uint8_t *h, enum frame_kind kind, uint32_t payload, uint32_t count, uint64_t seq);

/* Append a whole control frame. */
int frame_put(struct buf *out, enum frame_kind kind, uint64_t seq, const void *payload, size_t n);

/*
 * Check every row of a DATA payload (row_check, sizes add up, count right): FERR_CORRUPT.
 * That a row has no more slots than the schema has fields is left to whoever knows the schema.
 */
int frame_check_data(const struct frame *f);

/* HELLO: who made this stream.  Stages in order, source first; each stage is its words (argv). */
struct hello_stage {
	char **words;
	unsigned n;
};
struct hello {
	uint32_t version;
	uint8_t run[4][16]; /* run ids of the sources, up to 4 */
	unsigned nrun;
	char edge[64]; /* name of the edge, "" in a bare shell */
	struct hello_stage *stages;
	unsigned n;
};
#define HELLO_BYTES_MAX (1u << 20)
void hello_init(struct hello *h);
void hello_fini(struct hello *h);
int hello_add_stage(struct hello *h, char *const *words, unsigned n); /* copies */
int hello_encode(const struct hello *h, struct buf *out);
/* Word k of the first stage in a payload of which n bytes are here: 1 and the word, borrowed; 0:
 * there is none; FERR_AGAIN: it is not among them. */
int hello_word(const uint8_t *p, size_t n, unsigned k, const char **word, size_t *len);
/* h initialised, replaced; FERR_CORRUPT leaves it alone (another version too: the text says so). */
int hello_decode(struct hello *h, const uint8_t *p, size_t n);

struct barrier {
	uint64_t epoch;
	uint8_t id[16];
	uint32_t flags;
};
/* UNALIGNED: it has overtaken records; what stands before it in its channel belongs to its epoch.
 */
enum {
	BARRIER_FINAL = 1,
	BARRIER_STOP = 2,
	BARRIER_SAVEPOINT = 4,
	BARRIER_DRAIN = 8,
	BARRIER_UNALIGNED = 16
};
#define BARRIER_BYTES 28
void barrier_encode(const struct barrier *b, uint8_t out[BARRIER_BYTES]);
int barrier_decode(struct barrier *b, const uint8_t *p, size_t n);

enum end_reason { END_DONE = 0, END_STOP = 1 };
/* END payload: u8 reason; CANCEL payload: u64 epoch. */
int end_decode(enum end_reason *r, const uint8_t *p, size_t n);
int cancel_decode(uint64_t *epoch, const uint8_t *p, size_t n);

#endif
