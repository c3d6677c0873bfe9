/* test_lane: pieces of sealed output, and what publishing and a restart make of a directory in each
 * state of the checked protocol (hidden, visible, gone x first, closing piece). */
#include <fcntl.h>
#include <unistd.h>

#include "conn/lane_dest.h"
#include "t.h"

/* ---- pieces ---- */

struct seen {
	struct piece p[8];
	uint8_t data[8][64];
	size_t n[8];
	unsigned begun, ended;
};

static int
see_begin(void *cookie, const struct piece *p)
{
	struct seen *s = cookie;

	s->p[s->begun++] = *p;
	return 0;
}

static int
see_data(void *cookie, const uint8_t *p, size_t n)
{
	struct seen *s = cookie;
	unsigned i = s->begun - 1;

	memcpy(s->data[i] + s->n[i], p, n);
	s->n[i] += n;
	return 0;
}

static int
see_end(void *cookie)
{
	((struct seen *)cookie)->ended++;
	return 0;
}

static int
put(struct buf *b, const char *path, unsigned flags, uint64_t offset, uint64_t maker,
    const char *data)
{
	struct piece p = { .n = (uint32_t)strlen(data),
			   .flags = (uint8_t)flags,
			   .offset = offset,
			   .maker = maker };

	strcpy(p.path, path);
	return piece_head(&p, b) != 0 ? FERR_NOMEM : buf_puts(b, data);
}

T(pieces_come_back_whatever_the_stretches_they_are_read_in)
{
	struct buf b = BUF_INIT;

	put(&b, "a=b/part-3-7.csv", PIECE_CREATES, 0, 5, "hello\n");
	put(&b, "", 0, 1234567890123, 0, "x");
	put(&b, "part-0-0.csv", PIECE_CLOSES, 6, 5, "");
	for (size_t step = 1; step <= b.n; step++) {
		struct seen s = { 0 };
		struct piece_sink sink = { see_begin, see_data, see_end, &s };
		struct piece_reader r;
		int rc = 0;

		piece_reader_init(&r, &sink);
		for (size_t i = 0; i < b.n && rc == 0; i += step)
			rc = piece_feed(&r, b.p + i, b.n - i < step ? b.n - i : step);
		T_INT(rc, 0);
		T_INT(piece_done(&r), 0);
		T_INT(s.begun, 3);
		T_INT(s.ended, 3);
		T_STR(s.p[0].path, "a=b/part-3-7.csv");
		T_INT(s.p[0].maker, 5);
		T_INT(s.p[0].flags, PIECE_CREATES);
		T_MEM(s.data[0], s.n[0], "hello\n", 6);
		T_INT(s.p[1].offset, 1234567890123);
		T_MEM(s.data[1], s.n[1], "x", 1);
		T_INT(s.p[2].flags, PIECE_CLOSES);
		T_INT(s.n[2], 0);
	}
	buf_fini(&b);
}

T(a_piece_that_breaks_off_is_damage)
{
	struct buf b = BUF_INIT;

	put(&b, "part-0-0.csv", 0, 0, 1, "hello\n");
	for (size_t n = 1; n < b.n; n++) {
		struct seen s = { 0 };
		struct piece_sink sink = { see_begin, see_data, see_end, &s };
		struct piece_reader r;

		piece_reader_init(&r, &sink);
		T_INT(piece_feed(&r, b.p, n), 0);
		T_INT(piece_done(&r), FERR_CORRUPT);
	}
	buf_fini(&b);
}

T(a_path_that_leaves_the_directory_is_damage)
{
	static const char *const bad[] = { "/etc/x", "../x", "a/../x", "a/.." };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b = BUF_INIT;
		struct seen s = { 0 };
		struct piece_sink sink = { see_begin, see_data, see_end, &s };
		struct piece_reader r;

		put(&b, bad[i], 0, 0, 1, "x");
		piece_reader_init(&r, &sink);
		T_INT(piece_feed(&r, b.p, b.n), FERR_CORRUPT);
		T_INT(s.begun, 0);
		buf_fini(&b);
	}
}

