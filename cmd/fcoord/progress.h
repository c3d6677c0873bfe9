/* progress -- one line on a terminal while a job runs. */
#ifndef FCOORD_PROGRESS_H
#define FCOORD_PROGRESS_H

#include "sup/run.h"

struct progress {
	bool on, shown;
	int64_t at; /* when the rate was taken, ns */
	uint64_t records;
	double rate;
};

void progress_show(struct progress *p, const struct run *r);
void progress_clear(struct progress *p);

#endif
