/*
 * host -- fsink at the end of a plain pipeline with state begins the coordinator: the process that
 * the shell started becomes it, and what writes the output goes on in a child.
 */
#ifndef FSINK_HOST_H
#define FSINK_HOST_H

#include "op/op.h"

struct host_conf {
	int64_t every; /* ms between checkpoints; 0: the default */
};

/* struct op_conf's host; cookie: struct host_conf.  Returns in the child alone, or with an error.
 */
int host_pipeline(void *cookie, const struct op_conf *conf, const struct hello *all,
		  const int *inputs, unsigned n);

#endif
