/*
 * test_base: the local copy of keyed state.  Random records go into logs, and into an array that
 * says what they come to; the copy is merged, closed, reopened, cut off and damaged, and what it
 * loads must be what the array has, or a named fault.
 */
#include "state/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "fio/fio.h"
#include "store/log.h"
#include "t.h"

#define GROUPS 8u
#define NMAPS 3
#define NSPACES 5
#define NKEYS 60
#define HASHES 20u /* so that keys share hashes */
#define LONG_KEY 5000u

enum { PUT = 1, DROP = 2, DROP_NS = 3, MAP = 4, FORGET = 5 };

static const uint8_t JOB[16] = "sixteen bytes !!";
static const struct base_id ID = { JOB, "win", 0, 1, GROUPS, 0, GROUPS - 1 };
static atomic_bool stop;

static char dir[64], local[80];
static uint64_t seed;

static unsigned
draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void
begin(uint64_t s)
{
	char path[100];

	seed = s;
	snprintf(dir, sizeof(dir), "/tmp/test_base.XXXXXX");
	T_OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/state", dir);
	T_INT(fio_mkdir(path), 0);
	snprintf(local, sizeof(local), "%s/local", dir);
}

static void
end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	T_INT(system(command), 0);
}

/* ---- what the records come to ---- */

struct item {
	bool there;
	uint32_t n, byte; /* the value: so many of that byte */
};
struct model {
	struct item item[NMAPS][NSPACES][NKEYS];
};

static int64_t
space(int i)
{
	static const int64_t ns[NSPACES] = { INT64_MIN, -5, 0, 3, INT64_MAX };

	return ns[i];
}

static struct state_key
key(unsigned i)
{
	static uint8_t text[NKEYS][LONG_KEY];
	uint32_t n = i % 13 == 5 ? LONG_KEY : i % 7 == 2 ? 600 : 3 + i % 5;

	memset(text[i], 'k', n);
	le16put(text[i], (uint16_t)i);
	return (struct state_key){ i % HASHES * 0x1234567890abcdefu, text[i], n };
}

/* ---- logs ---- */

struct writer {
	struct log *log;
	unsigned nlogs;
	uint64_t epoch;
	struct snap_files files;
	uint8_t number[NMAPS]; /* of the maps, as this log has it */
	struct buf b;
	struct model now;
};

static void
record(struct buf *b, uint8_t kind, uint8_t map, uint32_t group, int64_t ns,
       const struct state_key *k, const struct item *it)
{
	uint8_t h[STATE_REC_HDR];
	uint32_t n = it != NULL ? it->n : 0;

	le32put(h, STATE_REC_HDR + k->n * (k->p != NULL) + n);
	h[4] = kind;
	h[5] = map;
	le16put(h + 6, (uint16_t)group);
	le64put(h + 8, (uint64_t)ns);
	le64put(h + 16, k->hash);
	le32put(h + 24, k->n);
	le32put(h + 28, n);
	T_OK(buf_put(b, h, sizeof(h)) == 0 && (k->p == NULL || buf_put(b, k->p, k->n) == 0) &&
	     buf_room(b, n) == 0);
	if (n > 0)
		memset(b->p + b->n, (int)it->byte, n);
	b->n += n;
}

static void
put(struct writer *w, int m, int ns, unsigned i)
{
	const struct state_key k = key(i);

	record(&w->b, PUT, w->number[m], (uint32_t)(k.hash % GROUPS), space(ns), &k,
	       &w->now.item[m][ns][i]);
}

static void
name_maps(struct writer *w)
{
	for (int m = 0; m < NMAPS; m++) {
		const struct state_key k = { 0, (const uint8_t *)"map-a" + 0, 5 };
		char name[6];

		snprintf(name, sizeof(name), "map-%c", 'a' + m);
		record(&w->b, MAP, w->number[m], 0, 16,
		       &(struct state_key){ 0, (uint8_t *)name, k.n }, NULL);
		le32put(w->b.p + w->b.n - k.n - 4, 1); /* the version */
	}
}

static void
change(struct writer *w)
{
	int m = (int)draw(NMAPS), ns = (int)draw(NSPACES);
	unsigned i = draw(NKEYS), what = draw(200);
	struct item *it = &w->now.item[m][ns][i];
	const struct state_key k = key(i), none = { 0, NULL, GROUPS - 1 };

	if (what == 0) {
		memset(w->now.item[m][ns], 0, sizeof(w->now.item[m][ns]));
		record(&w->b, DROP_NS, w->number[m], 0, space(ns), &none, NULL);
	} else if (what < 40) {
		it->there = false;
		record(&w->b, DROP, w->number[m], (uint32_t)(k.hash % GROUPS), space(ns), &k, NULL);
	} else {
		*it = (struct item){ true, draw(100) == 0 ? 9000 : draw(60), draw(256) };
		put(w, m, ns, i);
	}
}

