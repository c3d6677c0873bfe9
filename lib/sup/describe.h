/*
 * describe -- ask every stage of a job what it is (FJORD_DESCRIBE, op/op.h).  Their words are
 * checked by the tools themselves on the way: a tool that refuses them says so on stderr.
 */
#ifndef SUP_DESCRIBE_H
#define SUP_DESCRIBE_H

#include "manifest/job.h"

/* Fill the facts of every stage.  FERR_USAGE when a stage refuses its words (its own message is out
 * by then; ferr_text is ""), or is not one of our tools. */
int describe_stages(struct job *j);

#endif
