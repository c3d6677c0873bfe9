/*
 * job_text: pipeline text, a strict subset of bash.  See job.h.
 *
 *	text      = { newline | item ( newline | ";" ) }
 *	item      = [ NAME "=" ] pipeline
 *	pipeline  = ( "@" NAME | stage ) { "|" stage }
 *	stage     = TOOL { word | "<(" pipeline ")" | ">(" pipeline ")" | "@" NAME }
 *
 * Words are read by job_word.c.  Stages get their names at the end, so words that stand for another
 * stage are filled in then.
 */
#include "manifest/job_text.h"

#define DEPTH_MAX 32

static int pipeline(struct text *t, int *first, int *last);

#define FAIL(t, at, ...) where_fail(&(t)->w, (at), __VA_ARGS__)

/* ---- blanks and ends ---- */

/* Blanks, joined lines and a comment; not the end of the line. */
static void
skip_blanks(struct text *t)
{
	for (;;) {
		if (text_at(t, 0) == ' ' || text_at(t, 0) == '\t')
			t->at++;
		else if (text_at(t, 0) == '\\' && text_at(t, 1) == '\n')
			t->at += 2;
		else
			break;
	}
	if (text_at(t, 0) == '#')
		while (t->at < t->w.n && t->w.s[t->at] != '\n')
			t->at++;
}

