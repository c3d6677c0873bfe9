/* Unit tests for lib/store/store. */
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fio/fio.h"
#include "t.h"

static char top[64], dir[80];

static void
fresh(void)
{
	snprintf(top, sizeof(top), "/tmp/test_store.XXXXXX");
	T_OK(mkdtemp(top) != NULL);
	snprintf(dir, sizeof(dir), "%s/a/job", top);
}

static void
clean(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	T_INT(system(cmd), 0);
}

static bool
there(const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0;
}

static void
touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	T_OK(fd != -1);
	close(fd);
}

static int
count(void *cookie, const char *name)
{
	(void)name;
	++*(int *)cookie;
	return 0;
}

T(a_store_is_made_with_all_that_belongs_into_it)
{
	struct stat st;

	fresh();
	T_INT(store_make(dir), 0);
	T_OK(there("chain") && there("attempts") && there("state") && there("segments") &&
	     there("local"));
	T_OK(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
	T_INT(store_make(dir), 0);
	strcat(dir, "//");
	T_INT(store_make(dir), 0);
	clean();
}

T(another_directory_is_not_a_store)
{
	char path[200];

	fresh();
	snprintf(path, sizeof(path), "%s/notes.txt", top);
	touch(path);
	T_INT(store_make(top), FERR_USAGE);
	T_OK(strstr(ferr_text(), "it holds notes.txt") != NULL);
	T_INT(store_make(path), FERR_USAGE);
	T_OK(strstr(ferr_text(), "is not a directory") != NULL);
	T_INT(store_attempts(top, &(uint64_t){ 0 }), FERR_USAGE);
	clean();
}

/* A maker that died at any place left an empty directory or one with a chain. */
T(a_half_made_store_is_completed)
{
	char path[200];

	fresh();
	snprintf(path, sizeof(path), "%s/a", top);
	mkdir(path, 0700);
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/chain", dir);
	mkdir(path, 0700);
	T_INT(store_make(dir), 0);
	T_OK(there("local"));
	clean();
}

T(the_lock_names_its_holder)
{
	char expect[40];
	long pid = -1;
	int fd, again;

	fresh();
	T_INT(store_make(dir), 0);
	T_OK(!store_locked(dir, &pid));
	T_INT(pid, 0);
	T_OK((fd = store_lock(dir)) >= 0);
	T_OK(store_locked(dir, &pid));
	T_INT(pid, getpid());
	again = store_lock(dir);
	T_INT(again, FERR_FENCED);
	snprintf(expect, sizeof(expect), "process %ld runs this job", (long)getpid());
	T_OK(strstr(ferr_text(), expect) != NULL);
	close(fd);
	T_OK(!store_locked(dir, &pid));
	T_OK((fd = store_lock(dir)) >= 0);
	close(fd);
	clean();
}

T(a_dead_holder_leaves_no_lock)
{
	int pipefd[2], fd;
	pid_t child;
	long pid;
	char c;

	fresh();
	T_INT(store_make(dir), 0);
	T_INT(pipe(pipefd), 0);
	if ((child = fork()) == 0) {
		store_lock(dir);
		(void)!write(pipefd[1], "x", 1);
		pause();
	}
	T_INT(read(pipefd[0], &c, 1), 1);
	T_OK(store_locked(dir, &pid));
	T_INT(pid, child);
	T_INT(store_lock(dir), FERR_FENCED);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	T_OK((fd = store_lock(dir)) >= 0);
	close(fd);
	close(pipefd[0]);
	close(pipefd[1]);
	clean();
}

T(the_lock_sweeps_half_written_files)
{
	char path[200];
	int fd;

	fresh();
	T_INT(store_make(dir), 0);
	snprintf(path, sizeof(path), "%s/.tmp-0123456789abcdef", dir);
	touch(path);
	snprintf(path, sizeof(path), "%s/chain/.tmp-0123456789abcdef", dir);
	touch(path);
	snprintf(path, sizeof(path), "%s/state/keep", dir);
	touch(path);
	T_OK((fd = store_lock(dir)) >= 0);
	T_OK(!there(".tmp-0123456789abcdef") && !there("chain/.tmp-0123456789abcdef"));
	T_OK(there("state/keep"));
	close(fd);
	clean();
}

T(files_are_replaced_read_and_removed)
{
	struct buf b = BUF_INIT;
	int n = 0;

	fresh();
	T_INT(store_make(dir), 0);
	T_INT(store_read(dir, "job.json", 100, &b), FERR_LOST);
	T_INT(store_replace(dir, "job.json", "one", 3), 0);
	T_INT(store_replace(dir, "job.json", "three", 5), 0);
	T_INT(store_read(dir, "job.json", 100, &b), 0);
	T_STR(buf_cstr(&b), "three");
	T_INT(store_read(dir, "job.json", 4, &b), FERR_LIMIT);
	T_INT(b.n, 5);
	T_INT(store_each(dir, "", count, &n), 0);
	T_INT(n, 6);
	T_INT(store_remove(dir, "job.json"), 0);
	T_INT(store_remove(dir, "job.json"), 0);
	T_INT(store_read(dir, "job.json", 100, &b), FERR_LOST);
	T_INT(store_replace(dir, "nowhere/x", "a", 1), FERR_IO);
	T_INT(store_create(dir, "nowhere/x", "a", 1), FERR_IO);
	buf_fini(&b);
	clean();
}

T(a_created_file_is_never_replaced)
{
	struct buf b = BUF_INIT;
	char name[32];
	int n = 0;

	fresh();
	T_INT(store_make(dir), 0);
	store_place_name(7, name);
	T_STR(name, "chain/0000000007.json");
	T_INT(store_create(dir, name, "first", 5), 0);
	T_INT(store_create(dir, name, "second", 6), FERR_FENCED);
	T_OK(strstr(ferr_text(), "another process was faster") != NULL);
	T_INT(store_read(dir, name, 100, &b), 0);
	T_STR(buf_cstr(&b), "first");
	/* Neither leaves anything behind. */
	T_INT(store_each(dir, "chain", count, &n), 0);
	T_INT(n, 1);
	n = 0;
	T_INT(store_each(dir, "nowhere", count, &n), FERR_USAGE);
	store_place_name(UINT64_MAX, name);
	T_STR(name, "chain/18446744073709551615.json");
	buf_fini(&b);
	clean();
}

#define RACERS 4
#define ROUNDS 50

struct racer {
	pthread_t thread;
	unsigned number, won, failed;
	uint64_t attempt[ROUNDS];
};

static void *
race(void *cookie)
{
	struct racer *r = cookie;
	char name[32], text[16];
	int rc;

	snprintf(text, sizeof(text), "racer %u", r->number);
	for (uint64_t place = 1; place <= ROUNDS; place++) {
		store_place_name(place, name);
		rc = store_create(dir, name, text, strlen(text));
		if (rc == 0)
			r->won++;
		else if (rc != FERR_FENCED)
			r->failed++;
		if (store_attempt_new(dir, &r->attempt[place - 1]) != 0)
			r->failed++;
	}
	return NULL;
}

T(of_many_creators_one_wins)
{
	static struct racer r[RACERS];
	static bool seen[RACERS * ROUNDS + 1];
	uint64_t *v, highest;
	unsigned n, won = 0;

	fresh();
	T_INT(store_make(dir), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		r[i].number = i;
		T_INT(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		pthread_join(r[i].thread, NULL);
		won += r[i].won;
		T_INT(r[i].failed, 0);
		for (unsigned k = 0; k < ROUNDS; k++) {
			T_OK(r[i].attempt[k] >= 1 && r[i].attempt[k] <= RACERS * ROUNDS);
			T_OK(!seen[r[i].attempt[k]]);
			seen[r[i].attempt[k]] = true;
			/* Each one's own only grow. */
			T_OK(k == 0 || r[i].attempt[k] > r[i].attempt[k - 1]);
		}
	}
	T_INT(won, ROUNDS);
	T_INT(store_chain(dir, &v, &n), 0);
	T_INT(n, ROUNDS);
	for (unsigned i = 0; i < n; i++)
		T_INT(v[i], i + 1);
	free(v);
	T_INT(store_attempts(dir, &highest), 0);
	T_INT(highest, RACERS * ROUNDS);
	clean();
}

T(attempts_and_places_ignore_other_names)
{
	static const char *const other[] = { "attempts/x", "attempts/12.bak", "chain/5.json.old",
					     "chain/x.json", "chain/99999999999999999999999.json" };
	char path[200];
	uint64_t *v, highest, attempt;
	unsigned n;

	fresh();
	T_INT(store_make(dir), 0);
	T_INT(store_attempts(dir, &highest), 0);
	T_INT(highest, 0);
	T_INT(store_chain(dir, &v, &n), 0);
	T_INT(n, 0);
	T_OK(v == NULL);
	for (unsigned i = 0; i < sizeof(other) / sizeof(*other); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, other[i]);
		touch(path);
	}
	snprintf(path, sizeof(path), "%s/attempts/41", dir);
	touch(path);
	T_INT(store_attempt_new(dir, &attempt), 0);
	T_INT(attempt, 42);
	T_INT(store_chain(dir, &v, &n), 0);
	T_INT(n, 0);
	clean();
}

T_MAIN
