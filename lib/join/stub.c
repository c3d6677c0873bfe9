/* stub: kinds that are being written; goes. */
#include "join/join_internal.h"
static int
open_none(struct join *j, struct op *op)
{
	(void)op;
	return ferr(FERR_NOTYET, "%s joins are not yet there", j->spec.kind_option);
}
const struct join_kind_ops join_window_ops = { .open = open_none };
const struct join_kind_ops join_asof_ops = { .open = open_none };
const struct join_kind_ops join_lookup_ops = { .open = open_none };