static void
skip_lines(struct text *t)
{
	for (skip_blanks(t); text_at(t, 0) == '\n'; skip_blanks(t))
		t->at++;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

static bool
begins_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Length of a definition's name here: as a parameter's, and - within. */
static size_t
name_len(const struct text *t, size_t at)
{
	size_t n = param_name_len(t->w.s + at, t->w.n - at);

	while (n > 0 && at + n < t->w.n &&
	       (t->w.s[at + n] == '-' || param_name_len(t->w.s + at + n, 1) == 1 ||
		(t->w.s[at + n] >= '0' && t->w.s[at + n] <= '9')))
		n++;
	return n;
}

/* ---- definitions ---- */

/* Does `NAME =` stand here?  *n gets the length of the name, *after what follows the sign. */
static bool
is_definition(const struct text *t, size_t *n, size_t *after)
{
	size_t at = t->at;

	if ((*n = name_len(t, at)) == 0)
		return false;
	at += *n;
	while (at < t->w.n && (t->w.s[at] == ' ' || t->w.s[at] == '\t'))
		at++;
	*after = at + 1;
	return at > t->at + *n && at < t->w.n && t->w.s[at] == '=' &&
	       (at + 1 == t->w.n || is_blank(t->w.s[at + 1]));
}

static struct text_def *
find_def(struct text *t, const char *name, size_t n)
{
	for (unsigned i = 0; i < t->ndefs; i++)
		if (t->def[i].n == n && memcmp(t->def[i].name, name, n) == 0)
			return &t->def[i];
	return NULL;
}

static int
definition(struct text *t, size_t n, size_t after)
{
	struct text_def d = { .name = t->w.s + t->at, .n = n, .at = t->at }, *v;
	int rc, first, last;

	if (find_def(t, d.name, n) != NULL)
		return FAIL(t, d.at, "%.*s is defined already: choose another name", (int)n,
			    d.name);
	t->at = after;
	skip_blanks(t);
	if ((rc = pipeline(t, &first, &last)) != 0)
		return rc;
	if (tool_find(t->job->stage[last].words[0])->sink)
		return FAIL(t, d.at,
			    "%.*s ends in %s, which has no output to take up: leave `%.*s =` away",
			    (int)n, d.name, t->job->stage[last].words[0], (int)n, d.name);
	d.stage = (unsigned)last;
	if ((v = grow_by_one(t->def, t->ndefs, sizeof(*v))) == NULL)
		return no_memory();
	t->def = v;
	v[t->ndefs++] = d;
	return 0;
}

/* Is the name defined further down?  Then say so: definitions come first. */
static bool
defined_below(const struct text *t, const char *name, size_t n)
{
	struct text look = *t;
	size_t len, after;

	while (look.at < look.w.n) {
		while (look.at < look.w.n && look.w.s[look.at] != '\n' && look.w.s[look.at] != ';')
			look.at++;
		look.at += look.at < look.w.n;
		skip_blanks(&look);
		if (is_definition(&look, &len, &after) && len == n &&
		    memcmp(look.w.s + look.at, name, n) == 0)
			return true;
	}
	return false;
}

static int
no_definition(struct text *t, size_t at, const char *name, size_t n)
{
	char word[64], **names = calloc(t->ndefs + 1, sizeof(*names));
	const char *near = NULL;
	int rc, len = n < 60 ? (int)n : 60;
	unsigned k = 0;

	if (names == NULL)
		return no_memory();
	memcpy(word, name, (size_t)len);
	word[len] = '\0';
	while (k < t->ndefs && (names[k] = strndup(t->def[k].name, t->def[k].n)) != NULL)
		k++;
	near = near_word(word, (const char *const *)names, k);
	if (defined_below(t, name, n))
		rc = FAIL(t, at, "@%s is defined further down: move `%s = ...` above", word, word);
	else if (near != NULL)
		rc = FAIL(t, at, "@%s is not defined; did you mean @%s?", word, near);
	else
		rc =
		    FAIL(t, at, "@%s is not defined: write `%s = STAGE | STAGE` above", word, word);
	while (k > 0)
		free(names[--k]);
	free(names);
	return rc;
}

/* @NAME: *stage gets the one whose output it is. */
static int
reference(struct text *t, int *stage)
{
	size_t at = t->at++, n = name_len(t, t->at);
	const char *name = t->w.s + t->at;
	struct text_def *d = find_def(t, name, n);

	if (d == NULL)
		return no_definition(t, at, name, n);
	t->at += n;
	d->used = true;
	*stage = (int)d->stage;
	return 0;
}

/* ---- stages ---- */

/* Word `word` of `stage` stands for the other stage. */
static int
link_word(struct text *t, unsigned stage, char mark, unsigned other)
{
	struct text_link *v;
	int rc;

	if ((rc = job_add_word(t->job, stage, "", 0)) != 0)
		return rc;
	if ((v = grow_by_one(t->link, t->nlinks, sizeof(*v))) == NULL)
		return no_memory();
	t->link = v;
	v[t->nlinks++] = (struct text_link){ .stage = stage,
					     .word = t->job->stage[stage].nwords - 1,
					     .other = other,
					     .mark = mark,
					     .edge = t->job->nedges - 1 };
	return 0;
}

/* `( pipeline )` behind < or >. */
static int
enclosed(struct text *t, int *first, int *last)
{
	size_t at = t->at;
	int rc;

	if (t->depth == DEPTH_MAX)
		return FAIL(t, at, "too many ( within each other");
	t->depth++;
	t->at += 2;
	skip_lines(t);
	if ((rc = pipeline(t, first, last)) != 0)
		return rc;
	skip_lines(t);
	if (text_at(t, 0) == ';') {
		t->at++;
		skip_lines(t);
	}
	if (text_at(t, 0) != ')')
		return FAIL(t, at, "this ( is not closed: a ) is missing behind its one pipeline");
	t->at++;
	t->depth--;
	return 0;
}

/* An input of a join: <( pipeline ) or @NAME. */
static int
input_word(struct text *t, unsigned s)
{
	bool ref = text_at(t, 0) == '@';
	size_t at = t->at;
	int rc, first, last;

	if (!tool_find(t->job->stage[s].words[0])->joins)
		return FAIL(t, at,
			    ref ? "only fjoin takes @NAME as a word; elsewhere it begins a "
				  "pipeline (as text: '@...')"
				: "only fjoin reads from <( ... ): join other stages by |");
	if ((rc = ref ? reference(t, &last) : enclosed(t, &first, &last)) != 0 ||
	    (rc = job_add_edge(t->job, (unsigned)last, s)) != 0)
		return rc;
	return link_word(t, s, '<', (unsigned)last);
}

/* Behind --late and --on-bad: >( pipeline ). */
static int
side_word(struct text *t, unsigned s)
{
	const struct job_stage *st = &t->job->stage[s];
	const char *before = st->words[st->nwords - 1];
	size_t at = t->at;
	int rc, first, last;

	if (strcmp(before, "--late") != 0 && strcmp(before, "--on-bad") != 0)
		return FAIL(t, at,
			    ">( ... ) stands behind --late and --on-bad alone: join other "
			    "stages by |, or use NAME = ... and @NAME");
	if (text_at(t, 2) == '@')
		return FAIL(t, at + 2, ">( ... ) begins with a stage, not with @NAME");
	if ((rc = enclosed(t, &first, &last)) != 0 || (rc = text_end(t, (unsigned)last)) != 0 ||
	    (rc = job_add_edge(t->job, s, (unsigned)first)) != 0)
		return rc;
	return link_word(t, s, '>', (unsigned)first);
}

static int
plain_word(struct text *t, unsigned s)
{
	struct job_stage *st = &t->job->stage[s];
	bool globs = st->nwords > 0 && tool_find(st->words[0])->source;
	struct buf b = BUF_INIT;
	size_t at = t->at;
	int rc;

	if ((rc = text_word(t, globs, &b)) == 0)
		rc = job_add_word(t->job, s, (const char *)b.p, b.n);
	buf_fini(&b);
	if (rc == 0 && st->nwords == 1 && tool_find(st->words[0]) == NULL)
		rc = text_not_a_tool(t, at, st->words[0]);
	return rc;
}

static bool
ends_stage(const struct text *t)
{
	char c = text_at(t, 0);

	return t->at == t->w.n || c == '\n' || c == '|' || c == ';' || (c == ')' && t->depth > 0);
}

static int
stage(struct text *t, int *out)
{
	unsigned s;
	int rc;
	char c;

	if (ends_stage(t))
		return FAIL(t, t->at, "a stage is missing here");
	if ((rc = job_add_stage(t->job, &s)) != 0)
		return rc == FERR_USAGE ? FAIL(t, t->at, "%s", ferr_text()) : rc;
	where_line_col(&t->w, t->at, &t->job->stage[s].line, &t->job->stage[s].col);
	if ((rc = plain_word(t, s)) != 0)
		return rc;
	for (skip_blanks(t); !ends_stage(t); skip_blanks(t)) {
		c = text_at(t, 0);
		if ((c == '<' && text_at(t, 1) == '(') || (c == '@' && begins_name(text_at(t, 1))))
			rc = input_word(t, s);
		else if (c == '>' && text_at(t, 1) == '(')
			rc = side_word(t, s);
		else
			rc = plain_word(t, s);
		if (rc != 0)
			return rc;
	}
	*out = (int)s;
	return 0;
}

static int
pipeline(struct text *t, int *first, int *last)
{
	int rc, next;

	if (text_at(t, 0) == '@' && begins_name(text_at(t, 1)))
		rc = reference(t, first);
	else
		rc = stage(t, first);
	if (rc != 0)
		return rc;
	*last = *first;
	for (skip_blanks(t); text_at(t, 0) == '|'; skip_blanks(t)) {
		if (text_at(t, 1) == '|' || text_at(t, 1) == '&')
			return text_refuse(t, t->at);
		t->at++;
		skip_lines(t);
		if ((rc = stage(t, &next)) != 0 ||
		    (rc = job_add_edge(t->job, (unsigned)*last, (unsigned)next)) != 0)
			return rc;
		*last = next;
	}
	return ends_stage(t) ? 0 : text_refuse(t, t->at);
}

/* A pipeline that nobody takes up ends in a sink: add one when it has none. */
int
text_end(struct text *t, unsigned last)
{
	const struct job_stage *st = &t->job->stage[last];
	unsigned line = st->line, col = st->col, s;
	int rc;

	if (tool_find(st->words[0])->sink)
		return 0;
	if (t->printers++ > 0)
		return FAIL(t, where_offset(&t->w, line, col),
			    "this is the second pipeline without a sink: end one of them in "
			    "`| fsink FILE`");
	if ((rc = job_add_stage(t->job, &s)) != 0 ||
	    (rc = job_add_word(t->job, s, "fsink", 5)) != 0 ||
	    (rc = job_add_word(t->job, s, "-", 1)) != 0 ||
	    (rc = job_add_edge(t->job, last, s)) != 0)
		return rc;
	t->job->stage[s].line = line;
	t->job->stage[s].col = col;
	t->job->stage[s].implicit = true;
	return 0;
}

/* ---- the whole text ---- */

static int
item(struct text *t, unsigned *pipelines)
{
	size_t n, after;
	int rc, first, last;

	if (text_at(t, 0) == ';')
		return FAIL(t, t->at, "there is nothing before this ;");
	if (is_definition(t, &n, &after)) {
		rc = definition(t, n, after);
	} else {
		++*pipelines;
		if ((rc = pipeline(t, &first, &last)) == 0)
			rc = text_end(t, (unsigned)last);
	}
	if (rc != 0)
		return rc;
	if (t->at < t->w.n)
		t->at++; /* the newline or ; that ended it */
	skip_lines(t);
	return 0;
}

static int
items(struct text *t)
{
	unsigned pipelines = 0;
	int rc;

	skip_lines(t);
	while (t->at < t->w.n)
		if ((rc = item(t, &pipelines)) != 0)
			return rc;
	for (unsigned i = 0; i < t->ndefs; i++)
		if (!t->def[i].used)
			return FAIL(t, t->def[i].at,
				    "%.*s is defined and never taken up: write `@%.*s | fsink "
				    "FILE`, or leave it out",
				    (int)t->def[i].n, t->def[i].name, (int)t->def[i].n,
				    t->def[i].name);
	if (pipelines == 0)
		return ferr(FERR_USAGE,
			    "%s is empty: write a pipeline such as fsource FILE | fkey FIELD | "
			    "fwindow tumble 5m | fsink DIR/",
			    t->w.what);
	return params_all_used(&t->params, t->w.what);
}

/* Names, and the words and edges that need them. */
static int
settle(struct text *t)
{
	unsigned s;
	int rc;

	if ((rc = job_name(t->job, &s)) != 0)
		goto place;
	for (unsigned i = 0; i < t->nlinks; i++) {
		const struct text_link *l = &t->link[i];
		const char *name = t->job->stage[l->other].name;

		if ((rc = job_set_word(t->job, l->stage, l->word, l->mark, name)) != 0)
			return rc;
		if (l->mark == '>' && (t->job->edge[l->edge].side =
					   strdup(t->job->stage[l->stage].words[l->word])) == NULL)
			return no_memory();
	}
	if ((rc = job_wire(t->job, &s)) == 0)
		return 0;
place:
	if (rc != FERR_USAGE)
		return rc;
	return FAIL(t, where_offset(&t->w, t->job->stage[s].line, t->job->stage[s].col), "%s",
		    ferr_text());
}

int
job_parse_text(struct job **out, const char *what, const char *s, size_t n,
	       const struct job_param *params, unsigned nparams)
{
	struct text t = { .w = { what, s, n } };
	size_t bad = utf8_span((const uint8_t *)s, n);
	const char *nul = n != 0 ? memchr(s, '\0', n) : NULL;
	int rc;

	if (nul != NULL && (size_t)(nul - s) < bad)
		bad = (size_t)(nul - s);
	if (bad < n)
		return ferr(FERR_USAGE, "%s: byte %zu is not text: a job's text is UTF-8", what,
			    bad + 1);
	if ((rc = job_new(&t.job)) == 0 && (rc = params_init(&t.params, params, nparams)) == 0 &&
	    (rc = items(&t)) == 0)
		rc = settle(&t);
	if (rc == 0) {
		*out = t.job;
		t.job = NULL;
	}
	job_free(t.job);
	params_fini(&t.params);
	free(t.def);
	free(t.link);
	return rc;
}