static void
new_log(struct writer *w)
{
	char name[40];

	log_close(w->log);
	snprintf(name, sizeof(name), "state/win-0.1.%u.log", ++w->nlogs);
	T_INT(log_create(&w->log, dir, name), 0);
	for (int m = 0; m < NMAPS; m++)
		w->number[m] = (uint8_t)((m + (int)w->nlogs) % NMAPS * 7);
}

/* An epoch of n changes; base: it begins with a whole copy. */
static void
write_epoch(struct writer *w, unsigned n, bool base)
{
	static const uint8_t id[16] = "a barrier's name";
	uint64_t start = log_sealed(w->log);
	struct snap_file *last = w->files.n > 0 ? &w->files.v[w->files.n - 1] : NULL;

	w->epoch++;
	w->b.n = 0;
	name_maps(w);
	if (base) {
		record(&w->b, FORGET, 0, 0, 0, &(struct state_key){ 0, NULL, GROUPS - 1 }, NULL);
		for (unsigned i = 0; i < NMAPS * NSPACES * NKEYS; i++) {
			if ((&w->now.item[0][0][0])[i].there)
				put(w, (int)(i / NKEYS / NSPACES), (int)(i / NKEYS % NSPACES),
				    i % NKEYS);
		}
	}
	while (n-- > 0)
		change(w);
	T_INT(log_append(w->log, w->epoch, id, w->b.p, w->b.n), 0);
	T_INT(log_seal(w->log, w->epoch, id), 0);
	if (base)
		snap_clear_files(&w->files);
	if (!base && last != NULL && strcmp(last->name, log_name(w->log)) == 0) {
		last->end = log_end(w->log);
		last->crc = log_crc(w->log);
		last->epoch = w->epoch;
		return;
	}
	T_INT(snap_add_file(&w->files, log_name(w->log), base ? start : 0, log_end(w->log),
			    log_crc(w->log), w->epoch),
	      0);
}

static void
writer_end(struct writer *w)
{
	log_close(w->log);
	snap_clear_files(&w->files);
	buf_fini(&w->b);
}

/* ---- the state that is loaded ---- */

struct value {
	uint8_t *p;
	size_t n;
};

static void
value_fini(void *cookie, void *v)
{
	(void)cookie;
	free(((struct value *)v)->p);
}

static int
value_encode(void *cookie, const void *v, struct buf *out)
{
	const struct value *x = v;

	(void)cookie;
	return buf_put(out, x->p, x->n);
}

static int
value_decode(void *cookie, void *v, const uint8_t *p, size_t n)
{
	struct value *x = v;

	(void)cookie;
	if ((x->p = malloc(n + 1)) == NULL)
		return FERR_NOMEM;
	memcpy(x->p, p, n);
	x->n = n;
	return 0;
}

struct loaded {
	struct state *st;
	struct state_map *map[NMAPS];
};

static void
load_begin(struct loaded *l)
{
	static const char *const name[NMAPS] = { "map-a", "map-b", "map-c" };
	const struct state_conf conf = { .groups = GROUPS, .hi = GROUPS - 1, .mem = 1 << 28 };

	T_INT(state_new(&l->st, &conf), 0);
	for (int m = 0; m < NMAPS; m++) {
		const struct state_type t = { .name = name[m],
					      .size = sizeof(struct value),
					      .version = 1,
					      .fini = value_fini,
					      .encode = value_encode,
					      .decode = value_decode };

		T_INT(state_map_open(l->st, &l->map[m], &t), 0);
	}
}

static bool
same_value(const struct value *v, const struct item *it)
{
	if (v == NULL || v->n != it->n)
		return v == NULL && !it->there;
	for (size_t i = 0; i < v->n; i++) {
		if (v->p[i] != it->byte)
			return false;
	}
	return it->there;
}

static bool
equal(const struct loaded *l, const struct model *want)
{
	size_t n = 0, have = 0;

	for (int m = 0; m < NMAPS; m++) {
		for (int s = 0; s < NSPACES; s++) {
			have += state_ns_count(l->map[m], space(s));
			for (unsigned i = 0; i < NKEYS; i++) {
				const struct state_key k = key(i);

				n += want->item[m][s][i].there;
				if (!same_value(state_find(l->map[m], space(s), &k),
						&want->item[m][s][i]))
					return false;
			}
		}
	}
	return n == have;
}

