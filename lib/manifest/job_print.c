/* job_print: a job as its canonical manifest, as a drawing, and for people.  See job.h. */
#include <inttypes.h>

#include "manifest/manifest_internal.h"

/* ---- the manifest ---- */

/* A text that job_parse_json gives back as it is: ${ is written $${. */
static int
put_text(struct buf *out, const char *s)
{
	struct buf b = BUF_INIT;
	const char *text;
	int rc = 0;

	for (; rc == 0 && *s != '\0'; s++) {
		if (s[0] == '$' && s[1] == '{')
			rc = buf_putc(&b, '$');
		if (rc == 0)
			rc = buf_putc(&b, (uint8_t)*s);
	}
	if (rc == 0)
		rc = (text = buf_cstr(&b)) != NULL ? put_json_string(out, text) : no_memory();
	buf_fini(&b);
	return rc;
}

/* `, "key": "text"`, unless it is not said. */
static int
put_member(struct buf *out, const char *before, const char *key, const char *s)
{
	int rc;

	if (s == NULL)
		return 0;
	rc = buf_printf(out, "%s\"%s\": ", before, key);
	return rc != 0 ? rc : put_text(out, s);
}

/* The largest unit that keeps the number whole. */
static int
put_memory(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;

	for (; u < 4 && bytes % 1024 == 0; u++)
		bytes /= 1024;
	return buf_printf(out, "%" PRId64 "%s", bytes, units[u]);
}

static int
put_json_stage(struct buf *out, const struct job *j, const struct job_stage *s)
{
	int64_t parallel = j->planned ? s->tasks : s->parallel;
	int rc;

	if ((rc = put_member(out, "{", "name", s->name)) != 0 ||
	    (rc = buf_puts(out, ", \"run\": [")) != 0)
		return rc;
	for (unsigned i = 0; i < s->nwords; i++)
		if ((i > 0 && (rc = buf_puts(out, ", ")) != 0) ||
		    (rc = put_text(out, s->words[i])) != 0)
			return rc;
	if ((rc = buf_putc(out, ']')) != 0 ||
	    (parallel != 0 &&
	     (rc = buf_printf(out, ", \"parallelism\": %" PRId64, parallel)) != 0) ||
	    (rc = put_member(out, ", ", "at", s->at)) != 0)
		return rc;
	if (s->memory != 0 &&
	    ((rc = buf_puts(out, ", \"memory\": \"")) != 0 ||
	     (rc = put_memory(out, s->memory)) != 0 || (rc = buf_putc(out, '"')) != 0))
		return rc;
	return buf_putc(out, '}');
}

static int
put_json_edge(struct buf *out, const struct job *j, const struct job_edge *e)
{
	int rc;

	if ((rc = put_member(out, "{", "from", j->stage[e->from].name)) != 0 ||
	    (rc = put_member(out, ", ", "to", j->stage[e->to].name)) != 0 ||
	    (e->by != BY_UNSET && (rc = put_member(out, ", ", "by", job_by_names[e->by])) != 0) ||
	    (rc = put_member(out, ", ", "side", e->side)) != 0 ||
	    (e->input != 0 && e->input != INPUT_UNSAID &&
	     (rc = buf_printf(out, ", \"input\": %u", e->input)) != 0))
		return rc;
	return buf_putc(out, '}');
}

static int
put_checkpoint(struct buf *out, const struct job *j)
{
	const struct {
		const char *key, *text;
		bool plain; /* a number, true or false */
	} member[] = {
		{ "every", j->every, false },
		{ "timeout", j->timeout, false },
		{ "min_pause", j->min_pause, false },
		{ "keep", j->keep, true },
		{ "dir", j->dir, false },
		{ "unaligned", j->unaligned,
		  j->unaligned != NULL && strncmp(j->unaligned, "after:", 6) != 0 },
	};
	const char *before = "";
	int rc = buf_puts(out, ",\n \"checkpoint\": {");

	for (size_t i = 0; rc == 0 && i < sizeof(member) / sizeof(member[0]); i++) {
		if (member[i].text == NULL)
			continue;
		if (member[i].plain)
			rc = buf_printf(out, "%s\"%s\": %s", before, member[i].key, member[i].text);
		else
			rc = put_member(out, before, member[i].key, member[i].text);
		before = ", ";
	}
	return rc != 0 ? rc : buf_putc(out, '}');
}

