/* Unit tests for lib/store/log. */
#include "store/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "fio/fio.h"
#include "t.h"

static const uint8_t ID1[16] = "barrier-one-1234", ID2[16] = "barrier-two-1234";

static char dir[64];

static void
make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_log.XXXXXX");
	T_OK(mkdtemp(dir) != NULL);
}

static void
remove_dir(void)
{
	char path[400];
	struct dirent *e;
	DIR *d = fio_opendir(dir);

	while ((e = fio_readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	fio_closedir(d);
	rmdir(dir);
}

static void
read_file(const char *name, struct buf *out)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	T_INT(fio_slurp(path, 64 << 20, out), 0);
}

static void
write_file(const char *name, const uint8_t *p, size_t n)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = fio_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	T_OK(fd != -1 && fio_write_all(fd, p, n) == 0);
	fio_close(fd);
}

/* "EPOCH:payload " for each block, payloads cut after 8 bytes. */
static int
gather(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	return buf_printf(cookie, "%" PRIu64 ":%.*s ", epoch, n > 8 ? 8 : (int)n, (const char *)p);
}

/* What a reader gets from a stretch, and its result. */
static int
got(const char *name, uint64_t start, uint64_t end, uint32_t crc, struct buf *out)
{
	out->n = 0;
	return log_read(dir, name, start, end, crc, gather, out);
}

struct place {
	uint64_t end;
	uint32_t crc;
};

/* Two parts; the second has a block of an epoch that came to nothing. */
static void
make_log(const char *name, struct place at[2])
{
	struct log *l;

	T_INT(log_create(&l, dir, name), 0);
	T_STR(log_name(l), name);
	T_INT(log_end(l), 64);
	T_INT(log_sealed(l), 64);
	T_INT(log_append(l, 1, ID1, "alpha", 5), 0);
	T_INT(log_append(l, 1, ID1, "beta", 4), 0);
	T_INT(log_append(l, 1, ID1, "", 0), 0);
	T_INT(log_seal(l, 1, ID1), 0);
	at[0] = (struct place){ log_end(l), log_crc(l) };
	T_INT(log_append(l, 2, ID1, "gone", 4), 0);
	T_INT(log_sealed(l), at[0].end);
	T_INT(log_append(l, 3, ID2, "gamma", 5), 0);
	T_INT(log_seal(l, 3, ID2), 0);
	at[1] = (struct place){ log_end(l), log_crc(l) };
	log_close(l);
}

T(what_is_written_is_read)
{
	struct place at[2];
	struct buf b = BUF_INIT;

	make_dir();
	make_log("a", at);
	T_INT(at[0].end, 64 + 3 * 40 + 9);
	T_INT(got("a", 0, at[1].end, at[1].crc, &b), 0);
	T_STR(buf_cstr(&b), "1:alpha 1:beta 2:gone 3:gamma ");
	T_INT(got("a", 64, at[0].end, at[0].crc, &b), 0);
	T_STR(buf_cstr(&b), "1:alpha 1:beta ");
	T_INT(got("a", at[0].end, at[1].end, at[1].crc, &b), 0);
	T_STR(buf_cstr(&b), "2:gone 3:gamma ");
	/* Nothing behind a part is a stretch, too. */
	T_INT(got("a", at[0].end, at[0].end, at[0].crc, &b), 0);
	T_INT(b.n, 0);
	buf_fini(&b);
	remove_dir();
}

/* fcheckpoint(5), read by hand. */
T(the_layout_is_as_written_down)
{
	struct place at[2];
	struct buf b = BUF_INIT;
	uint8_t *h;

	make_dir();
	make_log("a", at);
	read_file("a", &b);
	T_INT(b.n, at[1].end);
	T_MEM(b.p, 64, "FJORDLOG 1 blocks of a store, see fcheckpoint(5)               \n", 64);
	h = b.p + 64;
	T_MEM(h, 8, "FJLB\1\0\0\0", 8);
	T_INT(le64get(h + 8), 1);
	T_MEM(h + 16, 16, ID1, 16);
	T_INT(le32get(h + 32), 5);
	T_INT(le32get(h + 36), crc32c(crc32c(0, h, 36), "alpha", 5));
	h = b.p + at[0].end - 40;
	T_MEM(h, 8, "FJLB\2\0\0\0", 8);
	T_INT(le32get(h + 32), 0);
	/* Each goes on from the one before. */
	T_INT(le32get(h + 36), crc32c(le32get(h - 8), h, 36));
	buf_fini(&b);
	remove_dir();
}

