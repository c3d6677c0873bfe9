/*
 * job -- the graph that is to run: pipeline text or a JSON manifest become the same struct job,
 * and what each stage says of itself makes it a plan.  Pure: nothing is started, no file is read.
 *
 * Pipeline text (cli.md) is a strict subset of bash: stages joined by `|`, words bare or quoted
 * ('…' as it stands, "…" with \" \\ \$ \` and ${PARAM}), `<( … )` and `>( … )` as words, `#`
 * comments, newlines and `;` between definitions, a backslash-newline joins lines; `NAME = stage |
 * stage` defines, `@NAME` as a pipeline's first stage or as a word takes it up (fan-out when
 * several do).  What bash would do and we do not ($VAR, globs outside quotes in any stage but
 * fsource, &&, ||, >, <, &, backticks, $(…), assignments) is an error at line:col with a caret that
 * says what to use.  Exactly one pipeline is not a definition, or several with one sink each; a
 * text without fsink gets `| fsink -`.  Globs of fsource are passed on, it expands them itself.
 *
 * Stages are programs of Fjord alone; other words are refused, so that a text never runs anything
 * else.  Definitions stand above their use, and each is used.  A pipeline `>( … )` goes behind
 * --late and --on-bad alone; the word keeps ">STAGE", which is the path of that side output.
 *
 * Names: --name of a stage, else its tool; later ones of the same tool get -2, -3 (fmap, fmap-2).
 * They are settled by the parsers: letters, digits, _ - and . (none of - . in front), at most 64.
 *
 * Owner   job_free frees all.  Strings are NUL-terminated copies.
 * Errors  FERR_USAGE with text (where:line:col, caret, did you mean), FERR_NOMEM.
 */
#ifndef MANIFEST_JOB_H
#define MANIFEST_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct job_list {
	char **v;
	unsigned n;
};

enum job_by { BY_FORWARD, BY_KEY, BY_REBALANCE, BY_BROADCAST, BY_GLOBAL, BY_UNSET };

/*
 * What a stage says of itself when it is asked (FJORD_DESCRIBE; struct op_facts in op/op.h): one
 * line each, `key value` (the rest of the line; that of a flag is not looked at):
 *	flags	source sink stateful lanes print selects passes asked unkeys
 *		chains hosts
 *	texts	noreplay atleast name most_why at target
 *	numbers	parallel most groups mem (bytes)
 *	by	forward key rebalance broadcast global
 *	side	a path; once for each
 *	reads, makes	a field; once for each
 * That fsource is a source, fsink and fcat are sinks need not be said.
 */
struct job_facts {
	bool known;
	bool source, sink;
	bool stateful; /* keeps keyed state */
	bool lanes;    /* publishes output exactly once by epochs */
	char *target; /* a sink: the file or directory it writes; NULL: none that could be shared */
	char *noreplay;	  /* a source that cannot go back: why, and what to do instead */
	char *atleast;	  /* a sink that is not exactly-once: why */
	bool asked;	  /* ... and it was asked to be so */
	char *name;	  /* --name */
	int64_t parallel; /* -p; 0: not said */
	int64_t most;	  /* the most subtasks it can have (FILE: 1); 0: any */
	char *most_why;
	enum job_by by;	       /* how its output is spread; BY_UNSET: keys stay as they are */
	bool chains;	       /* may run in the process of the stage before */
	bool hosts;	       /* others may run in its process */
	bool unkeys;	       /* what it gives out has no key, whatever its input has */
	uint32_t groups;       /* fkey --groups; 0: not said */
	int64_t mem;	       /* --mem */
	char *at;	       /* --at */
	struct job_list sides; /* paths that receive records: --late, --on-bad */
	bool print;	       /* prints to stdout */
	bool selects;	       /* of its input's fields it reads those of `reads` alone */
	bool passes;	       /* ... and gives out the others as well */
	struct job_list reads;
	struct job_list makes; /* fields that it sets in every record */
};