/* What b and the rest of the logs hold is w's, or b is damaged (the result), and nothing loaded. */
static int
check_load(struct base *b, const struct writer *w)
{
	static const struct model nothing;
	struct loaded l;
	bool ours;
	int rc;

	load_begin(&l);
	rc = base_load(b, dir, &w->files, l.st, &ours);
	T_OK(equal(&l, rc == 0 ? &w->now : &nothing));
	T_OK(rc == 0 || ours);
	state_free(l.st);
	return rc;
}

static struct base *
open_base(bool make)
{
	struct base *b = NULL;

	T_INT(base_open(&b, local, &ID, make), 0);
	return b;
}

/* The file of the copy as a test wants it. */
static char data[120];

static void
write_data(const struct buf *file, size_t n)
{
	int fd = open(data, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	T_OK(fd != -1 && fio_write_all(fd, file->p, n) == 0);
	close(fd);
}

/* ---- */

T(merges_come_to_what_the_records_say)
{
	for (uint64_t s = 1; s <= 6; s++) {
		struct writer w = { 0 };
		struct base *b;

		begin(s);
		new_log(&w);
		b = open_base(true);
		for (int i = 0; i < 60; i++) {
			if (draw(12) == 0)
				new_log(&w);
			write_epoch(&w, draw(300), draw(15) == 0);
			if (draw(3) == 0)
				continue;
			T_INT(base_merge(b, dir, &w.files, &stop), 0);
			T_INT(base_reach(b, &w.files), w.files.n - 1);
			T_INT(base_behind(b, &w.files), 0);
			if (draw(4) == 0) {
				T_INT(base_close(b, draw(2) == 0), 0);
				b = open_base(false);
				T_INT(base_reach(b, &w.files), -1);
				T_INT(base_look(b), 0);
				T_INT(base_behind(b, &w.files), 0);
				write_epoch(&w, draw(50), false);
			}
			T_INT(check_load(b, &w), 0);
		}
		base_drop(b);
		T_OK(access(local, F_OK) == -1);
		writer_end(&w);
		end();
	}
}

T(large_batches)
{
	struct writer w = { 0 };
	struct base *b;

	begin(7);
	new_log(&w);
	b = open_base(true);
	for (int i = 0; i < 3; i++) {
		write_epoch(&w, 40000, i == 1); /* some batches each */
		T_INT(base_merge(b, dir, &w.files, &stop), 0);
		T_INT(check_load(b, &w), 0);
	}
	base_drop(b);
	writer_end(&w);
	end();
}

T(what_is_held_is_a_beginning_of_the_list)
{
	struct writer w = { 0 };
	struct base *b;
	uint64_t end_of_first;

	begin(8);
	new_log(&w);
	b = open_base(true);
	write_epoch(&w, 100, false);
	end_of_first = w.files.v[0].end;
	T_INT(base_behind(b, &w.files), end_of_first);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	write_epoch(&w, 100, false);
	new_log(&w);
	write_epoch(&w, 100, false);
	T_INT(base_reach(b, &w.files), 0);
	T_INT(w.files.v[0].start, 0); /* it holds the first one up to there, and nothing else */
	T_INT(base_behind(b, &w.files), snap_files_size(&w.files) - end_of_first);
	T_INT(check_load(b, &w), 0);
	w.files.v[0].end = end_of_first; /* as if it ended there, in another history */
	T_INT(base_reach(b, &w.files), -1);
	w.files.v[0].name[6] = 'W';
	T_INT(base_reach(b, &w.files), -1);
	base_drop(b);
	writer_end(&w);
	end();
}

/* A copy that holds nothing yet is none that is damaged; and looking twice is like looking once. */
T(what_holds_nothing_gives_nothing)
{
	struct writer w = { 0 };
	struct base *b;

	begin(16);
	new_log(&w);
	write_epoch(&w, 500, false);
	b = open_base(true);
	T_INT(base_look(b), 0);
	T_INT(check_load(b, &w), 0);
	stop = true;
	T_INT(base_merge(b, dir, &w.files, &stop), FERR_AGAIN); /* it has said where it will end */
	stop = false;
	T_INT(base_reach(b, &w.files), -1);
	T_INT(check_load(b, &w), 0);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	for (int i = 0; i < 3; i++) {
		T_INT(base_look(b), 0);
		T_INT(base_behind(b, &w.files), 0);
	}
	T_INT(check_load(b, &w), 0);
	write_epoch(&w, 500, false);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(check_load(b, &w), 0);
	base_drop(b);
	writer_end(&w);
	end();
}

T(a_copy_of_another_task_is_not_used)
{
	struct base_id other[] = { ID, ID, ID };
	struct writer w = { 0 };
	struct base *b;

	begin(9);
	other[0].job = (const uint8_t *)"another job's id";
	other[1].parallel = 2;
	other[2].hi = 3;
	new_log(&w);
	write_epoch(&w, 100, false);
	T_INT(base_open(&b, local, &ID, false), FERR_LOST);
	b = open_base(true);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(base_close(b, true), 0);
	for (int i = 0; i < 3; i++) {
		T_INT(base_open(&b, local, &other[i], false), 0);
		T_INT(base_look(b), 0);
		T_INT(base_reach(b, &w.files), -1);
		T_INT(base_close(b, true), 0);
	}
	b = open_base(false);
	T_INT(base_look(b), 0);
	T_INT(base_reach(b, &w.files), 0);
	T_INT(check_load(b, &w), 0);
	T_INT(base_open(&b, local, &ID, false), FERR_FENCED); /* held by b, which is not set */
	base_drop(b);
	writer_end(&w);
	end();
}

/* Make the copy one of another boot: in each head that the file has. */
static void
set_boot(struct buf *file, uint8_t to)
{
	struct buf boot = BUF_INIT;
	uint8_t *p = file->p, *head;
	uint32_t n;

	T_INT(fio_slurp("/proc/sys/kernel/random/boot_id", 40, &boot), 0);
	while ((p = memmem(p, file->n - (size_t)(p - file->p), boot.p, boot.n)) != NULL) {
		head = p - 4 - 4 - (4 + 20 + 7 + 5 * 4) - 4 - 4; /* behind flag, identity, CRC */
		n = le32get(head - 9);				 /* it stands in a leaf */
		*p++ = to;
		le32put(head, crc32c(0, head + 4, n - 4));
	}
	buf_fini(&boot);
}

T(a_copy_of_another_boot_is_used_only_if_it_was_closed_cleanly)
{
	for (int clean = 0; clean < 2; clean++) {
		struct writer w = { 0 };
		struct buf file = BUF_INIT;
		struct base *b;

		begin(15);
		new_log(&w);
		write_epoch(&w, 100, false);
		b = open_base(true);
		T_INT(base_merge(b, dir, &w.files, &stop), 0);
		T_INT(base_close(b, clean), 0);
		snprintf(data, sizeof(data), "%s/base/data", local);
		T_INT(fio_slurp(data, 64 << 20, &file), 0);
		set_boot(&file, 'x');
		write_data(&file, file.n);
		b = open_base(false);
		T_INT(base_look(b), 0);
		T_INT(base_reach(b, &w.files), clean ? 0 : -1);
		write_epoch(&w, 100, false);
		if (clean)
			T_INT(check_load(b, &w), 0);
		T_INT(base_merge(b, dir, &w.files, &stop), 0);
		T_INT(check_load(b, &w), 0);
		base_drop(b);
		buf_fini(&file);
		writer_end(&w);
		end();
	}
}

T(a_merge_that_is_stopped_goes_on)
{
	struct writer w = { 0 };
	struct base *b;

	begin(10);
	new_log(&w);
	write_epoch(&w, 2000, false);
	b = open_base(true);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	write_epoch(&w, 30000, false);
	stop = true;
	T_INT(base_merge(b, dir, &w.files, &stop), FERR_AGAIN);
	stop = false;
	T_INT(base_reach(b, &w.files), 0);
	T_INT(check_load(b, &w), 0);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(base_behind(b, &w.files), 0);
	T_INT(check_load(b, &w), 0);
	base_drop(b);
	writer_end(&w);
	end();
}

static void *
stop_soon(void *cookie)
{
	usleep(*(const unsigned *)cookie);
	stop = true;
	return NULL;
}

T(a_merge_may_be_stopped_at_any_time)
{
	struct writer w = { 0 };
	struct base *b;
	unsigned us, most = 8000, again = 0;
	pthread_t t;
	int rc;

	begin(19);
	new_log(&w);
	b = open_base(true);
	for (int i = 0; i < 40; i++) {
		write_epoch(&w, 3000, draw(8) == 0);
		us = draw(most);
		T_INT(pthread_create(&t, NULL, stop_soon, &us), 0);
		rc = base_merge(b, dir, &w.files, &stop);
		pthread_join(t, NULL);
		stop = false;
		T_OK(rc == 0 || rc == FERR_AGAIN);
		again += rc != 0;
		most = rc == 0 ? most / 2 + 1 : 2 * most; /* about as long as a merge takes */
		T_INT(check_load(b, &w), 0);
	}
	T_OK(again > 5);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(check_load(b, &w), 0);
	base_drop(b);
	writer_end(&w);
	end();
}

T(a_damaged_log_is_named)
{
	struct writer w = { 0 };
	struct base *b;
	char path[120];
	int fd;

	begin(11);
	new_log(&w);
	write_epoch(&w, 100, false);
	b = open_base(true);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(base_close(b, false), 0);
	write_epoch(&w, 100, false);
	snprintf(path, sizeof(path), "%s/%s", dir, w.files.v[0].name);
	fd = open(path, O_RDWR);
	T_INT(pwrite(fd, "x", 1, 200), 1); /* in what the copy holds: it does not matter */
	b = open_base(false);
	T_INT(base_look(b), 0);
	T_INT(check_load(b, &w), 0);
	T_INT(pwrite(fd, "x", 1, (off_t)w.files.v[0].end - 60), 1);
	T_INT(base_merge(b, dir, &w.files, &stop), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), w.files.v[0].name) != NULL);
	close(fd);
	base_drop(b);
	writer_end(&w);
	end();
}

