/* test_job_chain: the graph of a plain pipeline out of its HELLO and of who has joined. */
#include "t.h"

#include "manifest/job_chain.h"

/* The run id of source s. */
static void
run_id(uint8_t to[16], unsigned s)
{
	memset(to, 0, 16);
	to[0] = (uint8_t)s;
}

static void
add(struct hello *h, const char *text)
{
	char *copy = strdup(text), *words[16], *save = NULL;
	unsigned n = 0;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	T_INT(hello_add_stage(h, words, n), 0);
	free(copy);
}

static struct job_member
member(unsigned run, uint32_t nth, uint32_t nin)
{
	struct job_member m = { .nth = nth, .nin = nin, .facts = "" };

	run_id(m.run, run);
	return m;
}

T(a_line_is_a_row_of_stages)
{
	struct job_member m[] = { member(1, 3, 1), member(1, 1, 0), member(1, 2, 1) };
	const char *missing;
	struct hello h;
	struct job *j;

	hello_init(&h);
	run_id(h.run[h.nrun++], 1);
	add(&h, "bin/fsource a --state=/x");
	add(&h, "fkey --state /x u");
	add(&h, "fsink o/");
	T_INT(job_of_chain(&j, &h, m, 2, &missing), 0);
	T_STR(missing, "fkey");
	m[0].facts = "lanes\n";
	m[0].nfacts = 6;
	T_INT(job_of_chain(&j, &h, m, 3, &missing), 1);
	T_INT(j->nstages, 3);
	T_INT(j->nedges, 2);
	T_STR(j->stage[0].words[0], "fsource");
	T_INT(j->stage[0].nwords, 2);
	T_INT(j->stage[1].nwords, 2);
	T_OK(j->stage[0].facts.source && j->stage[2].facts.lanes && j->stage[2].facts.sink);
	T_INT(m[0].stage, 2);
	T_INT(m[1].stage, 0);
	job_free(j);
	hello_fini(&h);
}

T(joins_read_the_parts_before_them)
{
	/* fjoin <(fsource a | fkey k) <(fjoin <(fsource b) <(fsource c)) | fsink o */
	struct job_member m[] = {
		member(1, 1, 0), member(1, 2, 1), member(2, 1, 0), member(3, 1, 0),
		member(2, 3, 2), member(1, 6, 2), member(1, 7, 1),
	};
	const char *missing;
	struct hello h;
	struct job *j;

	hello_init(&h);
	for (unsigned i = 1; i <= 3; i++)
		run_id(h.run[h.nrun++], i);
	add(&h, "fsource a");
	add(&h, "fkey k");
	add(&h, "fsource b");
	add(&h, "fsource c");
	add(&h, "fjoin /dev/fd/63 /dev/fd/62");
	add(&h, "fjoin /dev/fd/63 /dev/fd/62");
	add(&h, "fsink o");
	T_INT(job_of_chain(&j, &h, m, 7, &missing), 1);
	T_INT(j->nedges, 6);
	T_STR(j->stage[2].name, "fsource-2");
	T_STR(j->stage[5].name, "fjoin-2");
	for (unsigned i = 0; i < j->nedges; i++) {
		const struct job_edge *e = &j->edge[i];

		if (e->to == 5)
			T_INT(e->from, e->input == 0 ? 1 : 4);
		if (e->to == 4)
			T_INT(e->from, e->input == 0 ? 2 : 3);
	}
	job_free(j);
	for (unsigned gone = 0; gone < 7; gone++) { /* whoever is missing, it is seen */
		struct job_member less[6];

		for (unsigned i = 0, n = 0; i < 7; i++)
			if (i != gone)
				less[n++] = m[i];
		T_INT(job_of_chain(&j, &h, less, 6, &missing), 0);
	}
	hello_fini(&h);
}

T_MAIN
