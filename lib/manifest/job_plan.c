/* job_plan: from what stages say of themselves to parallelism, edges and key groups.  See job.h. */
#include <assert.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>

#include "manifest/manifest_internal.h"

#define GROUPS_MIN 128
#define GROUPS_MAX 32768

struct plan {
	struct job *j;
	int64_t parallel; /* of the job */
	unsigned *order;  /* stages, each behind all that it reads from */
	unsigned *setter; /* of a stage that is keyed: one that set the key of its input */
	unsigned *same;	  /* setters whose keys meet: a forest, see root() */
};

static int fail(const struct job_stage *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* FERR_USAGE about a stage, with its place in the text if there is one. */
static int
fail(const struct job_stage *s, const char *fmt, ...)
{
	char msg[1000], place[64] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (s->line != 0)
		snprintf(place, sizeof(place), " (line %u, column %u)", s->line, s->col);
	return ferr(FERR_USAGE, "%s%s: %s", s->name, place, msg);
}

/* ---- side outputs ---- */

static int
find_side(const struct job *j, unsigned from, const char *path)
{
	for (unsigned i = 0; i < j->nedges; i++)
		if (j->edge[i].from == from && j->edge[i].side != NULL &&
		    strcmp(j->edge[i].side, path) == 0)
			return (int)i;
	return -1;
}

/* The implicit sink of a path, when another stage has made it, or -1. */
static int
find_side_sink(const struct job *j, const char *path)
{
	for (unsigned i = 0; i < j->nedges; i++)
		if (j->edge[i].side != NULL && strcmp(j->edge[i].side, path) == 0 &&
		    j->stage[j->edge[i].to].implicit)
			return (int)j->edge[i].to;
	return -1;
}

static bool
is_late(const struct job_stage *s, const char *path)
{
	for (unsigned i = 1; i < s->nwords; i++)
		if ((strncmp(s->words[i], "--late=", 7) == 0 &&
		     strcmp(s->words[i] + 7, path) == 0) ||
		    (strcmp(s->words[i], path) == 0 && strcmp(s->words[i - 1], "--late") == 0))
			return true;
	return false;
}

/* `fsink PATH` for a side output of `from`; what it would say of itself is known.  It is called
 * after that stage, so that it keeps its name when other sinks come and go. */
static int
add_side_sink(struct job *j, unsigned from, const char *path, unsigned *out)
{
	struct job_stage *s;
	char name[64], *word;
	int rc;

	/* A path that looks like an option must not become one. */
	if (asprintf(&word, "%s%s", path[0] == '-' ? "./" : "", path) < 0)
		return no_memory();
	snprintf(name, sizeof(name), "%.50s-%s", j->stage[from].name,
		 is_late(&j->stage[from], path) ? "late" : "bad");
	if ((rc = job_add_stage(j, out)) != 0 || (rc = job_add_word(j, *out, "fsink", 5)) != 0 ||
	    (rc = job_add_word(j, *out, word, strlen(word))) != 0 ||
	    (rc = job_name_stage(j, *out, name)) != 0) {
		free(word);
		return rc;
	}
	free(word);
	s = &j->stage[*out];
	s->implicit = true;
	s->facts.known = s->facts.sink = s->facts.lanes = true;
	s->facts.most = 1;
	if ((s->facts.target = strdup(path)) == NULL)
		return no_memory();
	if ((s->facts.most_why = strdup("all side records go into one file")) == NULL)
		return no_memory();
	return 0;
}

/* Every side output of stage i gets its edge. */
static int
settle_sides(struct job *j, unsigned i)
{
	for (unsigned k = 0; k < j->stage[i].facts.sides.n; k++) {
		const char *path = j->stage[i].facts.sides.v[k];
		int rc, sink = find_side_sink(j, path);
		unsigned to = (unsigned)sink;

		if (find_side(j, i, path) >= 0)
			continue;
		if (path[0] == '>' && job_find(j, path + 1) >= 0)
			return fail(&j->stage[i],
				    "no edge carries \"%s\": add {\"from\": \"%s\", "
				    "\"to\": \"%s\", \"side\": \"%s\"}",
				    path, j->stage[i].name, path + 1, path);
		if ((sink < 0 && (rc = add_side_sink(j, i, path, &to)) != 0) ||
		    (rc = job_add_edge(j, i, to)) != 0)
			return rc;
		j->edge[j->nedges - 1].input = 0;
		if ((j->edge[j->nedges - 1].side = strdup(path)) == NULL)
			return no_memory();
	}
	return 0;
}

static int
check_sides(const struct job *j)
{
	for (unsigned i = 0; i < j->nedges; i++) {
		const struct job_stage *from = &j->stage[j->edge[i].from];
		bool found = j->edge[i].side == NULL;

		for (unsigned k = 0; !found && k < from->facts.sides.n; k++)
			found = strcmp(from->facts.sides.v[k], j->edge[i].side) == 0;
		if (!found)
			return fail(from,
				    "it has no side output %s: name it behind --late or "
				    "--on-bad among its words",
				    j->edge[i].side);
	}
	return 0;
}

/* Behind "./" and doubled slashes, at the beginning of a part of a path. */
static const char *
part_of(const char *s)
{
	while (s[0] == '/' || (s[0] == '.' && s[1] == '/'))
		s += s[0] == '/' ? 1 : 2;
	return s;
}

static bool
same_path(const char *a, const char *b)
{
	if ((a[0] == '/') != (b[0] == '/'))
		return false;
	for (a = part_of(a), b = part_of(b); *a == *b; a++, b++) {
		if (*a == '\0')
			return true;
		if (*a == '/') {
			a = part_of(a) - 1;
			b = part_of(b) - 1;
		}
	}
	return false;
}

/* Is path that directory, or does it lie in it? */
static bool
lies_in(const char *path, const char *dir)
{
	const char *a, *b;

	if ((dir[0] == '/') != (path[0] == '/'))
		return false;
	for (a = part_of(dir), b = part_of(path); *a == *b && *a != '\0'; a++, b++) {
		if (*a == '/') {
			a = part_of(a) - 1;
			b = part_of(b) - 1;
		}
	}
	if (*part_of(a) != '\0')
		return false;
	return a == part_of(dir) || a[-1] == '/' ? strncmp(b, "..", 2) != 0
						 : *b == '\0' || *b == '/';
}

/* Does fsource, told to read `word`, read what is written to target? */
static bool
word_reads(const char *word, const char *target)
{
	size_t n = strlen(word);

	if (n > 0 && word[n - 1] == '/')
		return lies_in(target, word);
	return same_path(word, target) ||
	       fnmatch(part_of(word), part_of(target), FNM_PATHNAME | FNM_PERIOD) == 0;
}

/* The word of a source that names what is written to target, or NULL. */
static const char *
reading_word(const struct job_stage *s, const char *target)
{
	static const char *const flags[] = { "--follow", "--sequence", "--verbose", "--quiet" };

	for (unsigned i = 1; s->facts.source && i < s->nwords; i++) {
		const char *before = s->words[i - 1];
		bool value = i > 1 && before[0] == '-' && strchr(before, '=') == NULL;

		for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
			value = value && strcmp(before, flags[k]) != 0;
		if (s->words[i][0] != '-' && !value && word_reads(s->words[i], target))
			return s->words[i];
	}
	return NULL;
}

/* A job that reads what it writes never ends. */
static int
check_circle(const struct job *j, const struct job_stage *sink)
{
	for (unsigned i = 0; i < j->nstages; i++) {
		const char *word = reading_word(&j->stage[i], sink->facts.target);

		if (word != NULL)
			return fail(sink,
				    "it writes %s, and %s reads it as %s: input cannot be output; "
				    "write it elsewhere",
				    sink->facts.target, j->stage[i].name, word);
	}
	return 0;
}

/* Two sinks on one file or directory would overwrite each other. */
static int
check_targets(const struct job *j)
{
	for (unsigned i = 0; i < j->nstages; i++) {
		const char *a = j->stage[i].facts.target;
		int rc = a != NULL ? check_circle(j, &j->stage[i]) : 0;

		if (rc != 0)
			return rc;
		for (unsigned k = 0; k < i; k++) {
			const char *b = j->stage[k].facts.target;

			if (a != NULL && b != NULL && same_path(a, b))
				return fail(&j->stage[i],
					    "it writes %s, and so does %s: give each a file or "
					    "directory of its own",
					    a, j->stage[k].name);
		}
	}
	return 0;
}

/* ---- the shape of the graph ---- */

static int
check_stage(const struct job *j, unsigned i, bool atleast)
{
	const struct job_stage *s = &j->stage[i];
	unsigned in = 0, out = 0;

	for (unsigned k = 0; k < j->nedges; k++) {
		in += j->edge[k].to == i;
		out += j->edge[k].from == i && j->edge[k].side == NULL;
	}
	if (s->facts.name != NULL && strcmp(s->facts.name, s->name) != 0)
		return fail(s, "it says --name %s of itself: keep one of the two", s->facts.name);
	if (s->facts.source && in > 0)
		return fail(s, "a source reads no other stage: a pipeline begins with it");
	if (!s->facts.source && in == 0)
		return fail(s,
			    "nothing flows into it: begin the pipeline with fsource URI, or with "
			    "@NAME");
	if (s->facts.sink && out > 0)
		return fail(s, "a sink has no output: %s cannot read from it", s->words[0]);
	if (!s->facts.sink && out == 0)
		return fail(s, "nobody reads its output: end in `| fsink FILE`");
	if (s->facts.noreplay != NULL && !atleast)
		return fail(s, "%s", s->facts.noreplay);
	return 0;
}

/* Stages so that each stands behind those that it reads from (Kahn). */
static int
sort_stages(struct plan *p)
{
	struct job *j = p->j;
	unsigned *waits = calloc(j->nstages, sizeof(*waits)), n = 0, stuck = 0;

	if (waits == NULL)
		return no_memory();
	for (unsigned i = 0; i < j->nedges; i++)
		waits[j->edge[i].to]++;
	for (unsigned i = 0; i < j->nstages; i++)
		if (waits[i] == 0)
			p->order[n++] = i;
	for (unsigned k = 0; k < n; k++)
		for (unsigned i = 0; i < j->nedges; i++)
			if (j->edge[i].from == p->order[k] && --waits[j->edge[i].to] == 0)
				p->order[n++] = j->edge[i].to;
	for (unsigned i = 0; i < j->nstages; i++)
		if (waits[i] > 0)
			stuck = i;
	free(waits);
	if (n < j->nstages)
		return fail(&j->stage[stuck], "its output flows back into it: a job has no cycle");
	return 0;
}

/* ---- keys ---- */

/* Setters whose keys meet somewhere have equal key groups: the root of their tree stands for all.
 */
static unsigned
root(const struct plan *p, unsigned setter)
{
	while (p->same[setter] != setter)
		setter = p->same[setter] = p->same[p->same[setter]];
	return setter;
}

/* What flows on an edge: has it a key, and which stage set it? */
static bool
edge_key(const struct plan *p, const struct job_edge *e, unsigned *setter)
{
	const struct job_stage *from = &p->j->stage[e->from];

	if (e->side != NULL || (e->by_said && (e->by == BY_REBALANCE || e->by == BY_BROADCAST)))
		return false;
	*setter = from->facts.by == BY_KEY ? e->from : p->setter[e->from];
	return from->facts.by == BY_KEY ||
	       (from->facts.by == BY_UNSET && from->keyed && !from->facts.unkeys);
}

/* A stage's input is keyed when every edge into it is. */
static void
settle_key(struct plan *p, unsigned i)
{
	struct job_stage *s = &p->j->stage[i];
	unsigned setter = 0, in = 0, keyed = 0;

	for (unsigned k = 0; k < p->j->nedges; k++) {
		if (p->j->edge[k].to != i)
			continue;
		in++;
		keyed += edge_key(p, &p->j->edge[k], &setter);
	}
	s->keyed = in > 0 && keyed == in;
	p->setter[i] = setter;
	for (unsigned k = 0; s->keyed && k < p->j->nedges; k++)
		if (p->j->edge[k].to == i && edge_key(p, &p->j->edge[k], &setter))
			p->same[root(p, setter)] = root(p, p->setter[i]);
}

/* ---- parallelism ---- */

/* Everything that comes goes to one subtask, whatever their number. */
static bool
only_global(const struct job *j, unsigned i)
{
	unsigned in = 0, global = 0;

	for (unsigned k = 0; k < j->nedges; k++) {
		if (j->edge[k].to != i)
			continue;
		in++;
		global += j->edge[k].by_said ? j->edge[k].by == BY_GLOBAL
					     : j->edge[k].side == NULL &&
						   j->stage[j->edge[k].from].facts.by == BY_GLOBAL;
	}
	return in > 0 && global == in;
}

static int
settle_tasks(struct plan *p, unsigned i)
{
	struct job_stage *s = &p->j->stage[i];
	int64_t said = s->parallel != 0 ? s->parallel : s->facts.parallel;
	int64_t want = said != 0 ? said : p->parallel, most = GROUPS_MAX;
	const char *why = "there are no more key groups";

	if (s->facts.most != 0 && s->facts.most < most) {
		most = s->facts.most;
		why = s->facts.most_why != NULL ? s->facts.most_why : "it cannot be split further";
	}
	if (most > 1 && s->facts.stateful && !s->keyed) {
		most = 1;
		why = "it keeps state and its input has no key: put fkey FIELD before it";
	}
	if (most > 1 && only_global(p->j, i)) {
		most = 1;
		why = "all that it reads comes by global";
	}
	if (said > most)
		return fail(s, "-p %lld is too many, it can have %lld subtask%s: %s",
			    (long long)said, (long long)most, most == 1 ? "" : "s", why);
	s->tasks = (uint32_t)(want < most ? want : most);
	return 0;
}

/* C35: clamp(nextPow2(p + p/2), 128, 32768) */
static uint32_t
default_groups(uint32_t p)
{
	uint32_t want = p + p / 2, g = GROUPS_MIN;

	while (g < want && g < GROUPS_MAX)
		g *= 2;
	return g;
}

/* ---- key groups ---- */

/* What is known of the groups of the keys of tree r: what fkey says and what state was kept with
 * must agree.  0: nothing is known. */
static int
said_groups(const struct plan *p, unsigned r, uint32_t *out)
{
	const struct job_stage *by = NULL;

	*out = 0;
	for (unsigned i = 0; i < p->j->nstages; i++) {
		const struct job_stage *s = &p->j->stage[i];
		bool sets = s->facts.by == BY_KEY && root(p, i) == r;
		bool keeps = s->keyed && root(p, p->setter[i]) == r;
		uint32_t said[2] = { sets ? s->facts.groups : 0, keeps ? s->groups : 0 };

		for (unsigned k = 0; k < 2; k++) {
			if (said[k] == 0)
				continue;
			if (*out != 0 && *out != said[k])
				return fail(s,
					    "it has %u key groups and %s has %u, and their keys "
					    "meet: give all fkey the same --groups (state keeps "
					    "the number it began with)",
					    said[k], by->name, *out);
			*out = said[k];
			by = s;
		}
	}
	return 0;
}

/* The groups of all stages whose input has a key of tree r. */
static int
settle_groups(struct plan *p, unsigned r)
{
	struct job *j = p->j;
	uint32_t groups, most = 0;
	int rc;

	if ((rc = said_groups(p, r, &groups)) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if (j->stage[i].keyed && root(p, p->setter[i]) == r && j->stage[i].tasks > most)
			most = j->stage[i].tasks;
	if (groups == 0)
		groups = default_groups(most);
	for (unsigned i = 0; i < j->nstages; i++) {
		struct job_stage *s = &j->stage[i];

		if (!s->keyed || root(p, p->setter[i]) != r)
			continue;
		if (s->tasks > groups)
			return fail(s,
				    "-p %u is more than its %u key groups: use -p %u at most, or "
				    "give fkey more --groups before the job begins",
				    s->tasks, groups, groups);
		s->groups = groups;
	}
	return 0;
}

static int
settle_all_groups(struct plan *p)
{
	int rc;

	for (unsigned i = 0; i < p->j->nstages; i++) {
		struct job_stage *s = &p->j->stage[i];

		if (s->facts.by == BY_KEY && root(p, i) == i && (rc = settle_groups(p, i)) != 0)
			return rc;
		if (s->keyed)
			continue;
		if (s->groups == 0)
			s->groups = default_groups(s->tasks);
		if (s->tasks > s->groups)
			return fail(s,
				    "-p %u is more than the %u key groups that its state began "
				    "with",
				    s->tasks, s->groups);
	}
	return 0;
}

/* ---- edges ---- */

static int
check_said(const struct plan *p, const struct job_edge *e, bool keyed)
{
	const struct job_stage *from = &p->j->stage[e->from], *to = &p->j->stage[e->to];

	if (e->by == BY_FORWARD && from->tasks != to->tasks)
		return fail(to, "forward needs equal parallelism, and %s has %u, %s has %u",
			    from->name, from->tasks, to->name, to->tasks);
	if (e->by == BY_FORWARD && from->facts.by != BY_UNSET && e->side == NULL && to->tasks > 1)
		return fail(to, "what %s sends goes by %s, not forward", from->name,
			    job_by_names[from->facts.by]);
	if (e->by == BY_GLOBAL && to->keyed && to->tasks > 1)
		return fail(to, "its state is spread by key, so that %s cannot send by global",
			    from->name);
	if (e->by == BY_KEY && !keyed)
		return fail(to, "what %s sends has no key: put fkey FIELD between them",
			    from->name);
	return 0;
}

static int
settle_edge(const struct plan *p, struct job_edge *e)
{
	const struct job_stage *from = &p->j->stage[e->from], *to = &p->j->stage[e->to];
	unsigned setter;
	bool keyed = edge_key(p, e, &setter);

	if (e->by_said)
		return check_said(p, e, keyed);
	if (from->tasks > 1 && to->tasks == 1)
		e->by = BY_GLOBAL;
	else if (e->side == NULL && from->facts.by != BY_UNSET)
		e->by = from->facts.by;
	else if (from->tasks == to->tasks)
		e->by = BY_FORWARD;
	else
		e->by = keyed ? BY_KEY : BY_REBALANCE;
	return 0;
}

/* ---- who shares a process ---- */

/* The one edge into stage i (out of it), or NULL: none or several. */
static const struct job_edge *
only_edge(const struct job *j, unsigned i, bool out)
{
	const struct job_edge *found = NULL;

	for (unsigned k = 0; k < j->nedges; k++) {
		if ((out ? j->edge[k].from : j->edge[k].to) != i)
			continue;
		if (found != NULL)
			return NULL;
		found = &j->edge[k];
	}
	return found;
}

static bool
can_chain(const struct job *j, unsigned i)
{
	const struct job_edge *in = only_edge(j, i, false), *out = only_edge(j, i, true);

	return j->stage[i].facts.chains && in != NULL && out != NULL && in->side == NULL &&
	       in->by == BY_FORWARD && j->stage[job_head(j, in->from)].facts.hosts;
}

static void
settle_chains(struct plan *p)
{
	for (unsigned k = 0; k < p->j->nstages; k++)
		p->j->stage[p->order[k]].chained = false;
	for (unsigned k = 0; k < p->j->nstages; k++)
		p->j->stage[p->order[k]].chained = can_chain(p->j, p->order[k]);
}

unsigned
job_head(const struct job *j, unsigned i)
{
	while (j->stage[i].chained)
		i = only_edge(j, i, false)->from;
	return i;
}

/* ---- the plan ---- */

/* What stands in the words counts where the manifest says nothing. */
static int
settle_place(struct job_stage *s)
{
	if (s->memory == 0)
		s->memory = s->facts.mem;
	if (s->at == NULL && s->facts.at != NULL && (s->at = strdup(s->facts.at)) == NULL)
		return no_memory();
	if (s->at != NULL && job_check_hosts(s->at) != 0)
		return fail(s, "--at: %s", ferr_text());
	return 0;
}

static int
plan_stages(struct plan *p)
{
	struct job *j = p->j;
	int rc;

	if ((rc = sort_stages(p)) != 0)
		return rc;
	for (unsigned k = 0; k < j->nstages; k++) {
		settle_key(p, p->order[k]);
		if ((rc = settle_tasks(p, p->order[k])) != 0 ||
		    (rc = settle_place(&j->stage[p->order[k]])) != 0)
			return rc;
	}
	if ((rc = settle_all_groups(p)) != 0)
		return rc;
	for (unsigned i = 0; i < j->nedges; i++)
		if ((rc = settle_edge(p, &j->edge[i])) != 0)
			return rc;
	settle_chains(p);
	return job_settle_reads(j, p->order);
}

int
job_plan(struct job *j, int64_t parallel, bool atleast)
{
	struct plan p = { .j = j, .parallel = parallel != 0 ? parallel : 1 };
	int rc;

	for (unsigned i = 0; i < j->nstages; i++) {
		assert(j->stage[i].facts.known);
		if ((rc = settle_sides(j, i)) != 0)
			return rc;
	}
	if ((rc = check_sides(j)) != 0 || (rc = check_targets(j)) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if ((rc = check_stage(j, i, atleast)) != 0)
			return rc;
	p.order = calloc(3 * (size_t)j->nstages, sizeof(*p.order));
	if (p.order == NULL)
		return no_memory();
	p.setter = p.order + j->nstages;
	p.same = p.setter + j->nstages;
	for (unsigned i = 0; i < j->nstages; i++)
		p.same[i] = i;
	rc = plan_stages(&p);
	free(p.order);
	j->planned = rc == 0;
	return rc;
}

bool
job_at_least_once(const struct job *j)
{
	for (unsigned i = 0; i < j->nstages; i++) {
		if (j->stage[i].facts.sink &&
		    (j->stage[i].facts.atleast == NULL || j->stage[i].facts.print))
			return false;
	}
	return true;
}