struct job_stage {
	char *name;
	char **
	    words; /* argv; inputs of fjoin that are edges stand as "<NAME" of that edge's source */
	unsigned nwords;
	unsigned line, col; /* where it stands in the text; 0: manifest */
	int64_t parallel;   /* 0: not said in the manifest */
	int64_t memory;
	char *at;
	bool implicit; /* nobody wrote it: `fsink -`, or the sink of a side output */
	struct job_facts facts;
	/* job_plan: */
	uint32_t tasks;	 /* parallelism */
	uint32_t groups; /* key groups of its input and state; set before job_plan: state is kept
			    with so many, they stay */
	bool keyed;	 /* its input has a key */
	bool chained;	 /* it has no process: it runs in that of the stage before (job_head) */
	bool selects;	 /* from here on (of a source: behind it) no field is read but `reads` */
	struct job_list reads;
};

struct job_edge {
	unsigned from, to; /* stages */
	enum job_by by;
	char *side;	/* the path of the side output it carries; NULL: the main output */
	unsigned input; /* which input of `to`, in the order of its words */
	bool by_said;	/* the manifest says how */
};

struct job {
	char *name; /* NULL: none said */
	struct job_stage *stage;
	unsigned nstages;
	struct job_edge *edge;
	unsigned nedges;
	/* As they were written, checked; NULL: not said.  unaligned: "true", "false", "after:D";
	 * hosts: "a,b". */
	char *every, *timeout, *min_pause, *keep, *dir, *unaligned, *restart, *hosts;
	bool planned;
};

struct job_param {
	const char *name, *value;
};

/* Parse text (`what` names it in messages, "the text" or a file's name).  A parameter that nothing
 * asks for is an error: it is misspelt. */
int job_parse_text(struct job **out, const char *what, const char *text, size_t n,
		   const struct job_param *params, unsigned nparams);
/* Parse a manifest (fmanifest(5)).  Unknown keys are errors. */
int job_parse_json(struct job **out, const char *what, const char *text, size_t n,
		   const struct job_param *params, unsigned nparams);
/* Either, by the first byte that is not blank. */
int job_parse(struct job **out, const char *what, const char *text, size_t n,
	      const struct job_param *params, unsigned nparams);
void job_free(struct job *j);

/* Read what stage i printed about itself. */
int job_facts(struct job *j, unsigned i, const char *lines, size_t n);

/*
 * Every stage's facts are known: settle parallelism (`parallel` is -p of the job, 0: 1; what a
 * stage itself wants goes before it, and the manifest before -p among its words), how edges spread,
 * key groups (C35), and add an implicit `fsink PATH` for every side output without an edge
 * (STAGE-late, STAGE-bad; one for all stages that name the same path).  May be called again, with
 * other parallelism: what it added is kept, and so are key groups.  Refused, with what to do
 * instead: a source that cannot replay unless atleast, a stage behind nothing, an output that
 * nobody reads, a graph with a cycle, -p above the groups, two stages of one name, a FILE or - with
 * -p N.  Rules: a stage that is stateful and not keyed has one subtask, and so has one that reads
 * by global alone; behind BY_KEY the input is keyed until --global or --rebalance or --broadcast
 * takes the key away, and an input of several edges is keyed when all are; equal parallelism and
 * BY_UNSET is forward; unequal: by key when keyed, else rebalance; many into one: global. fkeys
 * whose keys meet (fjoin) get the same number of groups.  A field that nobody reads need not leave
 * its source; whole records go into sinks and side outputs.
 */
int job_plan(struct job *j, int64_t parallel, bool atleast);
/* All sinks were asked to be at-least-once: a source may then be one that cannot go back. */
bool job_at_least_once(const struct job *j);
/*
 * Which stage's process stage i runs in.  A stage that keeps nothing, and is behind one of equal
 * parallelism alone, needs none of its own: its records would cross an edge and do no more (Flink
 * calls it chaining).
 */
unsigned job_head(const struct job *j, unsigned i);

/* Print the plan: the canonical manifest (what job_parse_json reads; planned again it is the same
 * plan), Graphviz, or for people: every process with its argv quoted for a shell, every edge, and
 * the guarantee of each sink. */
int job_print_json(const struct job *j, struct buf *out);
int job_print_dot(const struct job *j, struct buf *out);
int job_print_text(const struct job *j, struct buf *out);

#endif