/* The disk is full at n bytes. */
static void
limit_files(rlim_t n)
{
	const struct rlimit r = { n, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	T_INT(setrlimit(RLIMIT_FSIZE, &r), 0);
}

T(a_full_disk_ends_a_merge_and_leaves_what_was_there)
{
	struct writer w = { 0 };
	struct stat st;
	struct base *b;

	begin(17);
	new_log(&w);
	write_epoch(&w, 2000, false);
	b = open_base(true);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	write_epoch(&w, 2000, false);
	snprintf(data, sizeof(data), "%s/base/data", local);
	T_INT(stat(data, &st), 0);
	limit_files((rlim_t)st.st_size);
	T_INT(base_merge(b, dir, &w.files, &stop), FERR_IO);
	T_INT(base_close(b, true), 0); /* it does not try to make it clean */
	limit_files(RLIM_INFINITY);
	b = open_base(false);
	T_INT(base_look(b), 0);
	T_INT(base_reach(b, &w.files), 0);
	T_OK(base_behind(b, &w.files) > 0);
	T_INT(check_load(b, &w), 0);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(check_load(b, &w), 0);
	base_drop(b);
	writer_end(&w);
	end();
}

T(a_copy_is_removed_and_what_else_is_there_stays)
{
	struct writer w = { 0 };
	struct base *b;
	char path[100];

	begin(18);
	new_log(&w);
	write_epoch(&w, 100, false);
	snprintf(path, sizeof(path), "%s/mine", local);
	for (int mine = 1; mine >= 0; mine--) {
		b = open_base(true);
		T_INT(base_merge(b, dir, &w.files, &stop), 0);
		T_INT(base_close(b, true), 0);
		if (mine)
			T_INT(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
		else
			T_INT(unlink(path), 0);
		T_INT(base_remove(local), 0);
		T_INT(access(path, F_OK), mine ? 0 : -1);
		T_INT(base_open(&b, local, &ID, false), FERR_LOST);
	}
	T_OK(access(local, F_OK) == -1);
	T_INT(base_remove(local), 0);
	writer_end(&w);
	end();
}

/* ---- killed while it merges ---- */

static void
die(int sig)
{
	(void)sig;
	kill(getpid(), SIGKILL);
}

static void
merge_and_die(const struct writer *w, unsigned us)
{
	const struct itimerval t = { .it_value = { 0, (suseconds_t)us } };
	struct base *b;

	signal(SIGALRM, die);
	setitimer(ITIMER_REAL, &t, NULL);
	if (base_open(&b, local, &ID, true) != 0 || base_look(b) != 0)
		_exit(1);
	if (base_reach(b, &w->files) >= 0 && check_load(b, w) != 0)
		_exit(2);
	_exit(base_merge(b, dir, &w->files, &stop) != 0 ? 3 : t_bad != 0 ? 4 : 0);
}

T(killed_at_any_time_it_can_be_used_or_says_that_it_cannot)
{
	struct writer w = { 0 };
	struct base *b;
	unsigned used = 0, cut = 0;
	int status;
	pid_t pid;

	begin(12);
	new_log(&w);
	for (int i = 0; i < 60; i++) {
		write_epoch(&w, 1500, draw(6) == 0);
		fflush(stdout);
		if ((pid = fork()) == 0)
			merge_and_die(&w, i % 4 == 0 ? 0 : 200 + draw(20000)); /* 0: it lives */
		T_INT(waitpid(pid, &status, 0), pid);
		T_OK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
		cut += WIFSIGNALED(status);
		if (access(local, F_OK) == -1 || base_open(&b, local, &ID, false) != 0)
			continue;
		T_INT(base_look(b), 0);
		if (base_reach(b, &w.files) >= 0) {
			used++;
			T_INT(check_load(b, &w), 0);
		}
		T_INT(base_close(b, false), 0);
	}
	T_OK(used > 5 && cut > 5);
	writer_end(&w);
	end();
}

/* ---- damage ---- */

static void
put_byte(size_t at, uint8_t c)
{
	int fd = open(data, O_WRONLY);

	T_INT(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

/* Open and load; if that goes well, sometimes merge more. */
static bool
survives(const struct writer *w, bool merge)
{
	struct base *b = open_base(false);
	int rc = base_look(b);
	bool found;

	T_OK(rc == 0 || rc == FERR_CORRUPT);
	if (rc == 0 && base_reach(b, &w->files) >= 0) {
		rc = check_load(b, w);
		T_OK(rc == 0 || rc == FERR_CORRUPT);
	}
	found = rc != 0;
	if (rc == 0 && merge) {
		T_INT(base_merge(b, dir, &w->files, &stop), 0);
		T_INT(check_load(b, w), 0);
	}
	T_INT(base_close(b, false), 0);
	return !found;
}

T(damage_of_any_byte_is_found_or_does_no_harm)
{
	unsigned step = getenv("FULL") != NULL ? 1 : 23, found = 0, n = 0;
	struct writer w = { 0 };
	struct buf file = BUF_INIT;
	struct base *b;
	bool merge;

	begin(13);
	new_log(&w);
	b = open_base(true);
	for (int i = 0; i < 12; i++) {
		write_epoch(&w, 40, false);
		T_INT(base_merge(b, dir, &w.files, &stop), 0);
	}
	T_INT(base_close(b, true), 0);
	write_epoch(&w, 40, false);
	snprintf(data, sizeof(data), "%s/base/data", local);
	T_INT(fio_slurp(data, 64 << 20, &file), 0);
	for (size_t at = 0; at < file.n && t_bad == 0; at += 1 + draw(2 * step - 1)) {
		uint8_t bad = file.p[at] ^ (uint8_t)(1 << draw(8));

		if (draw(4) == 0)
			bad ^= (uint8_t)draw(256);
		put_byte(at, bad);
		merge = draw(30) == 0 || at % 4096 < 200 * (at < 8192);
		found += !survives(&w, merge);
		n++;
		if (t_bad != 0)
			printf("# byte %zu\n", at);
		if (merge)
			write_data(&file, file.n);
		else
			put_byte(at, file.p[at]);
	}
	T_OK(found > n / 4);
	for (size_t k = 0; k < file.n && t_bad == 0; k += 1 + draw(5000)) {
		write_data(&file, k);
		survives(&w, true);
	}
	buf_fini(&file);
	writer_end(&w);
	end();
}

T(a_file_that_holds_little_for_its_size_is_made_anew)
{
	struct writer w = { 0 };
	struct stat before, after;
	struct base *b;

	begin(14);
	new_log(&w);
	b = open_base(true);
	for (int m = 0; m < NMAPS; m++) { /* 30 MiB that go again */
		for (unsigned i = 0; i < NKEYS; i++)
			w.now.item[m][0][i] = (struct item){ true, 170000, i };
	}
	write_epoch(&w, 0, true);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	memset(&w.now, 0, sizeof(w.now));
	write_epoch(&w, 10, true);
	snprintf(data, sizeof(data), "%s/base/data", local);
	T_INT(stat(data, &before), 0);
	T_INT(base_merge(b, dir, &w.files, &stop), 0);
	T_INT(stat(data, &after), 0);
	T_OK(before.st_size > 20 << 20 && after.st_size < 1 << 20);
	T_INT(check_load(b, &w), 0);
	base_drop(b);
	writer_end(&w);
	end();
}

T_MAIN
