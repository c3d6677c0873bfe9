/* job_chain: see job_chain.h. */
#include "manifest/job_chain.h"

#include "manifest/manifest_internal.h"

/* A part of the graph that nobody has read from yet: its last stage, how many there are. */
struct part {
	const uint8_t *run; /* of its first source */
	uint32_t n;
	unsigned last;
};

struct chain {
	const struct hello *h;
	struct job *job;
	struct job_member *m;
	unsigned nm;
	struct part *open;
	unsigned nopen, nruns;
};

static struct job_member *
find(const struct chain *c, const uint8_t *run, uint32_t nth, uint32_t nin)
{
	for (unsigned i = 0; i < c->nm; i++) {
		struct job_member *m = &c->m[i];

		if (m->nth == nth && m->nin == nin && memcmp(m->run, run, sizeof(m->run)) == 0)
			return m;
	}
	return NULL;
}

/* The next stage reads the last k open parts, whatever k is; if none does, a new source begins,
 * with a run id of its own, for who reads a part stands right behind it.  NULL: it is not there
 * yet. */
static struct job_member *
member(const struct chain *c, unsigned *k)
{
	struct job_member *m;
	uint32_t n = 1;

	for (*k = 1; *k <= c->nopen; ++*k) {
		const struct part *p = &c->open[c->nopen - *k];

		n += p->n;
		if ((m = find(c, p->run, n, *k)) != NULL)
			return m;
	}
	*k = 0;
	return c->nruns < c->h->nrun ? find(c, c->h->run[c->nruns], 1, 0) : NULL;
}

static int
add_words(struct job *j, unsigned stage, const struct hello_stage *s)
{
	const char *slash = s->n > 0 ? strrchr(s->words[0], '/') : NULL, *w;
	int rc = 0;

	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		w = i == 0 && slash != NULL ? slash + 1 : s->words[i];
		if (strcmp(w, "--state") == 0 || strcmp(w, "--local") == 0)
			i++;
		else if (strncmp(w, "--state=", 8) != 0 && strncmp(w, "--local=", 8) != 0)
			rc = job_add_word(j, stage, w, strlen(w));
	}
	return rc;
}

/* Take stage i of the HELLO: 1, 0 when it is missing. */
static int
take(struct chain *c, unsigned i)
{
	unsigned k, at;
	struct job_member *m = member(c, &k);
	struct part p;
	int rc;

	if (m == NULL)
		return 0;
	if ((rc = job_add_stage(c->job, &at)) != 0 ||
	    (rc = add_words(c->job, at, &c->h->stages[i])) != 0)
		return rc;
	m->stage = at;
	p = (struct part){ m->run, 1, at };
	for (unsigned from = c->nopen - k; from < c->nopen; from++) {
		p.n += c->open[from].n;
		if ((rc = job_add_edge(c->job, c->open[from].last, at)) != 0)
			return rc;
		c->job->edge[c->job->nedges - 1].input = from - (c->nopen - k);
	}
	c->nruns += k == 0;
	c->nopen -= k;
	c->open[c->nopen++] = p;
	return 1;
}

static int
settle(struct chain *c)
{
	unsigned stage;
	int rc = c->nopen == 1 ? job_name(c->job, &stage)
			       : ferr(FERR_USAGE, "the stages do not lead to one sink");

	for (unsigned i = 0; i < c->nm && rc == 0; i++)
		rc = job_facts(c->job, c->m[i].stage, c->m[i].facts, c->m[i].nfacts);
	return rc != 0 ? rc : 1;
}

int
job_of_chain(struct job **out, const struct hello *h, struct job_member *m, unsigned nm,
	     const char **missing)
{
	struct chain c = { .h = h, .m = m, .nm = nm };
	int rc;

	if ((rc = job_new(&c.job)) != 0)
		return rc;
	rc = 1;
	if ((c.open = calloc(h->n + 1u, sizeof(*c.open))) == NULL)
		rc = no_memory();
	for (unsigned i = 0; i < h->n && rc == 1; i++) {
		if ((rc = take(&c, i)) == 0)
			*missing = h->stages[i].n > 0 ? h->stages[i].words[0] : "a stage";
	}
	if (rc == 1)
		rc = settle(&c);
	free(c.open);
	if (rc == 1)
		*out = c.job;
	else
		job_free(c.job);
	return rc;
}
