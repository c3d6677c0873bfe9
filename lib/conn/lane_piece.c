/* lane_piece: see lane_piece.h. */
#include "conn/lane_piece.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"

/* ---- pieces ---- */

int
piece_head(const struct piece *p, struct buf *out)
{
	size_t n = strlen(p->path);
	uint8_t h[PIECE_HDR] = { 0 };

	le32put(h, p->n);
	h[4] = p->flags;
	le16put(h + 6, (uint16_t)n);
	le64put(h + 8, p->offset);
	le64put(h + 16, p->maker);
	if (buf_room(out, PIECE_HDR + n) != 0)
		return FERR_NOMEM;
	(void)buf_put(out, h, PIECE_HDR);
	return buf_put(out, p->path, n);
}

void
piece_hidden(const struct piece *p, char out[PIECE_PATH_MAX + 32])
{
	const char *slash = strrchr(p->path, '/');
	int dir = slash != NULL ? (int)(slash + 1 - p->path) : 0;

	snprintf(out, PIECE_PATH_MAX + 32, "%.*s.%s.%" PRIu64, dir, p->path, p->path + dir,
		 p->maker);
}

/* A decimal number of at most 19 digits: the rest of s, or NULL. */
static const char *
take_number(const char *s, uint64_t *out)
{
	const char *begin = s;

	for (*out = 0; *s >= '0' && *s <= '9' && s - begin < 19; s++)
		*out = *out * 10 + (uint64_t)(*s - '0');
	return s == begin ? NULL : s;
}

bool
part_name_parse(struct part_name *out, const char *name)
{
	const char *s = name, *dot;
	uint64_t lane;

	*out = (struct part_name){ .hidden = name[0] == '.' };
	s += out->hidden;
	if (strncmp(s, "part-", 5) != 0 || (s = take_number(s + 5, &lane)) == NULL || *s++ != '-' ||
	    lane > UINT32_MAX || (s = take_number(s, &out->number)) == NULL || *s++ != '.')
		return false;
	out->lane = (uint32_t)lane;
	if (!out->hidden)
		return true;
	if ((dot = strrchr(s, '.')) == NULL)
		return false;
	if ((s = take_number(dot + 1, &out->maker)) == NULL || *s != '\0')
		out->maker = 0;
	return true;
}

void
piece_reader_init(struct piece_reader *r, const struct piece_sink *sink)
{
	*r = (struct piece_reader){ .sink = sink };
}

/* A path that stays below the directory. */
static bool
path_ok(const char *s)
{
	if (s[0] == '/')
		return false;
	for (; s != NULL; s = strchr(s, '/')) {
		s += *s == '/';
		if (s[0] == '.' && s[1] == '.' && (s[2] == '/' || s[2] == '\0'))
			return false;
	}
	return true;
}

static int
take_head(struct piece_reader *r)
{
	struct piece p = { .n = le32get(r->head),
			   .flags = r->head[4],
			   .offset = le64get(r->head + 8),
			   .maker = le64get(r->head + 16) };
	size_t n = le16get(r->head + 6);

	memcpy(p.path, r->head + PIECE_HDR, n);
	if (strlen(p.path) != n || !path_ok(p.path) || r->head[5] != 0 ||
	    (p.flags & ~(PIECE_CREATES | PIECE_CLOSES)) != 0)
		return ferr(FERR_CORRUPT, "a piece of sealed output is damaged");
	r->left = p.n;
	r->inside = true;
	return r->sink->begin(r->sink->cookie, &p);
}

/* How long the head is, as far as it is known. */
static size_t
head_len(const struct piece_reader *r)
{
	return r->have < PIECE_HDR ? PIECE_HDR : PIECE_HDR + le16get(r->head + 6);
}

int
piece_feed(struct piece_reader *r, const uint8_t *p, size_t n)
{
	const struct piece_sink *s = r->sink;
	size_t k, len;
	int rc = 0;

	while (rc == 0 && n > 0) {
		if (r->inside) {
			k = n < r->left ? n : r->left;
			rc = s->data(s->cookie, p, k);
			r->left -= (uint32_t)k;
		} else {
			if ((len = head_len(r)) > sizeof(r->head))
				return ferr(FERR_CORRUPT, "a piece of sealed output is damaged");
			k = n < len - r->have ? n : len - r->have;
			memcpy(r->head + r->have, p, k);
			r->have += k;
			if (r->have >= PIECE_HDR && r->have == head_len(r))
				rc = take_head(r);
		}
		p += k;
		n -= k;
		if (rc == 0 && r->inside && r->left == 0) {
			r->inside = false;
			r->have = 0;
			rc = s->end(s->cookie);
		}
	}
	return rc;
}

int
piece_done(const struct piece_reader *r)
{
	return r->inside || r->have > 0
		   ? ferr(FERR_CORRUPT, "sealed output ends in the middle of a piece")
		   : 0;
}

/* ---- open parts ---- */

#define REC_HDR 72u

int
part_rec_encode(const struct part_rec *r, struct buf *out)
{
	uint8_t h[REC_HDR];

	le32put(h, r->lane);
	le32put(h + 4, r->fields);
	le64put(h + 8, r->number);
	le64put(h + 16, r->maker);
	le64put(h + 24, r->offset);
	le64put(h + 32, (uint64_t)r->age);
	le64put(h + 40, r->dev);
	le64put(h + 48, r->ino);
	le64put(h + 56, r->seq);
	le64put(h + 64, r->nheader);
	if (buf_room(out, REC_HDR + r->nheader) != 0)
		return FERR_NOMEM;
	(void)buf_put(out, h, REC_HDR);
	return buf_put(out, r->header, r->nheader);
}

int
part_rec_decode(struct part_rec *r, const uint8_t *p, size_t n)
{
	if (n < REC_HDR || n - REC_HDR != le64get(p + 64) || n > UINT32_MAX)
		return ferr(FERR_CORRUPT, "the state of an open part is damaged");
	*r = (struct part_rec){ .lane = le32get(p),
				.fields = le32get(p + 4),
				.number = le64get(p + 8),
				.maker = le64get(p + 16),
				.offset = le64get(p + 24),
				.age = (int64_t)le64get(p + 32),
				.dev = le64get(p + 40),
				.ino = le64get(p + 48),
				.seq = le64get(p + 56),
				.header = p + REC_HDR,
				.nheader = (uint32_t)(n - REC_HDR) };
	return 0;
}
