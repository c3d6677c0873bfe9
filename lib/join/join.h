/*
 * join -- two inputs become one: interval, window, as-of, regular and lookup joins.  Rules C36-C39
 * and C43, as the tests name them; fjoin(1) tells them.
 *
 * Input 0 is the left one, input 1 the right one.  What came early waits in keyed state, under the
 * join's own key (row/key.h, so 1 and 1.0 are equal and a null never matches), and is dropped as
 * soon as the watermark allows.
 *
 * Errors  FERR_USAGE with text from join_check; callbacks as op.h says.
 */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "op/op.h"

enum join_kind { JOIN_NONE, JOIN_WITHIN, JOIN_WINDOW, JOIN_ASOF, JOIN_REGULAR, JOIN_LOOKUP };
enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI };
enum join_window { JOIN_TUMBLE, JOIN_SLIDE, JOIN_CUMULATE, JOIN_SESSION };

#define JOIN_EVER INT64_MAX /* --asof inf, --ttl inf */

struct join_spec {
	enum join_kind kind;
	enum join_type type;
	const char *kind_option; /* the option that chose the kind; NULL: none */
	const char *on, *left_on, *right_on;
	int64_t lo, hi; /* ms; within: of right time - left time */
	enum join_window window;
	int64_t size, slide; /* ms; a session's gap is size */
	int64_t back;	     /* ms; as-of: how much older the right record may be */
	int64_t ttl;	     /* ms */
	int64_t refresh;     /* ms; lookup: 0: never */
	const char *match, *select, *late;
	const char *table; /* lookup: RIGHT is this file, read here; NULL: it is a stream */
};

extern const struct opt join_options[]; /* conf: struct join_spec */

/* All options are read: is it a join?  FERR_USAGE. */
int join_check(const struct join_spec *s);

struct join;
int join_new(struct join **out, const struct join_spec *spec);
void join_free(struct join *j);
extern const struct op_class join_class; /* self: a struct join */

#endif
