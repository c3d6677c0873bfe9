/* Unit tests for lib/ev/work. */
#include "ev/work.h"

#include <unistd.h>

#include "base/err.h"
#include "fio/fio.h"
#include "t.h"

#define N 200

struct job {
	struct work_job w;
	int number;
	int *order, *at;
};

static int
note(struct work_job *w)
{
	struct job *j = (struct job *)w;

	j->order[(*j->at)++] = j->number;
	if (j->number % 50 == 7)
		return ferr(FERR_IO, "job %d has failed", j->number);
	return 0;
}

static bool
wait_for(const struct work *w)
{
	struct pollfd p = { .fd = work_fd(w), .events = POLLIN };

	return fio_poll(&p, 1, 5000) == 1;
}

T(jobs_run_and_come_back_in_order)
{
	static struct job job[N];
	static int order[N];
	struct work *w;
	struct work_job *done;
	int at = 0, back = 0;
	char text[32];

	T_INT(work_new(&w), 0);
	T_OK(!fio_readable(work_fd(w)));
	T_OK(work_take(w) == NULL);
	for (int i = 0; i < N; i++) {
		job[i] = (struct job){ { .run = note }, i, order, &at };
		work_put(w, &job[i].w);
	}
	while (back < N && wait_for(w)) {
		while ((done = work_take(w)) != NULL) {
			T_OK(done == &job[back].w);
			T_INT(done->rc, back % 50 == 7 ? FERR_IO : 0);
			snprintf(text, sizeof(text), "job %d has failed", back);
			T_STR(done->text, back % 50 == 7 ? text : "");
			back++;
		}
	}
	T_INT(back, N);
	for (int i = 0; i < N; i++)
		T_INT(order[i], i);
	T_OK(!fio_readable(work_fd(w)));
	work_free(w);
}

static int
nap(struct work_job *w)
{
	struct job *j = (struct job *)w;

	usleep(20000);
	++*j->at;
	return 0;
}

T(free_waits_for_the_running_job_and_drops_the_rest)
{
	struct job job[3];
	struct work *w;
	int ran = 0;

	T_INT(work_new(&w), 0);
	for (int i = 0; i < 3; i++) {
		job[i] = (struct job){ { .run = nap }, i, NULL, &ran };
		work_put(w, &job[i].w);
	}
	T_OK(wait_for(w));
	work_free(w);
	T_OK(ran == 1 || ran == 2);
	work_free(NULL);
}

T(the_fd_stays_readable_until_all_are_taken)
{
	struct job job[3];
	struct work *w;
	int ran = 0;

	T_INT(work_new(&w), 0);
	for (int i = 0; i < 3; i++) {
		job[i] = (struct job){ { .run = nap }, i, NULL, &ran };
		work_put(w, &job[i].w);
	}
	for (int i = 0; i < 3; i++) {
		work_wait(w);
		T_OK(wait_for(w));
		T_OK(work_take(w) == &job[i].w);
	}
	T_OK(!fio_readable(work_fd(w)));
	work_free(w);
}

T_MAIN