T(hidden_names)
{
	struct piece p = { .maker = 12 };
	char out[PIECE_PATH_MAX + 32];

	strcpy(p.path, "part-0-7.csv");
	piece_hidden(&p, out);
	T_STR(out, ".part-0-7.csv.12");
	strcpy(p.path, "k=v/part-0-7.csv");
	piece_hidden(&p, out);
	T_STR(out, "k=v/.part-0-7.csv.12");
}

T(names_of_parts)
{
	struct part_name n;

	T_OK(part_name_parse(&n, "part-3-17.ndjson"));
	T_OK(!n.hidden);
	T_INT(n.lane, 3);
	T_INT(n.number, 17);
	T_OK(part_name_parse(&n, ".part-3-17.ndjson.9"));
	T_OK(n.hidden);
	T_INT(n.maker, 9);
	T_OK(part_name_parse(&n, ".part-0-1.csv.00ff00ff00ff00ff")); /* of a bare shell */
	T_INT(n.maker, 0);
	T_OK(!part_name_parse(&n, "part-3.ndjson"));
	T_OK(!part_name_parse(&n, "part-3-17"));
	T_OK(!part_name_parse(&n, "part--1-17.csv"));
	T_OK(!part_name_parse(&n, "part-99999999999-17.csv"));
	T_OK(!part_name_parse(&n, ".fjord"));
}

T(state_of_an_open_part)
{
	struct part_rec in = { .lane = 3,
			       .number = 9,
			       .maker = 4,
			       .offset = 1ull << 40,
			       .age = 77,
			       .dev = 5,
			       .ino = 6,
			       .seq = 8,
			       .fields = 2,
			       .header = (const uint8_t *)"a,b\n",
			       .nheader = 4 },
			out;
	struct buf b = BUF_INIT;

	T_INT(part_rec_encode(&in, &b), 0);
	T_INT(part_rec_decode(&out, b.p, b.n), 0);
	T_INT(out.lane, 3);
	T_INT(out.number, 9);
	T_INT(out.maker, 4);
	T_INT(out.offset, 1ll << 40);
	T_INT(out.age, 77);
	T_INT(out.dev, 5);
	T_INT(out.ino, 6);
	T_INT(out.seq, 8);
	T_INT(out.fields, 2);
	T_MEM(out.header, out.nheader, "a,b\n", 4);
	for (size_t n = 0; n < b.n; n++) {
		uint8_t *cut = malloc(n + 1); /* so that ASan sees an overread */

		memcpy(cut, b.p, n);
		T_INT(part_rec_decode(&out, cut, n), FERR_CORRUPT);
		free(cut);
	}
	buf_fini(&b);
}

/* ---- publishing ---- */

static char dir[64]; /* a new one per case */

static void
fresh(void)
{
	char tmp[] = "/tmp/test_lane.XXXXXX";

	if (mkdtemp(tmp) == NULL)
		abort();
	snprintf(dir, sizeof(dir), "%s/out/", tmp);
}

static void
wipe(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %.*s", (int)(strlen(dir) - 4), dir);
	if (system(cmd) != 0)
		abort();
}

static const char *
in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

