/*
 * work -- a helper thread that may block on the disk: jobs go in, done jobs come out.
 *
 * Jobs run one after the other in the order they were given.  The loop learns of done ones through
 * a descriptor to be polled; then it takes them back.  Between work_put and work_take a job belongs
 * to the helper: nothing that it points to may be touched.
 *
 * Owner   jobs are the caller's; work_free waits for the one that runs and drops the rest.
 * Errors  a job's own result stands in it; ferr text of the helper is copied into it.
 */
#ifndef EV_WORK_H
#define EV_WORK_H

#include <stdbool.h>

struct work_job {
	int (*run)(struct work_job *job); /* in the helper; the result goes to rc */
	int rc;
	char text[512]; /* ferr text of a failed run */
	struct work_job *next;
};

struct work;
int work_new(struct work **out); /* FERR_NOMEM, FERR_IO: no thread to be had */
void work_free(struct work *w);
int work_fd(const struct work *w); /* readable when a job is done */
void work_put(struct work *w, struct work_job *job);
void work_wait(struct work *w);		    /* until a job is done; one must have been put */
struct work_job *work_take(struct work *w); /* the next done job, or NULL */

#endif
