/* frame: see frame.h. */
#include "frame/frame.h"

#include "base/bytes.h"
#include "base/hash.h"

const char FRAME_LINE[FRAME_LINE_LEN + 1] =
    "#fjord 1 binary frames; to read them add: | fsink -            \n";

/* Payload lengths of the kinds that have one length; ANY for the others. */
#define ANY UINT32_MAX
#define END_BYTES 1
#define CANCEL_BYTES 8
static const uint32_t payload_len[] = {
	[FRAME_HELLO] = ANY,
	[FRAME_SCHEMA] = ANY,
	[FRAME_DATA] = ANY,
	[FRAME_IDLE] = 0,
	[FRAME_ACTIVE] = 0,
	[FRAME_BARRIER] = BARRIER_BYTES,
	[FRAME_CANCEL] = CANCEL_BYTES,
	[FRAME_END] = END_BYTES,
	[FRAME_CREDIT] = ANY,
};

#define BARRIER_FLAGS \
	(BARRIER_FINAL | BARRIER_STOP | BARRIER_SAVEPOINT | BARRIER_DRAIN | BARRIER_UNALIGNED)

/* The sum covers everything but itself. */
static uint32_t
sum(const uint8_t *h, uint32_t payload)
{
	return crc32c(crc32c(0, h, 12), h + 16, FRAME_HDR - 16 + (size_t)payload);
}

static bool
header_ok(const uint8_t *h, uint32_t n, uint32_t count)
{
	unsigned kind = h[2];

	if (h[0] != 'F' || h[1] != 'J' || h[3] != 0 || kind < FRAME_HELLO || kind > FRAME_CREDIT)
		return false;
	if (kind == FRAME_DATA)
		return n % 8 == 0 && count <= n / ROW_HDR;
	return count == 0 && (payload_len[kind] == ANY || payload_len[kind] == n);
}

int
frame_decode(struct frame *out, const uint8_t *b, size_t len, size_t *used)
{
	uint32_t n, count;

	if (len < FRAME_HDR)
		return FERR_AGAIN;
	n = le32get(b + 4);
	count = le32get(b + 8);
	if (!header_ok(b, n, count))
		return ferr(FERR_CORRUPT, "the bytes at hand are not a frame");
	if (n > FRAME_PAYLOAD_MAX)
		return ferr(FERR_LIMIT, "a frame of %u bytes; at most %u are possible", n,
			    FRAME_PAYLOAD_MAX);
	if (len - FRAME_HDR < n)
		return FERR_AGAIN;
	if (le32get(b + 12) != sum(b, n))
		return ferr(FERR_CORRUPT, "a frame fails its checksum");
	*out = (struct frame){
		.kind = (enum frame_kind)b[2],
		.count = count,
		.seq = le64get(b + 16),
		.payload = b + FRAME_HDR,
		.n = n,
	};
	*used = FRAME_HDR + (size_t)n;
	return 0;
}

void
frame_seal(uint8_t *h, enum frame_kind kind, uint32_t payload, uint32_t count, uint64_t seq)
{
	h[0] = 'F';
	h[1] = 'J';
	h[2] = (uint8_t)kind;
	h[3] = 0;
	le32put(h + 4, payload);
	le32put(h + 8, count);
	le64put(h + 16, seq);
	le32put(h + 12, sum(h, payload));
}

int
frame_put(struct buf *out, enum frame_kind kind, uint64_t seq, const void *payload, size_t n)
{
	uint8_t *h;

	if (n > FRAME_PAYLOAD_MAX)
		return ferr(FERR_LIMIT, "a frame of %zu bytes; at most %u are possible", n,
			    FRAME_PAYLOAD_MAX);
	if (buf_room(out, FRAME_HDR + n) != 0)
		return FERR_NOMEM;
	h = out->p + out->n;
	if (n != 0)
		memcpy(h + FRAME_HDR, payload, n);
	frame_seal(h, kind, (uint32_t)n, 0, seq);
	out->n += FRAME_HDR + n;
	return 0;
}

int
frame_check_data(const struct frame *f)
{
	const uint8_t *p = f->payload;
	size_t left = f->n;
	uint32_t count = 0;

	while (left >= ROW_MARK) {
		uint32_t len = row_len(p);

		if (len > left || !row_check(p, len))
			return ferr(FERR_CORRUPT, "row %u of a DATA frame is damaged", count + 1);
		count += row_kind(p) != ROW_WATERMARK;
		p += len;
		left -= len;
	}
	if (left != 0 || count != f->count)
		return ferr(FERR_CORRUPT, "a DATA frame says %u rows and has %u", f->count, count);
	return 0;
}

void
barrier_encode(const struct barrier *b, uint8_t out[BARRIER_BYTES])
{
	le64put(out, b->epoch);
	memcpy(out + 8, b->id, 16);
	le32put(out + 24, b->flags);
}

int
barrier_decode(struct barrier *b, const uint8_t *p, size_t n)
{
	if (n != BARRIER_BYTES || le64get(p) == 0 || (le32get(p + 24) & ~BARRIER_FLAGS) != 0)
		return ferr(FERR_CORRUPT, "a BARRIER frame is damaged");
	b->epoch = le64get(p);
	memcpy(b->id, p + 8, 16);
	b->flags = le32get(p + 24);
	return 0;
}

int
end_decode(enum end_reason *r, const uint8_t *p, size_t n)
{
	if (n != END_BYTES || p[0] > END_STOP)
		return ferr(FERR_CORRUPT, "an END frame is damaged");
	*r = (enum end_reason)p[0];
	return 0;
}

int
cancel_decode(uint64_t *epoch, const uint8_t *p, size_t n)
{
	if (n != CANCEL_BYTES || le64get(p) == 0)
		return ferr(FERR_CORRUPT, "a CANCEL frame is damaged");
	*epoch = le64get(p);
	return 0;
}
