/* work: see work.h. */
#include "ev/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "fio/fio.h"

struct queue {
	struct work_job *first, **last;
};

struct work {
	pthread_t thread;
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t given;
	struct queue todo, done;
	int fd; /* readable as long as done holds a job */
	bool stop;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void
queue_put(struct queue *q, struct work_job *job)
{
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
}

static struct work_job *
queue_take(struct queue *q)
{
	struct work_job *job = q->first;

	if (job != NULL && (q->first = job->next) == NULL)
		q->last = &q->first;
	return job;
}

static void
run(struct work_job *job)
{
	ferr_clear();
	job->text[0] = '\0';
	if ((job->rc = job->run(job)) != 0)
		snprintf(job->text, sizeof(job->text), "%s", ferr_text());
}

static void *
helper(void *cookie)
{
	struct work *w = cookie;
	struct work_job *job;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (!w->stop && w->todo.first == NULL)
			pthread_cond_wait(&w->given, &w->mutex);
		if (w->stop)
			break;
		job = queue_take(&w->todo);
		pthread_mutex_unlock(&w->mutex);
		run(job);
		pthread_mutex_lock(&w->mutex);
		queue_put(&w->done, job);
		fio_notify(w->fd);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* Signals belong to the loop: the helper is born with all of them blocked. */
static int
start(struct work *w)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&w->thread, NULL, helper, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e;
}

int
work_new(struct work **out)
{
	struct work *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	queue_init(&w->todo);
	queue_init(&w->done);
	pthread_mutex_init(&w->mutex, NULL); /* neither can fail without attributes */
	pthread_cond_init(&w->given, NULL);
	if ((w->fd = fio_eventfd()) == -1) {
		rc = ferr_sys(FERR_IO, "cannot make an eventfd");
		goto err1;
	}
	if ((errno = start(w)) != 0) {
		rc = ferr_sys(FERR_IO, "cannot start a thread");
		goto err2;
	}
	*out = w;
	return 0;
err2:
	fio_close(w->fd);
err1:
	pthread_cond_destroy(&w->given);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	return rc;
}

void
work_free(struct work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_signal(&w->given);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	fio_close(w->fd);
	pthread_cond_destroy(&w->given);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

int
work_fd(const struct work *w)
{
	return w->fd;
}

void
work_put(struct work *w, struct work_job *job)
{
	pthread_mutex_lock(&w->mutex);
	queue_put(&w->todo, job);
	pthread_cond_signal(&w->given);
	pthread_mutex_unlock(&w->mutex);
}

void
work_wait(struct work *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	while (fio_poll(&p, 1, -1) == 0)
		;
}

struct work_job *
work_take(struct work *w)
{
	struct work_job *job;

	pthread_mutex_lock(&w->mutex);
	job = queue_take(&w->done);
	if (w->done.first == NULL)
		fio_drain(w->fd);
	pthread_mutex_unlock(&w->mutex);
	return job;
}
