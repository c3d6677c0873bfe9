/* test_ctl: control messages there and back, cut off, with lies in them. */
#include "base/bytes.h"
#include "coord/ctl.h"
#include "t.h"

/* Decode a copy that ends where its block ends, so that ASan sees every overread. */
static int
decode(const uint8_t *p, size_t n, struct ctl_msg *m, size_t *used)
{
	uint8_t *copy = malloc(n + (n == 0));
	int rc;

	memcpy(copy, p, n);
	rc = ctl_decode(m, copy, n, used);
	if (rc == 0)
		m->p = p + (m->p - copy);
	free(copy);
	return rc;
}

/* u32, u64, text, bytes. */
static void
fill(struct buf *b)
{
	T_INT(pack_u32(b, 7), 0);
	T_INT(pack_u64(b, 1ull << 40), 0);
	T_INT(pack_text(b, "why"), 0);
	T_INT(pack_bytes(b, "\0\1", 2), 0);
}

static struct buf
message(void)
{
	struct buf body = BUF_INIT, out = BUF_INIT;

	fill(&body);
	T_INT(ctl_put(&out, CTL_DECLINE, 3, body.p, body.n), 0);
	buf_fini(&body);
	return out;
}

static void
round_trip(void)
{
	struct buf out = message();
	struct ctl_msg m;
	struct ctl_body b;
	const uint8_t *p;
	size_t used = 0, n;
	char *text;

	T_INT(ctl_put(&out, CTL_GO, CTL_NONE, NULL, 0), 0);
	T_INT(decode(out.p, out.n, &m, &used), 0);
	T_INT(used, out.n - CTL_HDR);
	T_INT(m.kind, CTL_DECLINE);
	T_INT(m.sub, 3);
	b = (struct ctl_body){ .p = m.p, .n = m.n };
	T_INT(ctl_u32(&b), 7);
	T_INT(ctl_u64(&b), 1ll << 40);
	text = ctl_text(&b);
	T_STR(text, "why");
	free(text);
	p = ctl_bytes(&b, &n);
	T_MEM(p, n, "\0\1", 2);
	T_OK(!b.bad && b.n == 0);

	T_INT(decode(out.p + used, out.n - used, &m, &used), 0);
	T_INT(used, CTL_HDR);
	T_INT(m.kind, CTL_GO);
	T_INT(m.sub, CTL_NONE);
	T_INT(m.n, 0);
	buf_fini(&out);
}

T(a_message_comes_back)
{
	round_trip();
}

T(the_bytes_are_what_the_header_says)
{
	struct buf out = BUF_INIT;

	T_INT(ctl_put(&out, CTL_COMPLETE, 2, "ab", 2), 0);
	T_MEM(out.p, out.n, "\x07\0\0\0\x14\x02\0\0\0ab", 11);
	buf_fini(&out);
}

T(every_kind_is_known)
{
	static const enum ctl_kind kinds[] = { CTL_SPAWN,     CTL_KILL,	   CTL_START,	 CTL_GO,
					       CTL_TRIGGER,   CTL_CANCEL,  CTL_COMPLETE, CTL_STATS,
					       CTL_READY,     CTL_ACK,	   CTL_DECLINE,	 CTL_ENDED,
					       CTL_PUBLISHED, CTL_FAILED,  CTL_FIRST,	 CTL_JOIN,
					       CTL_STOP,      CTL_HELLO,   CTL_EXITED,	 CTL_STDERR,
					       CTL_KILLED,    CTL_SPAWNED, CTL_OVERTAKE };
	uint8_t p[CTL_HDR] = { 5 };
	unsigned good = 0;
	struct ctl_msg m;
	size_t used;

	for (unsigned k = 0; k < 256; k++) {
		bool known = false;

		for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			known = known || kinds[i] == k;
		p[4] = (uint8_t)k;
		T_INT(decode(p, sizeof(p), &m, &used), known ? 0 : FERR_CORRUPT);
		good += known;
	}
	T_INT(good, sizeof(kinds) / sizeof(kinds[0]));
}