/* What stands in a file, "-" for none. */
static const char *
text_of(const char *name)
{
	static char text[256];
	FILE *f = fopen(in_dir(name), "r");

	if (f == NULL)
		return "-";
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

#define PART "part-0-0.csv"
#define HIDDEN ".part-0-0.csv.3"

static struct lane_dest *
open_with(bool roll, bool rewind)
{
	struct dest_conf conf = { .kind = DEST_DIR, .path = dir, .roll = roll, .rewind = rewind };
	struct lane_dest *d = NULL;

	T_INT(dest_open(&d, &conf), 0);
	return d;
}

/* Publish one piece, or several, as one job does. */
static int
publish_as(struct lane_dest *d, struct buf *b, bool first)
{
	struct piece_sink sink = dest_sink;
	struct piece_reader r;
	int rc;

	sink.cookie = d;
	piece_reader_init(&r, &sink);
	dest_begin(d, first);
	if ((rc = piece_feed(&r, b->p, b->n)) == 0 && (rc = piece_done(&r)) == 0)
		rc = dest_done(d);
	buf_fini(b);
	return rc;
}

/* ... as after a restart: it may have been published before. */
static int
publish(struct lane_dest *d, struct buf *b)
{
	return publish_as(d, b, true);
}

enum there { IN_HIDDEN, IN_VISIBLE, GONE };

/* One cell: where the part is, whether it is the first piece ("ab" at 0, the part is empty) or the
 * closing one ("cd" at 2 behind "ab"), and what must come of it. */
struct cell {
	enum there there;
	bool closing, roll;
	int rc;
	const char *hidden, *visible;
};

static void
run_cell(const struct cell *c, bool again)
{
	struct lane_dest *d;
	struct buf b = BUF_INIT;
	const char *before = c->closing ? "ab" : "";

	fresh();
	d = open_with(c->roll, false);
	if (c->there == IN_HIDDEN)
		write_file(HIDDEN, again && c->closing ? "abcd" : again ? "ab" : before);
	else if (c->there == IN_VISIBLE)
		write_file(PART, again && c->closing ? "abcd" : again ? "ab" : before);
	if (c->closing)
		put(&b, PART, PIECE_CLOSES, 2, 3, "cd");
	else
		put(&b, PART, PIECE_CREATES, 0, 3, "ab");
	T_INT(publish(d, &b), c->rc);
	T_STR(text_of(HIDDEN), c->hidden);
	T_STR(text_of(PART), c->visible);
	dest_close(d);
	wipe();
}

T(publishing_finds_the_part_under_either_name_and_never_makes_it)
{
	static const struct cell cells[] = {
		/* there      closing roll   rc            hidden visible */
		{ IN_HIDDEN, false, false, 0, "-", "ab" },
		{ IN_HIDDEN, false, true, 0, "ab", "-" },
		{ IN_HIDDEN, true, false, 0, "-", "abcd" },
		{ IN_HIDDEN, true, true, 0, "-", "abcd" },
		{ IN_VISIBLE, false, false, 0, "-", "ab" },
		{ IN_VISIBLE, false, true, 0, "-", "ab" },
		{ IN_VISIBLE, true, false, 0, "-", "abcd" },
		{ IN_VISIBLE, true, true, 0, "-", "abcd" },
		{ GONE, false, false, FERR_CORRUPT, "-", "-" },
		{ GONE, false, true, FERR_CORRUPT, "-", "-" },
		{ GONE, true, false, 0, "-", "-" },
		{ GONE, true, true, 0, "-", "-" },
	};

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		run_cell(&cells[i], false);
		run_cell(&cells[i], true); /* published before, all of it: the same comes of it */
	}
}

T(a_part_that_was_moved_away_is_published_when_its_closing_piece_is_complete_as_well)
{
	struct lane_dest *d;
	struct buf b = BUF_INIT;

	fresh();
	d = open_with(true, false);
	put(&b, PART, PIECE_CREATES, 0, 3, "ab");
	put(&b, PART, 0, 2, 3, "cd");
	put(&b, PART, PIECE_CLOSES, 4, 3, "");
	T_INT(publish(d, &b), 0);
	T_STR(text_of(PART), "-");
	b = (struct buf)BUF_INIT;
	put(&b, PART, PIECE_CREATES, 0, 3, "ab");
	put(&b, "part-0-1.csv", PIECE_CLOSES, 4, 3, "");
	T_INT(publish(d, &b), FERR_CORRUPT);
	dest_close(d);
	wipe();
}

T(lengths_that_do_not_fit_are_refused_naming_both)
{
	struct lane_dest *d;
	struct buf b = BUF_INIT;

	fresh();
	d = open_with(false, false);
	write_file(PART, "a");
	put(&b, PART, 0, 2, 3, "cd");
	T_INT(publish(d, &b), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "has 1 bytes") != NULL && strstr(ferr_text(), "that 2") != NULL);
	dest_close(d);
	d = open_with(false, false);
	write_file(PART, "abcdefg");
	b = (struct buf)BUF_INIT;
	put(&b, PART, PIECE_CLOSES, 2, 3, "cd");
	T_INT(publish(d, &b), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "has 7 bytes") != NULL &&
	     strstr(ferr_text(), "explains 4") != NULL);
	dest_close(d);
	wipe();
}

