/* describe: see describe.h. */
#include "sup/describe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <sys/wait.h>

#include "fio/fio.h"
#include "fio/proc.h"
#include "sup/child.h"

#define LINES_MAX (1u << 20)

struct asked {
	pid_t pid;
	int fd;
};

static int
start(const struct job_stage *s, char **env, int null, int to, struct asked *a)
{
	struct buf path = BUF_INIT;
	int out[2], map[4], rc;

	if (fio_pipe(out) == -1)
		return ferr_sys(FERR_IO, "no pipe");
	rc = child_program(s->words[0], &path);
	map[0] = null;
	map[1] = out[1];
	map[2] = 2;
	map[3] = to;
	if (rc == 0)
		a->pid = fio_spawn((const char *)path.p, s->words, env, map, to != -1 ? 4 : 3);
	fio_close(out[1]);
	a->fd = out[0];
	buf_fini(&path);
	return rc != 0 ? rc : a->pid > 0 ? 0 : ferr_sys(FERR_IO, "cannot start %s", s->words[0]);
}

/* What it printed, and how it ended. */
static int
finish(struct job *j, unsigned i, struct asked *a)
{
	struct buf b = BUF_INIT;
	ssize_t k = 1;
	int status, rc = 0;

	while (rc == 0 && k > 0 && b.n < LINES_MAX) {
		if ((rc = buf_room(&b, 4096)) == 0 && (k = fio_read(a->fd, b.p + b.n, 4096)) > 0)
			b.n += (size_t)k;
	}
	fio_close(a->fd);
	fio_reap(a->pid, &status, true);
	if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		rc = job_facts(j, i, (const char *)b.p, b.n);
	else if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) < 126)
		rc = ferr(FERR_USAGE, "%s", ""); /* it has said why */
	else if (rc == 0 && WIFSIGNALED(status))
		rc = ferr(FERR_IO, "%s was killed while it was asked what it is",
			  j->stage[i].words[0]);
	else if (rc == 0)
		rc = ferr(FERR_USAGE, "%s cannot be started", j->stage[i].words[0]);
	buf_fini(&b);
	return rc;
}

int
describe_stages(struct job *j)
{
	static char describe[] = "FJORD_DESCRIBE=1", out[] = "FJORD_STDOUT=3";
	struct asked *a = calloc(j->nstages + 1, sizeof(*a));
	int null = fio_high(fio_open("/dev/null", O_RDWR, 0)), rc = 0, one;
	int to = fio_high(dup(STDOUT_FILENO)); /* a sink that prints looks at it */
	unsigned n = 0;
	char **env = NULL, *const add[2] = { describe, out };

	if (a == NULL || null == -1)
		rc = ferr(FERR_NOMEM, "out of memory");
	else
		rc = child_env(&env, add);
	for (; rc == 0 && n < j->nstages; n++) /* all at once: each takes a millisecond */
		rc = start(&j->stage[n], env, null, to, &a[n]);
	for (unsigned i = 0; i < n; i++) {
		if (a[i].pid > 0 && (one = finish(j, i, &a[i])) != 0 && rc == 0)
			rc = one;
	}
	if (null != -1)
		fio_close(null);
	if (to != -1)
		fio_close(to);
	free(env);
	free(a);
	return rc;
}