int
job_print_json(const struct job *j, struct buf *out)
{
	bool checkpoint = j->every != NULL || j->timeout != NULL || j->min_pause != NULL ||
			  j->keep != NULL || j->dir != NULL || j->unaligned != NULL;
	int rc;

	if ((rc = buf_puts(out, "{\"version\": 1")) != 0 ||
	    (rc = put_member(out, ",\n ", "name", j->name)) != 0 ||
	    (rc = buf_puts(out, ",\n \"stages\": [")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if ((rc = buf_puts(out, i == 0 ? "\n  " : ",\n  ")) != 0 ||
		    (rc = put_json_stage(out, j, &j->stage[i])) != 0)
			return rc;
	if ((rc = buf_puts(out, "],\n \"edges\": [")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nedges; i++)
		if ((rc = buf_puts(out, i == 0 ? "\n  " : ",\n  ")) != 0 ||
		    (rc = put_json_edge(out, j, &j->edge[i])) != 0)
			return rc;
	if ((rc = buf_putc(out, ']')) != 0 || (checkpoint && (rc = put_checkpoint(out, j)) != 0) ||
	    (rc = put_member(out, ",\n ", "restart", j->restart)) != 0 ||
	    (rc = put_member(out, ",\n ", "hosts", j->hosts)) != 0)
		return rc;
	return buf_puts(out, "}\n");
}

/* ---- words ---- */

/* A word as a shell, and our own text, reads it back. */
static int
put_word(struct buf *out, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:=,@%+-";
	int rc;

	if (s[0] != '\0' && s[0] != '@' && strspn(s, plain) == strlen(s))
		return buf_puts(out, s);
	rc = buf_putc(out, '\'');
	for (; rc == 0 && *s != '\0'; s++)
		rc = *s == '\'' ? buf_puts(out, "'\\''") : buf_putc(out, (uint8_t)*s);
	return rc != 0 ? rc : buf_putc(out, '\'');
}

static int
put_words(struct buf *out, const struct job_stage *s)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->nwords; i++)
		if (i == 0 || (rc = buf_putc(out, ' ')) == 0)
			rc = put_word(out, s->words[i]);
	return rc;
}

/* ---- a drawing ---- */

/* "..." as Graphviz reads it; \n in it begins a line. */
static int
put_dot_label(struct buf *out, const struct job_stage *s)
{
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = put_words(&b, s)) != 0 ||
	    (rc = buf_printf(out, "label=\"%s x%u\\n", s->name, s->tasks)) != 0)
		goto out;
	for (size_t i = 0; rc == 0 && i < b.n; i++) {
		if (b.p[i] == '"' || b.p[i] == '\\')
			rc = buf_putc(out, '\\');
		if (rc == 0)
			rc = buf_putc(out, b.p[i] < ' ' ? ' ' : b.p[i]);
	}
	if (rc == 0)
		rc = buf_putc(out, '"');
out:
	buf_fini(&b);
	return rc;
}

