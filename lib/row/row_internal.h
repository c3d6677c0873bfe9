/*
 * row_internal -- what the files of row share: the layout behind the header, and the forms that
 * row_check() chooses from.
 */
#ifndef ROW_ROW_INTERNAL_H
#define ROW_ROW_INTERNAL_H

#include "row/row.h"

#define ROW_TAGS(n) (ROW_HDR + 8 * (size_t)(n))	 /* offset of the tags */
#define ROW_FIXED(n) (ROW_HDR + 9 * (size_t)(n)) /* offset of the variable parts */

struct row_check_form {
	const char *name;     /* NULL behind the last form */
	bool (*usable)(void); /* on this machine, under this system */
	bool (*check)(const uint8_t *r, size_t len);
};

/* All forms, fastest first.  The last one, row_check_plain(), is usable everywhere. */
extern const struct row_check_form row_check_forms[];

#endif
