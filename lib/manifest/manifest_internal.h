/*
 * manifest_internal -- what the files of lib/manifest share.
 */
#ifndef MANIFEST_MANIFEST_INTERNAL_H
#define MANIFEST_MANIFEST_INTERNAL_H

#include <stdlib.h>

#include "base/text.h"
#include "manifest/job.h"

/* ---- where.c: errors with their place ---- */

struct where {
	const char *what; /* "the text", or a file's name */
	const char *s;
	size_t n;
};

/* FERR_USAGE: "what:line:col: text", the line, and a caret under the byte `at`. */
int where_fail(const struct where *w, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines and columns (code points) count from 1. */
void where_line_col(const struct where *w, size_t at, unsigned *line, unsigned *col);
size_t where_offset(const struct where *w, unsigned line, unsigned col);

/* ---- param.c: ${NAME} ---- */

struct params {
	const struct job_param *v;
	unsigned n;
	bool *used; /* n of them */
};

int params_init(struct params *p, const struct job_param *v, unsigned n);
void params_fini(struct params *p);
/* NULL when it has no value; marks it as used. */
const char *params_find(struct params *p, const char *name, size_t n);
/* FERR_USAGE: what to say of a name without value (did you mean). */
int params_unknown(const struct params *p, const char *name, size_t n);
/* FERR_USAGE when one was given that nothing asked for. */
int params_all_used(const struct params *p, const char *what);
/* Length of the parameter's name at the head of s: a letter or _, then letters, digits, _. */
size_t param_name_len(const char *s, size_t n);

/* ---- job.c: building a job ---- */

int no_memory(void);
/* v with room for more than n elements (doubled whenever n is a power of two), or NULL. */
void *grow_by_one(void *v, unsigned n, size_t size);

int job_new(struct job **out);
/* Add a copy of s, unless it is there. */
int job_list_add(struct job_list *l, const char *s);
void job_list_fini(struct job_list *l);
int job_add_stage(struct job *j, unsigned *at); /* without words */
int job_add_word(struct job *j, unsigned stage, const char *s, size_t n);
int job_set_word(struct job *j, unsigned stage, unsigned word, char mark, const char *s);
#define INPUT_UNSAID UINT32_MAX
int job_add_edge(struct job *j, unsigned from, unsigned to); /* input INPUT_UNSAID */

/*
 * Names and inputs, once all stages and edges are there; FERR_USAGE without a place, *stage is the
 * stage that it is about.  job_name: the tool of every stage is known and its name settled and
 * unique (a name that stands already is kept).  job_wire: every edge has its input.
 */
int job_name(struct job *j, unsigned *stage);
int job_name_stage(struct job *j, unsigned i, const char *want); /* want, want-2, want-3, ... */
int job_wire(struct job *j, unsigned *stage);
/* FERR_USAGE without a place: it cannot be the name of a stage or job, a list of hosts. */
int job_check_name(const char *name);
int job_check_hosts(const char *hosts);
int job_find(const struct job *j, const char *name); /* a stage's index, or -1 */
/* FERR_USAGE: there is no stage of that name (did you mean). */
int job_no_stage(const struct job *j, const char *name);

/* ---- job_reads.c: which fields each stage needs; order: each behind all that it reads from ----
 */

int job_settle_reads(struct job *j, const unsigned *order);

/* ---- tool.c: the programs that can be stages ---- */

struct tool {
	const char *name;
	bool source, sink;
	bool joins; /* its inputs stand among its words */
};
const struct tool *tool_find(const char *name);
/* FERR_USAGE: it is none, and what to use in its place. */
int tool_unknown(const char *word);

/* ---- JSON: json_text.c, json_where.c ---- */

/* Append s as a JSON string; FERR_USAGE when it is not UTF-8. */
int put_json_string(struct buf *out, const char *s);

/* The byte where the value at `path` begins ("stages[2].run[0]", "" is the whole), or with key
 * where that member's name stands in it; as near as it can be found.  s is valid JSON. */
size_t json_where(const char *s, size_t n, const char *path, const char *key);

extern const char *const job_by_names[]; /* indexed by enum job_by, BY_UNSET left out */
#define JOB_BY_NAMES 5

#endif
