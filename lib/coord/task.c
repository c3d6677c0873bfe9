/* task: see task.h. */
#include "coord/task.h"

#include <stdlib.h>

#include "coord/ctl.h"

#define WIRES_MAX 65536
#define SNAPS_MAX 65536
#define READS_MAX 65536

static int
put_fds(struct buf *out, const int *fd, unsigned n)
{
	int rc = pack_u32(out, n);

	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = pack_u32(out, (uint32_t)fd[i]);
	return rc;
}

static int
put_reads(struct buf *out, const struct op_task *t)
{
	int rc = pack_u32(out, t->nreads);

	for (unsigned i = 0; i < t->nreads && rc == 0; i++)
		rc = pack_text(out, t->reads[i]);
	return rc;
}

static int
put_snaps(struct buf *out, const struct op_task *t)
{
	int rc = pack_u32(out, t->nsnap);
	struct buf one = BUF_INIT;

	for (unsigned i = 0; i < t->nsnap && rc == 0; i++) {
		one.n = 0;
		if ((rc = snap_encode(&t->snap[i], &one)) == 0)
			rc = pack_bytes(out, one.p, one.n);
	}
	buf_fini(&one);
	return rc;
}

static int
put_chains(struct buf *out, const struct task_wires *w)
{
	int rc = pack_u32(out, w->nchain);

	for (unsigned i = 0; i < w->nchain && rc == 0; i++) {
		const struct task_chain *c = &w->chain[i];

		if ((rc = pack_u32(out, (uint32_t)c->edge)) == 0)
			rc = pack_u32(out, c->n);
		for (unsigned k = 0; k < c->n && rc == 0; k++)
			rc = pack_text(out, c->words[k]);
	}
	return rc;
}

int
task_encode(const struct op_task *t, const struct task_wires *w, struct buf *out)
{
	uint32_t flags = (t->exactly ? 1u : 0) | (t->same ? 2u : 0) | (t->rewind ? 4u : 0) |
			 (t->selects ? 8u : 0) | (t->plain ? 16u : 0);
	int rc;

	if ((rc = pack_bytes(out, t->job, sizeof(t->job))) != 0 ||
	    (rc = pack_u64(out, t->attempt)) != 0 || (rc = pack_u64(out, t->epoch)) != 0 ||
	    (rc = pack_u32(out, t->subtask)) != 0 || (rc = pack_u32(out, t->parallel)) != 0 ||
	    (rc = pack_u32(out, t->groups)) != 0 || (rc = pack_u32(out, t->out_groups)) != 0 ||
	    (rc = pack_u32(out, t->lo)) != 0 || (rc = pack_u32(out, t->hi)) != 0 ||
	    (rc = pack_u32(out, flags)) != 0 || (rc = pack_text(out, t->stage)) != 0 ||
	    (rc = pack_text(out, t->store)) != 0 || (rc = pack_text(out, t->local)) != 0 ||
	    (rc = put_reads(out, t)) != 0 || (rc = put_snaps(out, t)) != 0 ||
	    (rc = put_fds(out, w->in, w->nin)) != 0 || (rc = put_fds(out, w->input, w->nin)) != 0 ||
	    (rc = put_fds(out, w->out, w->nout)) != 0 ||
	    (rc = put_fds(out, w->edge, w->nout)) != 0 || (rc = pack_u32(out, w->nside)) != 0)
		return rc;
	for (unsigned i = 0; i < w->nside && rc == 0; i++) {
		if ((rc = pack_text(out, w->side[i].path)) == 0)
			rc = pack_u32(out, (uint32_t)w->side[i].fd);
	}
	return rc != 0 ? rc : put_chains(out, w);
}

static int
get_fds(struct ctl_body *b, int **fd, unsigned *n)
{
	uint32_t count = ctl_u32(b);

	if (count > WIRES_MAX || (*fd = calloc(count + 1, sizeof(**fd))) == NULL)
		return ferr(FERR_CORRUPT, "a start message is damaged");
	for (*n = 0; *n < count; (*n)++)
		(*fd)[*n] = (int)ctl_u32(b);
	return 0;
}

static int
get_reads(struct ctl_body *b, struct op_task *t)
{
	uint32_t count = ctl_u32(b);

	if (count > READS_MAX || (t->reads = calloc(count + 1, sizeof(*t->reads))) == NULL)
		return ferr(FERR_CORRUPT, "a start message is damaged");
	for (; t->nreads < count; t->nreads++) {
		if ((t->reads[t->nreads] = ctl_text(b)) == NULL)
			return ferr(FERR_CORRUPT, "a start message is damaged");
	}
	return 0;
}

