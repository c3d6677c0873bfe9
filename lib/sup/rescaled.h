/*
 * rescaled -- the parallelism that `fcoord rescale` has given to stages, kept in DIR/rescaled as
 * lines `STAGE N`: a job that is run again keeps it, unless -p says otherwise.
 */
#ifndef SUP_RESCALED_H
#define SUP_RESCALED_H

#include "manifest/job.h"

int rescaled_note(const char *dir, const struct job *j);
/* Plan the job with what was noted; nothing noted, or a stage that is no more, is no error. */
int rescaled_apply(const char *dir, struct job *j, bool atleast);

#endif
