/*
 * job_chain -- the graph of a plain pipeline (FSTATE): its last stage's HELLO names all stages,
 * each behind those that it reads from, and every stage that takes part tells of itself.  Pure.
 *
 * A stage is known by the run id of its first source and by its number among the stages of its own
 * HELLO, from 1: both are different for any two stages of a graph with one sink.
 *
 * Errors  FERR_USAGE, FERR_NOMEM.
 */
#ifndef MANIFEST_JOB_CHAIN_H
#define MANIFEST_JOB_CHAIN_H

#include "frame/frame.h"
#include "manifest/job.h"

struct job_member {
	uint8_t run[16];
	uint32_t nth;
	uint32_t nin;	   /* how many inputs it has */
	const char *facts; /* what it says of itself (job.h); borrowed */
	size_t nfacts;
	unsigned stage; /* out: its place in the job */
};

/*
 * The job of all stages of h, with their facts, to be planned: 1.  0: a stage is not among the
 * members yet, *missing is its program (borrowed from h).  Words that only a plain shell needs
 * (--state, --local) are left out.
 */
int job_of_chain(struct job **out, const struct hello *h, struct job_member *m, unsigned nm,
		 const char **missing);

#endif
