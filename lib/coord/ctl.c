/* ctl: see ctl.h. */
#include "coord/ctl.h"

#include <stdlib.h>

#include "base/bytes.h"

#define LEN_BYTES 4u
#define HEAD (CTL_HDR - LEN_BYTES) /* kind and subtask, which the length counts */

/* No default: the compiler tells when a kind is missing here. */
static bool
known(uint8_t kind)
{
	switch ((enum ctl_kind)kind) {
	case CTL_SPAWN:
	case CTL_KILL:
	case CTL_START:
	case CTL_GO:
	case CTL_TRIGGER:
	case CTL_CANCEL:
	case CTL_COMPLETE:
	case CTL_STATS:
	case CTL_OVERTAKE:
	case CTL_READY:
	case CTL_ACK:
	case CTL_DECLINE:
	case CTL_ENDED:
	case CTL_PUBLISHED:
	case CTL_FAILED:
	case CTL_FIRST:
	case CTL_JOIN:
	case CTL_STOP:
	case CTL_HELLO:
	case CTL_EXITED:
	case CTL_STDERR:
	case CTL_KILLED:
	case CTL_SPAWNED: return true;
	}
	return false;
}

int
ctl_decode(struct ctl_msg *m, const uint8_t *p, size_t n, size_t *used)
{
	uint32_t len;

	if (n < LEN_BYTES)
		return FERR_AGAIN;
	len = le32get(p);
	if (len < HEAD)
		return ferr(FERR_CORRUPT, "a control message is damaged: its length is %u", len);
	if (len > CTL_MAX)
		return ferr(FERR_LIMIT, "a control message of %u bytes; the most is %u", len,
			    CTL_MAX);
	if (n > LEN_BYTES && !known(p[LEN_BYTES]))
		return ferr(FERR_CORRUPT, "a control message is damaged: its kind is %u",
			    p[LEN_BYTES]);
	if (n - LEN_BYTES < len)
		return FERR_AGAIN;
	*m = (struct ctl_msg){
		.kind = (enum ctl_kind)p[LEN_BYTES],
		.sub = le32get(p + LEN_BYTES + 1),
		.p = p + CTL_HDR,
		.n = len - HEAD,
	};
	*used = LEN_BYTES + len;
	return 0;
}

int
ctl_put(struct buf *out, enum ctl_kind kind, uint32_t sub, const void *body, size_t n)
{
	uint8_t hdr[CTL_HDR];

	if (n > CTL_MAX - HEAD)
		return ferr(FERR_LIMIT, "a control message of %zu bytes; the most is %u", n,
			    CTL_MAX);
	if (buf_room(out, CTL_HDR + n) != 0)
		return FERR_NOMEM;
	le32put(hdr, (uint32_t)(HEAD + n));
	hdr[LEN_BYTES] = (uint8_t)kind;
	le32put(hdr + LEN_BYTES + 1, sub);
	(void)buf_put(out, hdr, CTL_HDR); /* there is room */
	return buf_put(out, body, n);
}

int
pack_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	le32put(p, v);
	return buf_put(b, p, sizeof(p));
}

int
pack_u64(struct buf *b, uint64_t v)
{
	uint8_t p[8];

	le64put(p, v);
	return buf_put(b, p, sizeof(p));
}

int
pack_bytes(struct buf *b, const void *p, size_t n)
{
	if (n > CTL_MAX)
		return ferr(FERR_LIMIT, "a field of %zu bytes; the most is %u", n, CTL_MAX);
	if (buf_room(b, 4 + n) != 0)
		return FERR_NOMEM;
	(void)pack_u32(b, (uint32_t)n); /* there is room */
	return buf_put(b, p, n);
}

int
pack_text(struct buf *b, const char *s)
{
	return pack_bytes(b, s, s != NULL ? strlen(s) : 0);
}

/* The next n bytes, or NULL: then the body is bad. */
static const uint8_t *
take(struct ctl_body *b, size_t n)
{
	const uint8_t *p = b->p;

	if (b->bad || b->n < n) {
		b->bad = true;
		return NULL;
	}
	b->p += n;
	b->n -= n;
	return p;
}

uint32_t
ctl_u32(struct ctl_body *b)
{
	const uint8_t *p = take(b, 4);

	return p != NULL ? le32get(p) : 0;
}

uint64_t
ctl_u64(struct ctl_body *b)
{
	const uint8_t *p = take(b, 8);

	return p != NULL ? le64get(p) : 0;
}

const uint8_t *
ctl_bytes(struct ctl_body *b, size_t *n)
{
	uint32_t len = ctl_u32(b);
	const uint8_t *p = take(b, len);

	*n = p != NULL ? len : 0;
	return p;
}

char *
ctl_text(struct ctl_body *b)
{
	size_t n;
	const uint8_t *p = ctl_bytes(b, &n);
	char *s;

	if (p != NULL && memchr(p, 0, n) != NULL)
		b->bad = true;
	if (b->bad || (s = malloc(n + 1)) == NULL)
		return NULL;
	memcpy(s, p, n);
	s[n] = '\0';
	return s;
}
