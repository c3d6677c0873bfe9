/* job: the graph itself, and what its stages say of themselves.  See job.h. */
#include "manifest/manifest_internal.h"

#include <stdio.h>

#include "base/unit.h"

#define STAGES_MAX 1000
#define NAME_LEN_MAX 64

const char *const job_by_names[] = { "forward", "key", "rebalance", "broadcast", "global" };

int
no_memory(void)
{
	return ferr(FERR_NOMEM, "out of memory");
}

void *
grow_by_one(void *v, unsigned n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return v;
	return realloc(v, (n == 0 ? 1 : 2 * (size_t)n) * size);
}

/* ---- life ---- */

int
job_new(struct job **out)
{
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return no_memory();
	return 0;
}

void
job_list_fini(struct job_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct job_list){ NULL, 0 };
}

static void
facts_fini(struct job_facts *f)
{
	job_list_fini(&f->sides);
	job_list_fini(&f->reads);
	job_list_fini(&f->makes);
	free(f->noreplay);
	free(f->target);
	free(f->atleast);
	free(f->name);
	free(f->most_why);
	free(f->at);
	*f = (struct job_facts){ .by = BY_UNSET };
}

static void
stage_fini(struct job_stage *s)
{
	for (unsigned i = 0; i < s->nwords; i++)
		free(s->words[i]);
	free(s->words);
	free(s->name);
	free(s->at);
	facts_fini(&s->facts);
	job_list_fini(&s->reads);
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->nstages; i++)
		stage_fini(&j->stage[i]);
	for (unsigned i = 0; i < j->nedges; i++)
		free(j->edge[i].side);
	free(j->stage);
	free(j->edge);
	free(j->name);
	free(j->every);
	free(j->timeout);
	free(j->min_pause);
	free(j->keep);
	free(j->dir);
	free(j->unaligned);
	free(j->restart);
	free(j->hosts);
	free(j);
}

/* ---- building ---- */

int
job_add_stage(struct job *j, unsigned *at)
{
	struct job_stage *v;

	if (j->nstages == STAGES_MAX)
		return ferr(FERR_USAGE, "a job has at most %d stages", STAGES_MAX);
	if ((v = grow_by_one(j->stage, j->nstages, sizeof(*v))) == NULL)
		return no_memory();
	j->stage = v;
	*at = j->nstages++;
	v[*at] = (struct job_stage){ .facts.by = BY_UNSET };
	return 0;
}

int
job_add_word(struct job *j, unsigned stage, const char *s, size_t n)
{
	struct job_stage *st = &j->stage[stage];
	char **v = grow_by_one(st->words, st->nwords + 1, sizeof(*v)); /* an argv: NULL is last */

	if (v == NULL)
		return no_memory();
	st->words = v;
	if ((v[st->nwords] = strndup(n != 0 ? s : "", n)) == NULL)
		return no_memory();
	v[++st->nwords] = NULL;
	return 0;
}

int
job_set_word(struct job *j, unsigned stage, unsigned word, char mark, const char *s)
{
	char *text;

	if (asprintf(&text, "%c%s", mark, s) < 0)
		return no_memory();
	free(j->stage[stage].words[word]);
	j->stage[stage].words[word] = text;
	return 0;
}

int
job_add_edge(struct job *j, unsigned from, unsigned to)
{
	struct job_edge *v = grow_by_one(j->edge, j->nedges, sizeof(*v));

	if (v == NULL)
		return no_memory();
	j->edge = v;
	v[j->nedges++] =
	    (struct job_edge){ .from = from, .to = to, .by = BY_UNSET, .input = INPUT_UNSAID };
	return 0;
}

/* ---- names ---- */

int
job_find(const struct job *j, const char *name)
{
	for (unsigned i = 0; i < j->nstages; i++)
		if (j->stage[i].name != NULL && strcmp(j->stage[i].name, name) == 0)
			return (int)i;
	return -1;
}

int
job_no_stage(const struct job *j, const char *name)
{
	const char *names[STAGES_MAX], *near;
	char shown[QUOTE_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < j->nstages; i++)
		if (j->stage[i].name != NULL)
			names[n++] = j->stage[i].name;
	quote(name, strlen(name), shown);
	if ((near = near_word(name, names, n)) != NULL)
		return ferr(FERR_USAGE, "no stage is called %s; did you mean %s?", shown, near);
	return ferr(FERR_USAGE, "no stage is called %s", shown);
}

/* The value of --name among the words, or NULL. */
static const char *
said_name(const struct job_stage *s)
{
	for (unsigned i = 1; i < s->nwords && strcmp(s->words[i], "--") != 0; i++) {
		if (strncmp(s->words[i], "--name=", 7) == 0)
			return s->words[i] + 7;
		if (strcmp(s->words[i], "--name") == 0 && i + 1 < s->nwords)
			return s->words[i + 1];
	}
	return NULL;
}