T(large_payloads_stay_one_block)
{
	size_t n = 3 << 20;
	uint8_t *big = malloc(n);
	struct log *l;
	struct buf b = BUF_INIT;
	uint64_t end;

	make_dir();
	memset(big, 'x', n);
	T_INT(log_create(&l, dir, "big"), 0);
	T_INT(log_append(l, 1, ID1, "small", 5), 0);
	T_INT(log_append(l, 1, ID1, big, n), 0);
	T_INT(log_append(l, 1, ID1, "tail", 4), 0);
	T_INT(log_seal(l, 1, ID1), 0);
	end = log_end(l);
	T_INT(end, 64 + 4 * 40 + 9 + n);
	T_INT(got("big", 0, end, log_crc(l), &b), 0);
	T_STR(buf_cstr(&b), "1:small 1:xxxxxxxx 1:tail ");
	log_close(l);
	free(big);
	buf_fini(&b);
	remove_dir();
}

/* A reader must say CORRUPT, and may have given away nothing but blocks that were written. */
static void
expect_damage(const char *name, const struct place *at, const char *what, uint64_t where)
{
	struct buf b = BUF_INIT;
	const char *all = "1:alpha 1:beta 2:gone 3:gamma ";
	int rc = got(name, 0, at->end, at->crc, &b);

	if (rc != FERR_CORRUPT)
		T_FAIL("%s %" PRIu64 ": result %d", what, where, rc);
	if (strncmp(all, buf_cstr(&b), b.n) != 0)
		T_FAIL("%s %" PRIu64 ": read '%s'", what, where, buf_cstr(&b));
	buf_fini(&b);
}

T(a_log_torn_at_any_byte_is_found)
{
	struct place at[2];
	struct buf b = BUF_INIT;

	make_dir();
	make_log("a", at);
	read_file("a", &b);
	for (size_t n = 0; n < b.n; n++) {
		write_file("torn", b.p, n);
		expect_damage("torn", &at[1], "torn at", n);
	}
	/* The same with zeros where the disk has kept the length only. */
	for (size_t n = 0; n < b.n; n++) {
		struct buf z = BUF_INIT;

		buf_put(&z, b.p, b.n);
		memset(z.p + n, 0, z.n - n);
		if (memcmp(z.p, b.p, b.n) != 0) {
			write_file("torn", z.p, z.n);
			expect_damage("torn", &at[1], "zeros from", n);
		}
		buf_fini(&z);
	}
	buf_fini(&b);
	remove_dir();
}

T(any_flipped_bit_is_found)
{
	struct place at[2];
	struct buf b = BUF_INIT;

	make_dir();
	make_log("a", at);
	read_file("a", &b);
	for (size_t bit = 0; bit < 8 * b.n; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		write_file("flipped", b.p, b.n);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_damage("flipped", &at[1], "bit", bit);
	}
	buf_fini(&b);
	remove_dir();
}

T(a_stretch_that_nobody_wrote_is_refused)
{
	struct place at[2];
	struct buf b = BUF_INIT, e = BUF_INIT;

	make_dir();
	make_log("a", at);
	/* Every pair of bounds but the true ones. */
	for (uint64_t start = 0; start <= at[1].end + 1; start++) {
		for (uint64_t end = 0; end <= at[1].end + 1; end += start % 7 + 1) {
			if (end == at[1].end && (start <= 64 || start >= at[0].end))
				continue;
			T_INT(got("a", start, end, at[1].crc, &b), FERR_CORRUPT);
		}
	}
	T_INT(got("a", 0, UINT64_MAX, at[1].crc, &b), FERR_CORRUPT);
	T_INT(got("a", 0, at[1].end, at[1].crc ^ 1, &b), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "not the file that the checkpoint names") != NULL);
	T_INT(got("nothing", 0, at[1].end, at[1].crc, &b), FERR_LOST);
	T_OK(strstr(ferr_text(), "/nothing is not there") != NULL);

	/* Swapped blocks are intact one by one. */
	read_file("a", &e);
	b.n = 0;
	buf_put(&b, e.p, e.n);
	memcpy(b.p + 64, e.p + 64 + 45, 44);
	memcpy(b.p + 64 + 44, e.p + 64, 45);
	write_file("swapped", b.p, b.n);
	T_INT(got("swapped", 0, at[1].end, at[1].crc, &b), FERR_CORRUPT);
	buf_fini(&b);
	buf_fini(&e);
	remove_dir();
}