static int
get_snaps(struct ctl_body *b, struct op_task *t)
{
	uint32_t count = ctl_u32(b);
	const uint8_t *p;
	size_t n, used;
	int rc;

	if (count > SNAPS_MAX || (t->snap = calloc(count + 1, sizeof(*t->snap))) == NULL)
		return ferr(FERR_CORRUPT, "a start message is damaged");
	for (; t->nsnap < count; t->nsnap++) {
		snap_init(&t->snap[t->nsnap]);
		p = ctl_bytes(b, &n);
		if ((rc = snap_decode(&t->snap[t->nsnap], p, n, &used)) != 0)
			return rc;
	}
	return 0;
}

static int
get_chains(struct ctl_body *b, struct task_wires *w)
{
	uint32_t count = ctl_u32(b), words;

	if (count > WIRES_MAX || (w->chain = calloc(count + 1, sizeof(*w->chain))) == NULL)
		return ferr(FERR_CORRUPT, "a start message is damaged");
	for (; w->nchain < count; w->nchain++) {
		struct task_chain *c = &w->chain[w->nchain];

		c->edge = (int)ctl_u32(b);
		if ((words = ctl_u32(b)) > WIRES_MAX ||
		    (c->words = calloc(words + 1, sizeof(*c->words))) == NULL)
			return ferr(FERR_CORRUPT, "a start message is damaged");
		for (; c->n < words; c->n++) {
			if ((c->words[c->n] = ctl_text(b)) == NULL)
				return ferr(FERR_CORRUPT, "a start message is damaged");
		}
	}
	return 0;
}

int
task_decode(struct op_task *t, struct task_wires *w, const uint8_t *p, size_t n)
{
	struct ctl_body b = { p, n, false };
	const uint8_t *job;
	unsigned edges = 0, inputs = 0;
	uint32_t flags, sides;
	size_t len;
	int rc;

	*t = (struct op_task){ 0 };
	*w = (struct task_wires){ 0 };
	job = ctl_bytes(&b, &len);
	if (!b.bad && len == sizeof(t->job))
		memcpy(t->job, job, len);
	t->attempt = ctl_u64(&b);
	t->epoch = ctl_u64(&b);
	t->subtask = ctl_u32(&b);
	t->parallel = ctl_u32(&b);
	t->groups = ctl_u32(&b);
	t->out_groups = ctl_u32(&b);
	t->lo = ctl_u32(&b);
	t->hi = ctl_u32(&b);
	flags = ctl_u32(&b);
	t->exactly = (flags & 1) != 0;
	t->same = (flags & 2) != 0;
	t->rewind = (flags & 4) != 0;
	t->selects = (flags & 8) != 0;
	t->plain = (flags & 16) != 0;
	t->stage = ctl_text(&b);
	t->store = ctl_text(&b);
	t->local = ctl_text(&b);
	if ((rc = get_reads(&b, t)) != 0 || (rc = get_snaps(&b, t)) != 0 ||
	    (rc = get_fds(&b, &w->in, &w->nin)) != 0 ||
	    (rc = get_fds(&b, &w->input, &inputs)) != 0 ||
	    (rc = get_fds(&b, &w->out, &w->nout)) != 0 || (rc = get_fds(&b, &w->edge, &edges)) != 0)
		return rc;
	if ((sides = ctl_u32(&b)) > WIRES_MAX ||
	    (w->side = calloc(sides + 1, sizeof(*w->side))) == NULL)
		return ferr(FERR_CORRUPT, "a start message is damaged");
	for (; w->nside < sides; w->nside++) {
		w->side[w->nside].path = ctl_text(&b);
		w->side[w->nside].fd = (int)ctl_u32(&b);
	}
	if ((rc = get_chains(&b, w)) != 0)
		return rc;
	return b.bad || t->groups == 0 || inputs != w->nin || edges != w->nout
		   ? ferr(FERR_CORRUPT, "a start message is damaged")
		   : 0;
}

void
task_fini(struct op_task *t, struct task_wires *w)
{
	for (unsigned i = 0; i < t->nsnap; i++)
		snap_fini(&t->snap[i]);
	for (unsigned i = 0; i < w->nside; i++)
		free(w->side[i].path);
	for (unsigned i = 0; i < w->nchain; i++) {
		for (unsigned k = 0; k < w->chain[i].n; k++)
			free(w->chain[i].words[k]);
		free(w->chain[i].words);
	}
	free(w->chain);
	for (unsigned i = 0; i < t->nreads; i++)
		free(t->reads[i]);
	free(t->reads);
	free(t->snap);
	free(t->stage);
	free(t->store);
	free(t->local);
	free(w->in);
	free(w->input);
	free(w->out);
	free(w->edge);
	free(w->side);
	*t = (struct op_task){ 0 };
	*w = (struct task_wires){ 0 };
}