T(every_truncation_asks_for_more)
{
	struct buf out = message();
	struct ctl_msg m;
	size_t used = 99;

	for (size_t n = 0; n < out.n; n++)
		T_INT(decode(out.p, n, &m, &used), FERR_AGAIN);
	T_INT(used, 99);
	buf_fini(&out);
}

/* The length cannot be checked by itself: a longer one waits, a shorter one cuts the body. */
T(every_flipped_length_is_an_error)
{
	struct buf out = message();
	struct ctl_msg m;
	size_t used, n;

	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t len = le32get(out.p) ^ 1u << bit;
		int rc;

		le32put(out.p, len);
		rc = decode(out.p, out.n, &m, &used);
		if (len > CTL_MAX) {
			T_INT(rc, FERR_LIMIT);
		} else if (len + 4 > out.n) {
			T_INT(rc, FERR_AGAIN);
		} else if (len < CTL_HDR - 4) {
			T_INT(rc, FERR_CORRUPT);
		} else {
			struct ctl_body b = { .p = m.p, .n = m.n };

			T_INT(rc, 0);
			(void)ctl_u32(&b);
			(void)ctl_u64(&b);
			free(ctl_text(&b));
			(void)ctl_bytes(&b, &n);
			T_OK(b.bad);
		}
		le32put(out.p, len ^ 1u << bit);
	}
	buf_fini(&out);
}

T(every_truncated_or_flipped_field_is_bad_and_not_overread)
{
	struct buf body = BUF_INIT;

	fill(&body);
	for (size_t n = 0; n <= body.n; n++) {
		for (unsigned bit = 0; bit <= 64; bit++) { /* 64: none */
			uint8_t *copy = malloc(n + (n == 0));
			size_t at = bit < 32 ? 12 : 19, len; /* the two lengths */
			struct ctl_body b = { .p = copy, .n = n };

			memcpy(copy, body.p, n);
			if (bit < 64 && at + 4 <= n)
				copy[at + bit % 32 / 8] ^= (uint8_t)(1u << bit % 8);
			(void)ctl_u32(&b);
			(void)ctl_u64(&b);
			free(ctl_text(&b));
			(void)ctl_bytes(&b, &len);
			if (n == body.n)
				T_OK((bit == 64) == (!b.bad && b.n == 0));
			else if (bit == 64)
				T_OK(b.bad);
			free(copy);
		}
	}
	buf_fini(&body);
}

T(after_the_first_missing_field_all_is_nothing)
{
	struct ctl_body b = { .p = (const uint8_t *)"abcdefgh", .n = 8 };
	size_t n = 9;

	T_INT(ctl_u32(&b), 0x64636261);
	T_INT(ctl_u64(&b), 0);
	T_OK(b.bad);
	T_INT(ctl_u32(&b), 0);
	T_OK(ctl_bytes(&b, &n) == NULL);
	T_INT(n, 0);
	T_OK(ctl_text(&b) == NULL);
}

T(a_text_may_be_empty_but_has_no_NUL)
{
	struct buf out = BUF_INIT;
	struct ctl_body b;
	char *text;

	T_INT(pack_text(&out, NULL), 0);
	T_INT(pack_bytes(&out, "a\0b", 3), 0);
	b = (struct ctl_body){ .p = out.p, .n = out.n };
	text = ctl_text(&b);
	T_STR(text, "");
	free(text);
	T_OK(ctl_text(&b) == NULL);
	T_OK(b.bad);
	buf_fini(&out);
}

T(limits_stand_before_allocation)
{
	struct buf out = BUF_INIT;
	struct ctl_msg m;
	uint8_t p[4];
	size_t used;

	T_INT(ctl_put(&out, CTL_START, 0, NULL, CTL_MAX - 4), FERR_LIMIT);
	T_INT(pack_bytes(&out, NULL, (size_t)CTL_MAX + 1), FERR_LIMIT);
	T_INT(out.cap, 0);
	le32put(p, CTL_MAX + 1);
	T_INT(decode(p, 4, &m, &used), FERR_LIMIT);
	le32put(p, CTL_MAX);
	T_INT(decode(p, 4, &m, &used), FERR_AGAIN);
	le32put(p, CTL_HDR - 5);
	T_INT(decode(p, 4, &m, &used), FERR_CORRUPT);
}

T_MAIN