T(who_else_writes_there_is_noticed_and_what_was_removed_as_well)
{
	struct lane_dest *d = NULL;
	struct buf b = BUF_INIT;
	struct dest_conf conf = { .kind = DEST_FILE, .make = true };
	char path[256];

	fresh();
	dest_close(open_with(false, false));
	snprintf(path, sizeof(path), "%sfile", dir);
	conf.path = path;
	T_INT(dest_open(&d, &conf), 0);
	put(&b, "", 0, 0, 3, "ab");
	T_INT(publish_as(d, &b, false), 0);
	write_file("file", "abXX");
	b = (struct buf)BUF_INIT;
	put(&b, "", 0, 2, 3, "cd");
	T_INT(publish_as(d, &b, false), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "somebody else") != NULL);
	T_STR(text_of("file"), "abXX");
	write_file("file", "ab");
	unlink(path);
	b = (struct buf)BUF_INIT;
	put(&b, "", 0, 2, 3, "cd");
	T_INT(publish_as(d, &b, false), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "removed") != NULL);
	dest_close(d);
	wipe();
}

T(nothing_is_replaced)
{
	struct lane_dest *d;
	struct buf b = BUF_INIT;

	fresh();
	d = open_with(false, false);
	write_file(HIDDEN, "");
	write_file(PART, "somebody else's");
	put(&b, PART, PIECE_CREATES, 0, 3, "ab");
	T_INT(publish(d, &b), FERR_CORRUPT);
	T_STR(text_of(PART), "somebody else's");
	dest_close(d);
	wipe();
}

static const uint8_t job_id[16] = { 7 };

T(a_part_is_made_exclusively_with_its_directory)
{
	struct piece p = { .maker = 3 };
	struct lane_dest *d;

	fresh();
	d = open_with(true, false);
	T_INT(dest_claim(d, job_id, false), 0);
	strcpy(p.path, "k=v/" PART);
	T_INT(dest_create(d, &p), 0);
	T_INT(dest_sync(d), 0);
	T_STR(text_of("k=v/" HIDDEN), "");
	T_STR(text_of("k=v/" PART), "-");
	T_INT(dest_create(d, &p), FERR_IO);
	dest_close(d);
	wipe();
}

T(more_parts_than_are_open_at_a_time)
{
	struct lane_dest *d;
	struct buf b = BUF_INIT;
	char name[32];

	fresh();
	d = open_with(false, false);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), ".part-0-%d.csv.3", i);
		write_file(name, "");
	}
	for (unsigned at = 0; at < 2; at++) {
		for (int i = 0; i < 100; i++) {
			snprintf(name, sizeof(name), "part-0-%d.csv", i);
			put(&b, name, 0, at, 3, "x");
		}
	}
	T_INT(publish(d, &b), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "part-0-%d.csv", i);
		T_STR(text_of(name), "xx");
	}
	dest_close(d);
	wipe();
}

/* ---- one file ---- */

T(one_file_is_written_at_its_committed_length)
{
	struct dest_conf conf = { .kind = DEST_FILE, .make = true };
	struct lane_dest *d = NULL;
	struct buf b = BUF_INIT;

	fresh();
	dest_close(open_with(false, false));
	conf.path = strdup(in_dir("x.csv"));
	T_INT(dest_open(&d, &conf), 0);
	for (int i = 0; i < 2; i++) {
		b = (struct buf)BUF_INIT;
		put(&b, "", 0, 0, 0, "ab");
		put(&b, "", 0, 2, 0, "cd");
		T_INT(publish(d, &b), 0);
		T_STR(text_of("x.csv"), "abcd");
	}
	write_file("x.csv", "abcd and more");
	b = (struct buf)BUF_INIT;
	put(&b, "", 0, 4, 0, "ef");
	T_INT(publish(d, &b), FERR_CORRUPT);
	dest_close(d);
	unlink(conf.path);
	conf.make = false;
	T_INT(dest_open(&d, &conf), FERR_CORRUPT);
	free((char *)(uintptr_t)conf.path);
	wipe();
}

/* ---- at a restart ---- */

static int
check(const char *hidden, const char *visible, uint64_t length, bool exact, bool rewind)
{
	struct piece p = { .maker = 3 };
	struct lane_dest *d;
	int rc;

	d = open_with(false, rewind);
	unlink(in_dir(HIDDEN));
	unlink(in_dir(PART));
	if (hidden != NULL)
		write_file(HIDDEN, hidden);
	if (visible != NULL)
		write_file(PART, visible);
	strcpy(p.path, PART);
	rc = dest_check(d, &p, length, exact);
	dest_close(d);
	return rc;
}