/* Names become parts of file names and words, so they are plain. */
int
job_check_name(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-.";
	char shown[QUOTE_MAX];
	size_t n = strlen(name);

	if (n > 0 && n <= NAME_LEN_MAX && strspn(name, plain) == n && name[0] != '.' &&
	    name[0] != '-')
		return 0;
	return ferr(FERR_USAGE,
		    "%s cannot be a name: use up to %d letters, digits, _ - and . (not - or . in "
		    "front)",
		    quote(name, n, shown), NAME_LEN_MAX);
}

int
job_check_hosts(const char *hosts)
{
	char shown[QUOTE_MAX];
	size_t n;

	for (const char *s = hosts;; s += n + 1) {
		n = strcspn(s, ",");
		/* One that begins with - would be an option of ssh. */
		if (n == 0 || s[0] == '-' || strcspn(s, " \t\r\n\"'\\") < n)
			return ferr(FERR_USAGE, "%s cannot be a host: write HOST or HOST,HOST",
				    quote(s, n, shown));
		if (s[n] == '\0')
			return 0;
	}
}

static int
take_said_name(struct job *j, unsigned i)
{
	struct job_stage *s = &j->stage[i];
	const char *said = said_name(s);
	char *name = s->name;
	int rc;

	if (name != NULL && said != NULL && strcmp(name, said) != 0)
		return ferr(FERR_USAGE, "the stage is called %s here and --name %s there: keep one",
			    name, said);
	if (name == NULL && said == NULL)
		return 0;
	if ((rc = job_check_name(name != NULL ? name : said)) != 0)
		return rc;
	if (name == NULL && (name = strdup(said)) == NULL)
		return no_memory();
	s->name = name;
	for (unsigned k = 0; k < i; k++)
		if (j->stage[k].name != NULL && strcmp(j->stage[k].name, name) == 0)
			return ferr(FERR_USAGE, "two stages are called %s: give one another name",
				    name);
	return 0;
}

int
job_name_stage(struct job *j, unsigned i, const char *want)
{
	char *name = strdup(want);

	for (unsigned k = 2; name != NULL && job_find(j, name) >= 0; k++) {
		free(name);
		if (asprintf(&name, "%s-%u", want, k) < 0)
			name = NULL;
	}
	if (name == NULL)
		return no_memory();
	j->stage[i].name = name;
	return 0;
}

int
job_name(struct job *j, unsigned *stage)
{
	int rc;

	for (*stage = 0; *stage < j->nstages; ++*stage)
		if ((rc = take_said_name(j, *stage)) != 0)
			return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if (j->stage[i].name == NULL &&
		    (rc = job_name_stage(j, i, j->stage[i].words[0])) != 0)
			return rc;
	return 0;
}

/* ---- inputs ---- */

/* The edge into `to` that is its input k: from is its stage, or -1: any that has no input yet. */
static struct job_edge *
edge_of_input(struct job *j, unsigned to, int from, unsigned k)
{
	struct job_edge *found = NULL;

	for (unsigned i = 0; i < j->nedges; i++) {
		struct job_edge *e = &j->edge[i];

		if (e->to != to || (from >= 0 && e->from != (unsigned)from))
			continue;
		if (e->input == k)
			return e;
		if (e->input == INPUT_UNSAID && found == NULL)
			found = e;
	}
	return found;
}

static int
take_input(struct job *j, unsigned to, int from, unsigned k)
{
	struct job_edge *e = edge_of_input(j, to, from, k);

	if (e == NULL && from >= 0)
		return ferr(FERR_USAGE,
			    "%s reads \"<%s\" as its input %u, and there is no such edge: add "
			    "{\"from\": \"%s\", \"to\": \"%s\"}",
			    j->stage[to].name, j->stage[from].name, k, j->stage[from].name,
			    j->stage[to].name);
	if (e == NULL)
		return ferr(FERR_USAGE, "%s reads - as its input %u, and there is no such edge",
			    j->stage[to].name, k);
	e->input = k;
	return 0;
}

/* Is this word of a join the name of an input?  *from gets its stage. */
static int
names_input(const struct job *j, const char *word, int *from)
{
	*from = -1;
	if (word[0] != '<' || job_check_name(word + 1) != 0)
		return 0;
	if ((*from = job_find(j, word + 1)) < 0)
		return job_no_stage(j, word + 1);
	return 0;
}

/* Inputs of a join in the order of its words: "<NAME" and, for what is left, the first "-". */
static int
wire_join(struct job *j, unsigned to, unsigned nedges)
{
	struct job_stage *s = &j->stage[to];
	unsigned named = 0, k = 0, dash = 0, dash_k = 0;
	int rc, from;

	for (unsigned i = 1; i < s->nwords; i++) {
		if ((rc = names_input(j, s->words[i], &from)) != 0)
			return rc;
		named += from >= 0;
	}
	for (unsigned i = 1; i < s->nwords; i++) {
		if ((rc = names_input(j, s->words[i], &from)) != 0)
			return rc;
		if (from >= 0) {
			if ((rc = take_input(j, to, from, k++)) != 0)
				return rc;
		} else if (dash == 0 && named < nedges && strcmp(s->words[i], "-") == 0) {
			dash = i;
			dash_k = k++;
		}
	}
	if (dash != 0 && (rc = take_input(j, to, -1, dash_k)) != 0)
		return rc;
	if (k < nedges)
		return ferr(FERR_USAGE,
			    "%s has more inputs than its words name: write - for the stage before "
			    "it, \"<NAME\" for others",
			    s->name);
	return 0;
}