int
job_print_dot(const struct job *j, struct buf *out)
{
	int rc;

	if ((rc = buf_puts(out, "digraph job {\n\trankdir=LR;\n\tnode [shape=box];\n")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if ((rc = buf_printf(out, "\t\"%s\" [", j->stage[i].name)) != 0 ||
		    (rc = put_dot_label(out, &j->stage[i])) != 0 ||
		    (rc = buf_puts(out, "];\n")) != 0)
			return rc;
	for (unsigned i = 0; i < j->nedges; i++) {
		const struct job_edge *e = &j->edge[i];

		if ((rc = buf_printf(out, "\t\"%s\" -> \"%s\" [label=\"%s\"%s];\n",
				     j->stage[e->from].name, j->stage[e->to].name,
				     e->by != BY_UNSET ? job_by_names[e->by] : "",
				     e->side != NULL ? ", style=dashed" : "")) != 0)
			return rc;
	}
	return buf_puts(out, "}\n");
}

/* ---- for people ---- */

static int
name_width(const struct job *j)
{
	size_t width = 0;

	for (unsigned i = 0; i < j->nstages; i++)
		if (strlen(j->stage[i].name) > width)
			width = strlen(j->stage[i].name);
	return (int)width;
}

/* Which fields leave a source, when not all do. */
static int
put_reads(struct buf *out, const struct job_stage *s)
{
	int rc = buf_puts(out, s->at != NULL ? ", downstream reads" : "  # downstream reads");

	if (rc == 0 && s->reads.n == 0)
		rc = buf_puts(out, " no field");
	for (unsigned i = 0; i < s->reads.n && rc == 0; i++)
		rc = buf_printf(out, "%s %s", i > 0 ? "," : "", s->reads.v[i]);
	return rc;
}

static int
put_stage(struct buf *out, const struct job_stage *s, int width)
{
	int rc;

	if ((rc = buf_printf(out, "  %-*s  x%-4u ", width, s->name, s->tasks)) != 0 ||
	    (rc = put_words(out, s)) != 0)
		return rc;
	/* A comment to a shell, so that the line can be copied. */
	if ((s->keyed && (rc = buf_printf(out, "  # keyed, %u key groups", s->groups)) != 0) ||
	    (s->at != NULL &&
	     (rc = buf_printf(out, "%s at %s", s->keyed ? "," : "  #", s->at)) != 0))
		return rc;
	if (s->facts.source && s->selects && (rc = put_reads(out, s)) != 0)
		return rc;
	if (s->chained && (rc = buf_puts(out, "  # in the process before")) != 0)
		return rc;
	return buf_putc(out, '\n');
}

static int
put_edge(struct buf *out, const struct job *j, const struct job_edge *e, int width)
{
	const struct job_stage *from = &j->stage[e->from], *to = &j->stage[e->to];
	int rc = buf_printf(out, "  %-*s -> %-*s  %s", width, from->name, width, to->name,
			    e->by != BY_UNSET ? job_by_names[e->by] : "");

	if (rc == 0 && from->tasks != 0 && (from->tasks != 1 || to->tasks != 1))
		rc = buf_printf(out, ", %u to %u", from->tasks, to->tasks);
	if (rc == 0 && e->input != INPUT_UNSAID && tool_find(to->words[0])->joins)
		rc = buf_printf(out, ", input %u", e->input);
	if (rc == 0 && e->side != NULL && (rc = buf_puts(out, ", what goes to ")) == 0)
		rc = put_word(out, e->side);
	return rc != 0 ? rc : buf_putc(out, '\n');
}

int
job_print_text(const struct job *j, struct buf *out)
{
	int width = name_width(j), rc;

	if ((rc = buf_puts(out, "stages\n")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++)
		if ((rc = put_stage(out, &j->stage[i], width)) != 0)
			return rc;
	if ((rc = buf_puts(out, "edges\n")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nedges; i++)
		if ((rc = put_edge(out, j, &j->edge[i], width)) != 0)
			return rc;
	if ((rc = buf_puts(out, "guarantees\n")) != 0)
		return rc;
	for (unsigned i = 0; i < j->nstages; i++) {
		const struct job_facts *f = &j->stage[i].facts;

		if (!f->sink)
			continue;
		if ((rc = buf_printf(out, "  %-*s  %s%s\n", width, j->stage[i].name,
				     f->atleast != NULL ? "at least once: " : "exactly once",
				     f->atleast != NULL ? f->atleast : "")) != 0)
			return rc;
	}
	return 0;
}