T(a_restart_compares_open_parts_with_the_checkpoint)
{
	fresh();
	T_INT(check("abcd", NULL, 4, true, false), 0);
	T_INT(check(NULL, "abcd", 4, true, false), 0);
	T_INT(check(NULL, "ab", 4, false, false), 0); /* the rest is pending */
	T_INT(check(NULL, "ab", 4, true, false), FERR_CORRUPT);
	T_INT(check(NULL, "abcdef", 4, false, false), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "has 6 bytes") != NULL &&
	     strstr(ferr_text(), "explains 4") != NULL);
	T_INT(check(NULL, NULL, 4, false, false), FERR_CORRUPT);
	T_INT(check(NULL, "abcdef", 4, false, true), 0);
	T_STR(text_of(PART), "abcd");
	T_INT(check(NULL, NULL, 4, false, true), 1);
	wipe();
}

T(a_part_that_the_checkpoint_does_not_know_is_ahead_of_it)
{
	struct lane_dest *d;

	fresh();
	d = open_with(false, false);
	write_file("part-0-4.csv", "");
	T_INT(dest_check_ahead(d, 0, 5), 0);
	T_INT(dest_check_ahead(d, 1, 0), 0);
	T_INT(dest_check_ahead(d, 0, 4), FERR_CORRUPT);
	dest_close(d);
	d = open_with(false, true);
	T_INT(dest_check_ahead(d, 0, 4), 0);
	T_STR(text_of("part-0-4.csv"), "-");
	dest_close(d);
	wipe();
}

static bool
of_lane_1(void *cookie, const char *path, const struct part_name *name)
{
	(void)cookie;
	(void)path;
	return name->lane == 1;
}

T(leftovers_are_hidden_parts_only)
{
	struct piece p = { .maker = 2 };
	struct lane_dest *d;

	fresh();
	d = open_with(false, false);
	T_INT(dest_claim(d, job_id, false), 0);
	strcpy(p.path, "k=v/part-1-0.csv");
	T_INT(dest_create(d, &p), 0);
	write_file("part-1-0.csv", "");
	write_file(".part-1-1.csv.2", "");
	write_file(".part-0-1.csv.2", "");
	write_file(".other", "");
	T_INT(dest_clean(d, of_lane_1, NULL), 0);
	T_STR(text_of("k=v/.part-1-0.csv.2"), "-");
	T_STR(text_of(".part-1-1.csv.2"), "-");
	T_STR(text_of("part-1-0.csv"), "");
	T_STR(text_of(".part-0-1.csv.2"), "");
	T_STR(text_of(".other"), "");
	dest_close(d);
	wipe();
}

T(a_directory_belongs_to_one_job)
{
	static const uint8_t ours[16] = { 1, 2 }, other[16] = { 1, 3 };
	struct lane_dest *d;

	fresh();
	d = open_with(false, false);
	T_INT(dest_claim(d, ours, false), 0);
	T_STR(text_of(".fjord"), "01020000000000000000000000000000\n");
	T_INT(dest_claim(d, ours, false), 0);
	write_file("part-0-0.csv", "");
	T_INT(dest_claim(d, ours, false), 0);
	T_INT(dest_claim(d, other, false), FERR_USAGE);
	T_INT(dest_claim(d, other, true), FERR_USAGE);
	unlink(in_dir("part-0-0.csv"));
	T_INT(dest_claim(d, other, false), FERR_USAGE);
	T_INT(dest_claim(d, other, true), FERR_USAGE); /* it is being written to */
	dest_close(d);
	d = open_with(false, false);
	T_INT(dest_claim(d, other, true), 0); /* nothing was put out: it may be taken over */
	dest_close(d);
	d = open_with(false, false);
	T_INT(dest_claim(d, ours, true), 0);
	write_file("part-0-0.csv", "");
	unlink(in_dir(".fjord"));
	T_INT(dest_claim(d, ours, false), FERR_USAGE); /* parts that nobody knows */
	T_STR(text_of(".fjord"), "-");
	dest_close(d);
	wipe();
}

T_MAIN
