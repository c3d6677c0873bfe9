/*
 * procs -- what the processes of a job cost.
 *
 *	procs COMMAND
 *
 * Runs COMMAND in a shell and prints, once it has ended, one line for each process that it started
 * and that lived for a tenth of a second or more:
 *
 *	NAME CPU LOOP ANON PSS
 *
 * CPU seconds of all its threads, of its first thread alone, greatest RssAnon in KiB, PSS in KiB
 * (fcoord only).  `fcoord agent` is called agent.  What COMMAND prints goes to stderr; status as
 * COMMAND's.  What a process does in its last LOOK_MS is not seen.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20
#define FIND_EVERY 5 /* looks from one search for new processes to the next */
#define PSS_EVERY 50 /* looks from one PSS to the next: it is dear */
#define NAME_BYTES 32
#define PROCS_MAX 256

struct proc {
	pid_t pid;
	char name[NAME_BYTES];
	double cpu, loop;
	long anon, pss;
	bool gone;
};

static struct proc procs[PROCS_MAX];
static int nprocs;

/* Reads /proc/PID/NAME as text; false when it is gone. */
static bool
slurp(pid_t pid, const char *name, char *buf, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, buf, len - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The number behind KEY, 0 if it is not there. */
static long
number_of(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p == NULL ? 0 : strtol(p + strlen(key), NULL, 10);
}

/* Parent, CPU seconds and state out of stat; the name in it may hold anything. */
static bool
stat_of(pid_t pid, pid_t *parent, double *cpu, char *state)
{
	char text[1024], *p;
	unsigned long user, sys;
	int up;

	if (!slurp(pid, "stat", text, sizeof text) || (p = strrchr(text, ')')) == NULL ||
	    sscanf(p + 2, "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", state, &up, &user,
		   &sys) != 4)
		return false;
	*parent = up;
	*cpu = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
	return true;
}

static struct proc *
known(pid_t pid)
{
	for (int i = 0; i < nprocs; i++)
		if (procs[i].pid == pid && !procs[i].gone)
			return &procs[i];
	return NULL;
}

static void
name_proc(struct proc *p)
{
	char text[256] = "";

	p->name[0] = '\0';
	if (slurp(p->pid, "comm", p->name, sizeof p->name))
		p->name[strcspn(p->name, "\n")] = '\0';
	if (strcmp(p->name, "fcoord") == 0 && slurp(p->pid, "cmdline", text, sizeof text) &&
	    strcmp(text + strlen(text) + 1, "agent") == 0)
		strcpy(p->name, "agent");
}

/* Adds the descendants of those we know.  A child's number may be the smaller one: until none. */
static void
find(void)
{
	struct dirent *e;
	DIR *d = opendir("/proc");

	while (d != NULL && (e = readdir(d)) != NULL && nprocs < PROCS_MAX) {
		pid_t pid = atoi(e->d_name), parent;
		double cpu;
		char state;

		if (pid <= 0 || known(pid) != NULL || !stat_of(pid, &parent, &cpu, &state) ||
		    known(parent) == NULL || state == 'Z')
			continue;
		procs[nprocs] = (struct proc){ .pid = pid };
		nprocs++;
	}
	closedir(d);
}

static void
look(struct proc *p, bool pss)
{
	static char text[4096];
	double cpu;
	pid_t parent;
	char state;
	long anon;

	if (!stat_of(p->pid, &parent, &cpu, &state) || state == 'Z') {
		p->gone = true;
		return;
	}
	name_proc(p); /* it may have called exec since */
	p->cpu = cpu;
	if (slurp(p->pid, "schedstat", text, sizeof text)) /* of the first thread */
		p->loop = strtod(text, NULL) / 1e9;
	if (slurp(p->pid, "status", text, sizeof text) &&
	    (anon = number_of(text, "RssAnon:")) > p->anon)
		p->anon = anon;
	if (pss && strcmp(p->name, "fcoord") == 0 &&
	    slurp(p->pid, "smaps_rollup", text, sizeof text))
		p->pss = number_of(text, "\nPss:");
}

int
main(int argc, char *argv[])
{
	struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	int status;
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "usage: procs COMMAND\n");
		return 2;
	}
	if ((pid = fork()) == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", argv[1], (char *)NULL);
		_exit(127);
	}
	procs[nprocs++] = (struct proc){ .pid = pid };
	for (int n = 1; waitpid(pid, &status, WNOHANG) == 0; n++) {
		if (n % FIND_EVERY == 0)
			find();
		for (int i = 0; i < nprocs; i++)
			if (!procs[i].gone)
				look(&procs[i], n % PSS_EVERY == FIND_EVERY);
		nanosleep(&pause, NULL);
	}
	for (int i = 0; i < nprocs; i++)
		printf("%s %.2f %.2f %ld %ld\n", procs[i].name, procs[i].cpu, procs[i].loop,
		       procs[i].anon, procs[i].pss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
