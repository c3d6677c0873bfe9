/* fstate -- what the files of this command share. */
#ifndef FSTATE_H
#define FSTATE_H

#include "base/opt.h"
#include "fmt/fmt.h"

/* Options; those that say nothing are NULL or 0. */
struct conf {
	const char *state; /* where jobs lie, as for fcoord */
	const char *at;	   /* epoch or place */
	const char *stage, *key;
	const char *window; /* holds a moment of [from, to) */
	int64_t from, to;
	const char *out; /* export: a directory */
	enum fmt_kind format;
	int64_t mem;
	unsigned given; /* 1 << enum option: which were */
};

enum option { OPT_STATE, OPT_AT, OPT_STAGE, OPT_KEY, OPT_WINDOW, OPT_OUT, OPT_FORMAT, OPT_MEM };

/* A note on stderr. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The verbs: dir is a store, a savepoint or a local copy, word the n operands behind it. */
int verb_ls(const struct conf *c, const char *dir, char **word);
int verb_show(const struct conf *c, const char *dir, char **word);
int verb_get(const struct conf *c, const char *dir, char **word);
int verb_scan(const struct conf *c, const char *dir, char **word);
int verb_diff(const struct conf *c, const char *dir, char **word);
int verb_verify(const struct conf *c, const char *dir, char **word);
int verb_export(const struct conf *c, const char *dir, char **word);

#endif
