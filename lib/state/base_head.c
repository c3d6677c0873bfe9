/*
 * base_head: the first row of the local copy, which says whose it is, what it holds, and whether
 * the file can be what was written; see base_internal.h, and fcheckpoint(5) for its bytes.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "coord/ctl.h"
#include "fio/fio.h"
#include "state/base_internal.h"

#define VERSION 1u
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

const uint8_t base_head_key[HEAD_KEY] = { 0 };

int
base_boot(char out[BOOT_MAX])
{
	struct buf b = BUF_INIT;
	int rc = fio_slurp(BOOT_ID, BOOT_MAX - 1, &b);

	memset(out, 0, BOOT_MAX);
	if (rc == 0 && b.n > 0)
		memcpy(out, b.p, b.n);
	buf_fini(&b);
	return rc;
}

int
base_encode_id(struct buf *out, const struct base_id *id)
{
	const uint32_t v[] = { id->subtask, id->parallel, id->groups, id->lo, id->hi };
	int rc;

	if ((rc = pack_u32(out, VERSION)) != 0 || (rc = pack_bytes(out, id->job, 16)) != 0 ||
	    (rc = pack_text(out, id->stage)) != 0)
		return rc;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]) && rc == 0; i++)
		rc = pack_u32(out, v[i]);
	return rc;
}

int
base_decode_id(struct base_seen *out, const struct buf *id)
{
	struct ctl_body b = { id->p, id->n, false };
	uint32_t version = ctl_u32(&b);
	size_t n;
	const uint8_t *job = ctl_bytes(&b, &n);

	out->stage = ctl_text(&b);
	out->subtask = ctl_u32(&b);
	out->parallel = ctl_u32(&b);
	out->groups = ctl_u32(&b);
	out->lo = ctl_u32(&b);
	out->hi = ctl_u32(&b);
	if (b.bad || b.n > 0 || version != VERSION || n != sizeof(out->job))
		return FERR_CORRUPT;
	memcpy(out->job, job, n);
	return out->stage != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

void
base_head_clear(struct head *h)
{
	snap_clear_files(&h->at);
	snap_clear_files(&h->to);
	buf_fini(&h->maps);
	memset(h, 0, sizeof(*h));
}

/* ---- places in the logs ---- */

int
base_set_place(struct snap_files *f, const struct snap_file *at)
{
	struct snap_files new = { 0 };
	int rc = snap_add_file(&new, at->name, at->start, at->end, at->crc, at->epoch);

	if (rc != 0)
		return rc;
	snap_clear_files(f);
	*f = new;
	return 0;
}

static int
put_place(struct buf *out, const struct snap_files *f)
{
	const struct snap_file none = { 0 }, *at = f->n > 0 ? &f->v[0] : &none;
	int rc;

	if ((rc = pack_text(out, at->name)) == 0 && (rc = pack_u64(out, at->start)) == 0 &&
	    (rc = pack_u64(out, at->end)) == 0 && (rc = pack_u32(out, at->crc)) == 0)
		rc = pack_u64(out, at->epoch);
	return rc;
}

static int
get_place(struct ctl_body *b, struct snap_files *f)
{
	char *name = ctl_text(b);
	struct snap_file at = { .name = name };
	int rc = 0;

	at.start = ctl_u64(b);
	at.end = ctl_u64(b);
	at.crc = ctl_u32(b);
	at.epoch = ctl_u64(b);
	if (name != NULL && *name != '\0')
		rc = base_set_place(f, &at);
	free(name);
	return rc;
}

/* ---- the whole head ---- */

int
base_index_maps(struct head *h)
{
	int64_t len;

	h->nmap = 0;
	for (size_t at = 0; at < h->maps.n; at += (size_t)len) {
		if (h->nmap > MAPS)
			return ferr(FERR_LIMIT, "more than %u maps of state", MAPS);
		if ((len = state_rec_decode(&h->map[h->nmap], h->maps.p + at, h->maps.n - at)) < 0)
			return (int)len;
		h->nmap++;
	}
	return 0;
}

int
base_head_encode(const struct base *b, struct buf *out)
{
	const struct head *h = &b->head;
	uint8_t crc[4] = { 0 };
	int rc;

	out->n = 0;
	if ((rc = buf_put(out, crc, sizeof(crc))) != 0 ||
	    (rc = pack_bytes(out, b->id.p, b->id.n)) != 0 || (rc = pack_u32(out, h->clean)) != 0 ||
	    (rc = pack_text(out, h->boot)) != 0 || (rc = put_place(out, &h->at)) != 0 ||
	    (rc = put_place(out, &h->to)) != 0 || (rc = pack_u64(out, h->all.items)) != 0 ||
	    (rc = pack_u64(out, h->all.bytes)) != 0 || (rc = pack_u64(out, h->all.sum)) != 0 ||
	    (rc = pack_bytes(out, h->maps.p, h->maps.n)) != 0)
		return rc;
	le32put(out->p, crc32c(0, out->p + 4, out->n - 4));
	return 0;
}

/* What stands behind identity, flag and boot. */
static int
get_contents(struct head *h, struct ctl_body *c)
{
	const uint8_t *maps;
	size_t n;
	int rc;

	if ((rc = get_place(c, &h->at)) != 0 || (rc = get_place(c, &h->to)) != 0)
		return rc;
	h->all.items = ctl_u64(c);
	h->all.bytes = ctl_u64(c);
	h->all.sum = ctl_u64(c);
	maps = ctl_bytes(c, &n);
	if (c->bad)
		return FERR_CORRUPT;
	return (rc = buf_put(&h->maps, maps, n)) != 0 ? rc : base_index_maps(h);
}

/* Is it ours?  One that is only looked at becomes it. */
static int
take_id(struct base *b, const uint8_t *p, size_t n, bool *ours)
{
	*ours = b->peek || (p != NULL && n == b->id.n && memcmp(p, b->id.p, n) == 0);
	if (!b->peek)
		return 0;
	b->id.n = 0;
	return p != NULL ? buf_put(&b->id, p, n) : FERR_CORRUPT;
}

/* Closed cleanly, or written in this boot of the kernel, which has all that LMDB wrote. */
static int
trusted(const struct base *b, bool *yes)
{
	char now[BOOT_MAX];
	int rc = base_boot(now);

	*yes = b->peek || b->head.clean || strcmp(b->head.boot, now) == 0;
	return rc;
}

int
base_head_decode(struct base *b, const uint8_t *p, size_t n)
{
	struct head *h = &b->head;
	struct ctl_body c;
	const uint8_t *id, *boot;
	bool yes;
	size_t len;
	int rc;

	base_head_clear(h);
	if (n < 4 || le32get(p) != crc32c(0, p + 4, n - 4))
		return FERR_CORRUPT;
	c = (struct ctl_body){ p + 4, n - 4, false };
	id = ctl_bytes(&c, &len);
	if ((rc = take_id(b, id, len, &yes)) != 0 || !yes)
		return rc;
	h->clean = ctl_u32(&c) != 0;
	boot = ctl_bytes(&c, &len);
	if (boot == NULL || len >= BOOT_MAX)
		return FERR_CORRUPT;
	memcpy(h->boot, boot, len);
	if ((rc = trusted(b, &yes)) == 0 && yes)
		rc = get_contents(h, &c);
	if (rc != 0 || !yes)
		base_head_clear(h);
	return rc;
}
