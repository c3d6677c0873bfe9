/* block: blocks of aggregates as values in state; see win_internal.h. */
#include "base/bytes.h"
#include "win/win_internal.h"

static void
head_fini(void *cookie, void *value)
{
	struct win_map_head *h = cookie;

	aggs_fini(h->w->aggs, (uint8_t *)value + h->head);
}

static int
head_encode(void *cookie, const void *value, struct buf *out)
{
	struct win_map_head *h = cookie;
	int rc = buf_put(out, value, h->head);

	return rc != 0 ? rc : aggs_encode(h->w->aggs, (const uint8_t *)value + h->head, out);
}

static int
head_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct win_map_head *h = cookie;

	if (n < h->head)
		return ferr(FERR_CORRUPT, "a value in state is too short");
	memcpy(value, p, h->head);
	return aggs_decode(h->w->aggs, (uint8_t *)value + h->head, p + h->head, n - h->head);
}

static size_t
head_memory(void *cookie, const void *value)
{
	struct win_map_head *h = cookie;

	return aggs_memory(h->w->aggs, (const uint8_t *)value + h->head);
}

int
win_map_open(struct win *w, struct state_map **out, const char *name, size_t head, bool transient)
{
	struct win_map_head *h = &w->heads[w->nheads++];
	struct state_type t = { .name = name,
				.size = (uint32_t)(head + w->asize),
				.version = 1,
				.transient = transient,
				.cookie = h,
				.encode = head_encode,
				.decode = head_decode };

	*h = (struct win_map_head){ w, head };
	if (!w->plain) {
		t.fini = head_fini;
		t.memory = head_memory;
	}
	return state_map_open(w->state, out, &t);
}

/* After a change of a block that owned `before` bytes. */
static int
account(struct win *w, const void *block, size_t before, int rc)
{
	int over = state_account(w->state, (int64_t)aggs_memory(w->aggs, block) - (int64_t)before);

	return rc != 0 ? rc : over;
}

int
win_block_add(struct win *w, void *block)
{
	size_t before;

	if (w->plain)
		return aggs_add(w->aggs, block);
	before = aggs_memory(w->aggs, block);
	return account(w, block, before, aggs_add(w->aggs, block));
}

int
win_block_retract(struct win *w, void *block)
{
	size_t before;

	if (w->plain)
		return aggs_retract(w->aggs, block);
	before = aggs_memory(w->aggs, block);
	return account(w, block, before, aggs_retract(w->aggs, block));
}

int
win_block_merge(struct win *w, void *into, const void *from)
{
	size_t before;

	if (w->plain)
		return aggs_merge(w->aggs, into, from);
	before = aggs_memory(w->aggs, into);
	return account(w, into, before, aggs_merge(w->aggs, into, from));
}

int
win_block_unmerge(struct win *w, void *block, const void *other)
{
	size_t before;

	if (w->plain)
		return aggs_unmerge(w->aggs, block, other);
	before = aggs_memory(w->aggs, block);
	return account(w, block, before, aggs_unmerge(w->aggs, block, other));
}

void
win_block_clear(struct win *w, void *block)
{
	if (!w->plain)
		state_account(w->state, -(int64_t)aggs_memory(w->aggs, block));
	aggs_fini(w->aggs, block);
}

int
win_block_put(const struct win *w, const void *block, struct buf *out)
{
	size_t at = out->n;
	int rc;

	if ((rc = buf_put(out, (uint8_t[4]){ 0 }, 4)) != 0 ||
	    (rc = aggs_encode(w->aggs, block, out)) != 0)
		return rc;
	if (out->n - at - 4 > UINT32_MAX)
		return ferr(FERR_LIMIT, "the aggregates of one key are larger than 4 GiB");
	le32put(out->p + at, (uint32_t)(out->n - at - 4));
	return 0;
}

int
win_block_get(const struct win *w, void *block, const uint8_t **p, const uint8_t *end)
{
	uint32_t n;
	int rc;

	if (end - *p < 4 || (n = le32get(*p)) > (size_t)(end - *p - 4))
		return ferr(FERR_CORRUPT, "a value in state is too short");
	if ((rc = aggs_decode(w->aggs, block, *p + 4, n)) == 0)
		*p += 4 + n;
	return rc;
}
