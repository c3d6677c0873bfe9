/* key -- the class of fkey: set the key of records. */
#ifndef FKEY_KEY_H
#define FKEY_KEY_H

#include "op/op.h"

enum keying_mode { KEY_FIELDS, KEY_EXPR, KEY_REBALANCE, KEY_BROADCAST, KEY_GLOBAL };

struct keying_spec {
	enum keying_mode mode;
	unsigned modes;	  /* how many of the options were given */
	const char *text; /* fields, or the expression */
	int64_t groups;	  /* 0: the default, or what the supervisor says */
};

struct keying;
int keying_new(struct keying **out, const struct keying_spec *spec); /* FERR_USAGE */
void keying_free(struct keying *k);
extern const struct op_class keying_class;

#endif