static int
stop_reading(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	(void)p;
	(void)n;
	++*(int *)cookie;
	return FERR_LIMIT;
}

T(the_callers_error_ends_the_reading)
{
	struct place at[2];
	int calls = 0;

	make_dir();
	make_log("a", at);
	T_INT(log_read(dir, "a", 0, at[1].end, at[1].crc, stop_reading, &calls), FERR_LIMIT);
	T_INT(calls, 1);
	remove_dir();
}

/* ---- the end block alone ---- */

static int
id_of(const struct place *at, uint64_t epoch, uint8_t id[16])
{
	return log_end_id(dir, "a", at->end, at->crc, epoch, id);
}

T(the_barrier_of_a_stretch_is_in_its_end_block)
{
	struct place at[2], bad;
	uint8_t id[16] = "";

	make_dir();
	make_log("a", at);
	T_INT(id_of(&at[0], 1, id), 0);
	T_MEM(id, 16, ID1, 16);
	T_INT(id_of(&at[1], 3, id), 0);
	T_MEM(id, 16, ID2, 16);
	T_INT(id_of(&at[0], 2, id), FERR_CORRUPT);
	bad = (struct place){ at[0].end, at[0].crc ^ 1 };
	T_INT(id_of(&bad, 1, id), FERR_CORRUPT);
	for (uint64_t end = 0; end <= at[1].end + 1; end++) {
		bad = (struct place){ end, at[0].crc };
		if (end != at[0].end)
			T_INT(id_of(&bad, 1, id), FERR_CORRUPT);
	}
	bad.end = UINT64_MAX;
	T_INT(id_of(&bad, 1, id), FERR_CORRUPT);
	T_MEM(id, 16, ID2, 16); /* untouched */
	T_INT(log_end_id(dir, "nothing", at[0].end, at[0].crc, 1, id), FERR_LOST);
	remove_dir();
}

T(a_log_is_made_by_one_only)
{
	struct log *a, *b;

	make_dir();
	T_INT(log_create(&a, dir, "x"), 0);
	T_INT(log_create(&b, dir, "x"), FERR_IO);
	T_OK(strstr(ferr_text(), "cannot make") != NULL);
	T_INT(log_create(&b, dir, "no/x"), FERR_IO);
	log_close(a);
	log_close(NULL);
	remove_dir();
}

/* After a failed write a log takes nothing more; what was sealed before stays good. */
T(a_failed_log_is_dead)
{
	struct rlimit limit, small;
	struct place at;
	uint8_t big[70000] = { 0 };
	struct log *l;
	struct buf b = BUF_INIT;

	make_dir();
	T_INT(log_create(&l, dir, "x"), 0);
	T_INT(log_append(l, 1, ID1, "good", 4), 0);
	T_INT(log_seal(l, 1, ID1), 0);
	at = (struct place){ log_end(l), log_crc(l) };

	signal(SIGXFSZ, SIG_IGN);
	T_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){ 1000, limit.rlim_max };
	T_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	T_INT(log_append(l, 2, ID2, big, sizeof(big)), FERR_IO);
	T_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	T_OK(strstr(ferr_text(), "/x: File too large") != NULL);

	T_INT(log_append(l, 2, ID2, "a", 1), FERR_IO);
	T_OK(strstr(ferr_text(), "has failed before") != NULL);
	T_INT(log_seal(l, 2, ID2), FERR_IO);
	log_close(l);
	T_INT(got("x", 0, at.end, at.crc, &b), 0);
	T_STR(buf_cstr(&b), "1:good ");
	buf_fini(&b);
	remove_dir();
}

T_MAIN
