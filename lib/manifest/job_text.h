/*
 * job_text -- what the two halves of the text parser share: the grammar (job_text.c) and the words
 * with all that a shell would do and we do not (job_word.c).
 */
#ifndef MANIFEST_JOB_TEXT_H
#define MANIFEST_JOB_TEXT_H

#include "manifest/manifest_internal.h"

/* NAME = pipeline */
struct text_def {
	const char *name; /* in the text */
	size_t n, at;
	unsigned stage; /* its last one */
	bool used;
};

/* A word that stands for another stage, which has no name yet. */
struct text_link {
	unsigned stage, word, other;
	char mark;     /* '<' or '>' */
	unsigned edge; /* that goes with it */
};

struct text {
	struct where w;
	size_t at;
	struct params params;
	struct job *job;
	struct text_def *def;
	unsigned ndefs;
	struct text_link *link;
	unsigned nlinks;
	unsigned depth;	   /* of ( within ( */
	unsigned printers; /* pipelines that got `fsink -` */
};

/* The byte `ahead` of here; NUL behind the end. */
static inline char
text_at(const struct text *t, size_t ahead)
{
	return t->at + ahead < t->w.n ? t->w.s[t->at + ahead] : '\0';
}

/* Read one word and append what it means; globs: unquoted * ? [ pass as they are. */
int text_word(struct text *t, bool globs, struct buf *out);
/* FERR_USAGE: what stands at `at` is an operator of a shell; what to use. */
int text_refuse(const struct text *t, size_t at);
/* FERR_USAGE: a stage cannot begin with this word. */
int text_not_a_tool(const struct text *t, size_t at, const char *word);
/* The pipeline whose last stage this is is taken up by nobody. */
int text_end(struct text *t, unsigned last);

#endif
