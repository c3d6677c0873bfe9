/* job_reads: fields that nobody downstream reads need not leave their source; see job_plan (job.h).
 */
#include <string.h>

#include "manifest/manifest_internal.h"

static bool
holds(const struct job_list *l, const char *s)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

/* NAME_r of what a join gives out is the right side's NAME; and it is called so because the left
 * side has one, too.  A join of joins says it twice. */
static int
add_right(struct job_list *need, const char *name)
{
	size_t n = strlen(name);
	char *stem = strdup(name);
	int rc = stem != NULL ? 0 : no_memory();

	while (rc == 0 && n > 2 && strcmp(stem + n - 2, "_r") == 0) {
		stem[n -= 2] = '\0';
		rc = job_list_add(need, stem);
	}
	free(stem);
	return rc;
}

/* Add what the readers of stage i's output need and it does not make itself; *selects becomes false
 * when they need whole records. */
static int
need_of_readers(const struct job *j, unsigned i, struct job_list *need, bool *selects)
{
	bool joins = tool_find(j->stage[i].words[0])->joins;
	int rc;

	for (unsigned e = 0; e < j->nedges; e++) {
		const struct job_stage *to = &j->stage[j->edge[e].to];

		if (j->edge[e].from != i || j->edge[e].side != NULL)
			continue;
		*selects = *selects && to->selects;
		for (unsigned k = 0; k < to->reads.n; k++)
			if (!holds(&j->stage[i].facts.makes, to->reads.v[k]) &&
			    ((rc = job_list_add(need, to->reads.v[k])) != 0 ||
			     (joins && (rc = add_right(need, to->reads.v[k])) != 0)))
				return rc;
	}
	return 0;
}

static int
settle(struct job *j, unsigned i)
{
	struct job_stage *s = &j->stage[i];
	const struct job_facts *f = &s->facts;
	int rc = 0;

	job_list_fini(&s->reads);
	/* A side output of a source takes the text of records, any other whole records. */
	s->selects = f->source || (f->selects && f->sides.n == 0);
	for (unsigned k = 0; k < f->reads.n && rc == 0; k++)
		rc = job_list_add(&s->reads, f->reads.v[k]);
	if (rc == 0 && (f->source || f->passes))
		rc = need_of_readers(j, i, &s->reads, &s->selects);
	return rc;
}

int
job_settle_reads(struct job *j, const unsigned *order)
{
	int rc = 0;

	for (unsigned k = j->nstages; k > 0 && rc == 0; k--)
		rc = settle(j, order[k - 1]);
	return rc;
}