int
job_wire(struct job *j, unsigned *stage)
{
	unsigned nedges;
	int rc;

	for (*stage = 0; *stage < j->nstages; ++*stage) {
		struct job_stage *s = &j->stage[*stage];
		bool joins = tool_find(s->words[0])->joins;

		nedges = 0;
		for (unsigned i = 0; i < j->nedges; i++) {
			struct job_edge *e = &j->edge[i];

			if (e->to != *stage)
				continue;
			nedges++;
			if (joins)
				continue;
			if (e->input != INPUT_UNSAID && e->input != 0)
				return ferr(FERR_USAGE, "%s has one input, not an input %u",
					    s->name, e->input);
			e->input = 0;
		}
		if (joins && (rc = wire_join(j, *stage, nedges)) != 0)
			return rc;
	}
	return 0;
}

/* ---- facts ---- */

static int
set_text(char **to, const char *value)
{
	free(*to);
	if ((*to = strdup(value)) == NULL)
		return no_memory();
	return 0;
}

int
job_list_add(struct job_list *l, const char *s)
{
	char **v;

	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return 0;
	if ((v = grow_by_one(l->v, l->n, sizeof(*v))) == NULL)
		return no_memory();
	l->v = v;
	if ((v[l->n] = strdup(s)) == NULL)
		return no_memory();
	l->n++;
	return 0;
}

static int
set_by(struct job_facts *f, const char *value)
{
	for (unsigned i = 0; i < JOB_BY_NAMES; i++) {
		if (strcmp(job_by_names[i], value) == 0) {
			f->by = (enum job_by)i;
			return 0;
		}
	}
	return ferr(FERR_USAGE, "'by %s' is not a way to spread records", value);
}

static int
set_groups(struct job_facts *f, const char *value)
{
	int64_t groups;
	int rc = unit_int(value, "the number of key groups", 0, 32768, &groups);

	if (rc == 0)
		f->groups = (uint32_t)groups;
	return rc;
}

/* One line: `key` or `key value`. */
static int
take_fact(struct job_facts *f, const char *key, const char *value)
{
	const struct {
		const char *key;
		bool *to;
	} flags[] = {
		{ "source", &f->source },   { "sink", &f->sink },     { "stateful", &f->stateful },
		{ "lanes", &f->lanes },	    { "print", &f->print },   { "asked", &f->asked },
		{ "selects", &f->selects }, { "passes", &f->passes }, { "unkeys", &f->unkeys },
		{ "chains", &f->chains },   { "hosts", &f->hosts },
	};
	const struct {
		const char *key;
		char **to;
	} texts[] = {
		{ "noreplay", &f->noreplay }, { "target", &f->target },
		{ "atleast", &f->atleast },   { "name", &f->name },
		{ "most_why", &f->most_why }, { "at", &f->at },
	};
	const struct {
		const char *key;
		int64_t *to;
	} numbers[] = {
		{ "parallel", &f->parallel },
		{ "most", &f->most },
		{ "mem", &f->mem },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].key, key) == 0) {
			*flags[i].to = true;
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].key, key) == 0)
			return set_text(texts[i].to, value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].key, key) == 0)
			return unit_int(value, key, 0, INT64_MAX, numbers[i].to);
	if (strcmp(key, "side") == 0)
		return job_list_add(&f->sides, value);
	if (strcmp(key, "reads") == 0)
		return job_list_add(&f->reads, value);
	if (strcmp(key, "makes") == 0)
		return job_list_add(&f->makes, value);
	if (strcmp(key, "by") == 0)
		return set_by(f, value);
	if (strcmp(key, "groups") == 0)
		return set_groups(f, value);
	return ferr(FERR_USAGE, "'%s' is not known: are all programs of one version?", key);
}

int
job_facts(struct job *j, unsigned i, const char *lines, size_t n)
{
	struct job_stage *s = &j->stage[i];
	const struct tool *tool = tool_find(s->words[0]);
	char *copy = strndup(n != 0 ? lines : "", n), *save = NULL;
	int rc = 0;

	if (copy == NULL)
		return no_memory();
	facts_fini(&s->facts);
	s->facts.source = tool != NULL && tool->source;
	s->facts.sink = tool != NULL && tool->sink;
	for (char *line = strtok_r(copy, "\n", &save); rc == 0 && line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (value != NULL)
			*value++ = '\0';
		rc = take_fact(&s->facts, line, value != NULL ? value : "");
	}
	free(copy);
	s->facts.known = rc == 0;
	return rc != FERR_USAGE ? rc : ferr_prefix(rc, "%s, asked what it is", s->name);
}

/* ---- either form ---- */

int
job_parse(struct job **out, const char *what, const char *text, size_t n,
	  const struct job_param *params, unsigned nparams)
{
	size_t i = 0;

	while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
		i++;
	if (i < n && text[i] == '{')
		return job_parse_json(out, what, text, n, params, nparams);
	return job_parse_text(out, what, text, n, params, nparams);
}
