/*
 * names -- lists of field names on the command line: `user, .card, ."odd name"`.
 *
 * Where only a field can stand the dot is optional.  Names are of top-level fields; a path such as
 * .a.b is refused here.
 */
#ifndef EXPR_NAMES_H
#define EXPR_NAMES_H

#include <stddef.h>

struct names {
	char **v;
	size_t n;
};

/* FERR_USAGE with its text, FERR_NOMEM; *out is replaced. */
int names_parse(struct names *out, const char *text);
void names_fini(struct names *s);
int names_find(const struct names *s, const char *name); /* place, or -1 */

#endif
