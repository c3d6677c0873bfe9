/* zone -- a time zone by its name, from the machine's tzdata. */
#ifndef OP_ZONE_H
#define OP_ZONE_H

#include "base/time.h"

int zone_load(struct tz **out, const char *name); /* FERR_USAGE, FERR_NOMEM */

#endif
