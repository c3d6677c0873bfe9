/*
 * ceiling -- the job of the first figure as one hand-written process: what the hardware gives when
 * nothing is general.
 *
 *	ceiling [FILE]
 *
 * Counts the NDJSON records of FILE (or stdin) per user and minute and prints the same lines, only
 *in another order, as fsource --time time --out-of-order 5s FILE | fkey user | fwindow tumble 1m |
 *fsink - with the same checks: the whole line is valid RFC 8259 and UTF-8, numbers and escapes
 *included, nothing nested deeper than 512, and a record later than the watermark is counted as
 *late.  It knows this one job alone: `user` must be a string without escapes, `time` RFC 3339,
 *neither may be missing.
 *
 * Every line ends with a newline behind which PAD bytes may be read, and a newline is an error
 *inside any token; so no scanner below looks for the end of the text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#define PAD 64
#define IN_BYTES (256 << 10)
#define OUT_BYTES (64 << 10)
#define LINE_OUT_MAX 256
#define DEPTH_MAX 512
#define MEMO_MAX 64
#define KEY_MAX 96
#define WINDOWS_MAX 64
#define MARK_EVERY 1000
#define MINUTE 60000
#define BOUND 5000

struct text {
	const uint8_t *p;
	size_t n;
};

/* A member name with its quotes and colon, as it stood at this place in an earlier line. */
struct memo {
	uint8_t text[16];
	unsigned n;
	struct text *wanted; /* where its value goes, or NULL */
};

struct user {
	uint8_t name[KEY_MAX];
	uint32_t n;
	uint64_t hash;
};

struct window {
	int64_t start;
	uint32_t *count; /* by user */
	size_t users;
};

static struct {
	unsigned long line, late;
	struct memo memo[MEMO_MAX];
	struct text user, time; /* the two values wanted from the line at hand */

	struct user *user_of;
	uint32_t *slot; /* hash table of user + 1 */
	size_t users, slots;

	struct window window[WINDOWS_MAX];
	int windows;
	struct window *last;
	int64_t max_time, mark;

	uint8_t minute[17]; /* "2026-01-05T10:00:" of the time last read, and its value */
	int64_t minute_ms;

	uint8_t out[OUT_BYTES + LINE_OUT_MAX];
	size_t out_n;
} g;

_Noreturn static void
die(const char *what)
{
	fprintf(stderr, "ceiling: line %lu: %s\n", g.line, what);
	exit(1);
}

/* ---- JSON ---- */

static bool
is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

static const uint8_t *
skip_blank(const uint8_t *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static int
hex4(const uint8_t *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i] | 0x20;

		if (is_digit(p[i]))
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			die("bad \\u");
	}
	return v;
}

/* p at the backslash */
static const uint8_t *
scan_escape(const uint8_t *p)
{
	int c;

	if (p[1] != 'u') {
		if (p[1] == '\0' || strchr("\"\\/bfnrt", p[1]) == NULL)
			die("bad escape");
		return p + 2;
	}
	c = hex4(p + 2);
	if ((c & 0xf800) != 0xd800)
		return p + 6;
	if ((c & 0xfc00) != 0xd800 || p[6] != '\\' || p[7] != 'u' ||
	    (hex4(p + 8) & 0xfc00) != 0xdc00)
		die("lone surrogate");
	return p + 12;
}

static const uint8_t *
scan_utf8(const uint8_t *p)
{
	static const struct {
		uint8_t first, last, lo, hi, n;
	} form[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
		if (*p < form[i].first || *p > form[i].last)
			continue;
		if (p[1] < form[i].lo || p[1] > form[i].hi)
			break;
		if ((form[i].n > 2 && (p[2] & 0xc0) != 0x80) ||
		    (form[i].n > 3 && (p[3] & 0xc0) != 0x80))
			break;
		return p + form[i].n;
	}
	die("invalid UTF-8");
}

/* p behind the opening quote; returns the closing one. */
static inline const uint8_t *
scan_string(const uint8_t *p)
{
	for (;;) {
#if defined(__x86_64__)
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
					    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		/* signed: control characters and all bytes of 0x80 and more are less than a blank
		 */
		unsigned mask = (unsigned)_mm_movemask_epi8(
		    _mm_or_si128(stop, _mm_cmplt_epi8(v, _mm_set1_epi8(' '))));

		if (mask == 0) {
			p += 16;
			continue;
		}
		p += __builtin_ctz(mask);
#else
		while (*p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
			p++;
#endif
		if (*p == '"')
			return p;
		if (*p == '\\')
			p = scan_escape(p);
		else if (*p >= 0x80)
			p = scan_utf8(p);
		else
			die("control character in a string");
	}
}

static const uint8_t *
scan_digits(const uint8_t *p)
{
	if (!is_digit(*p))
		die("bad number");
	while (is_digit(*p))
		p++;
	return p;
}

static inline const uint8_t *
scan_number(const uint8_t *p)
{
	p += *p == '-';
	p = *p == '0' ? p + 1 : scan_digits(p);
	if (*p == '.')
		p = scan_digits(p + 1);
	if ((*p | 0x20) == 'e')
		p = scan_digits(p + 1 + (p[1] == '+' || p[1] == '-'));
	return p;
}

static const uint8_t *
scan_word(const uint8_t *p, const char *word, size_t n)
{
	if (memcmp(p, word, n) != 0)
		die("bad word");
	return p + n;
}

static const uint8_t *scan_nest(const uint8_t *p, int depth);

static inline const uint8_t *
scan_value(const uint8_t *p, int depth)
{
	switch (*p) {
	case '"': return scan_string(p + 1) + 1;
	case '{':
	case '[': return scan_nest(p, depth + 1);
	case 't': return scan_word(p, "true", 4);
	case 'f': return scan_word(p, "false", 5);
	case 'n': return scan_word(p, "null", 4);
	default: return scan_number(p);
	}
}

/* p at a member's name; returns its value. */
static const uint8_t *
scan_name(const uint8_t *p)
{
	if (*p != '"')
		die("a name must be a string");
	p = skip_blank(scan_string(p + 1) + 1);
	if (*p != ':')
		die("no colon");
	return skip_blank(p + 1);
}

/* An object or array below the top. */
static const uint8_t *
scan_nest(const uint8_t *p, int depth)
{
	bool object = *p == '{';
	uint8_t close = object ? '}' : ']';

	if (depth > DEPTH_MAX)
		die("too deep");
	p = skip_blank(p + 1);
	if (*p == close)
		return p + 1;
	for (;; p = skip_blank(p + 1)) {
		if (object)
			p = scan_name(p);
		p = skip_blank(scan_value(p, depth));
		if (*p == close)
			return p + 1;
		if (*p != ',')
			die("no comma");
	}
}

static inline bool
memo_hit(const struct memo *m, const uint8_t *p)
{
#if defined(__x86_64__)
	unsigned eq = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
	    _mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)m->text)));
	unsigned want = (1u << m->n) - 1;

	return m->n != 0 && (eq & want) == want;
#else
	return m->n != 0 && memcmp(m->text, p, m->n) == 0;
#endif
}

static struct text *
wanted(const uint8_t *name, size_t n)
{
	if (n == 4 && memcmp(name, "user", 4) == 0)
		return &g.user;
	return n == 4 && memcmp(name, "time", 4) == 0 ? &g.time : NULL;
}

/* The name at p, and remember it at m if it is short and written without blanks. */
static const uint8_t *
top_name(const uint8_t *p, struct memo *m, struct text **want)
{
	const uint8_t *value = scan_name(p), *quote = scan_string(p + 1);

	if (memchr(p, '\\', (size_t)(quote - p)) != NULL)
		die("escape in a name at the top"); /* could be "user" in disguise */
	*want = wanted(p + 1, (size_t)(quote - p) - 1);
	if (value == quote + 2 && value - p <= 16) {
		m->n = (unsigned)(value - p);
		memcpy(m->text, p, m->n);
		m->wanted = *want;
	}
	return value;
}

/* The object at p into g.user and g.time; returns the newline behind it. */
static const uint8_t *
scan_record(const uint8_t *p)
{
	g.user.p = g.time.p = NULL;
	if (*p != '{')
		die("not an object");
	p = skip_blank(p + 1);
	for (int i = 0; *p != '}' || i > 0; i++) {
		struct memo *m = &g.memo[i & (MEMO_MAX - 1)];
		struct text *want = m->wanted;
		const uint8_t *value;

		p = memo_hit(m, p) ? p + m->n : top_name(p, m, &want);
		value = p;
		p = scan_value(p, 1);
		if (want != NULL)
			*want = (struct text){ value, (size_t)(p - value) };
		p = skip_blank(p);
		if (*p == '}')
			break;
		if (*p != ',')
			die("no comma");
		p = skip_blank(p + 1);
	}
	p = skip_blank(p + 1);
	if (*p != '\n')
		die("text behind the record");
	return p;
}

/* ---- time ---- */

static int
two(const uint8_t *p)
{
	if (!is_digit(p[0]) || !is_digit(p[1]))
		die("bad time");
	return (p[0] - '0') * 10 + p[1] - '0';
}

/* Days since 1970-01-01. */
static int64_t
days(int y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2026-01-05T10:00:" into g.minute_ms, remembered. */
static void
read_minute(const uint8_t *p)
{
	static const uint8_t last[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = two(p) * 100 + two(p + 2), m = two(p + 5), d = two(p + 8), h = two(p + 11),
	    min = two(p + 14);
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	if (p[4] != '-' || p[7] != '-' || ((p[10] | 0x20) != 't' && p[10] != ' ') || p[13] != ':' ||
	    p[16] != ':' || m < 1 || m > 12 || d < 1 || d > last[m - 1] + (m == 2 && leap) ||
	    h > 23 || min > 59)
		die("bad time");
	g.minute_ms = ((days(y, m, d) * 24 + h) * 60 + min) * MINUTE;
	memcpy(g.minute, p, sizeof g.minute);
}

static int64_t
read_time(void)
{
	const uint8_t *p = g.time.p + 1, *end = g.time.p + g.time.n - 1;
	int64_t ms, zone;
	int s, unit = 100;

	if (g.time.p == NULL || g.time.n < 22)
		die("no time");
	if (memcmp(p, g.minute, sizeof g.minute) != 0)
		read_minute(p);
	if ((s = two(p + 17)) > 59)
		die("bad time");
	ms = g.minute_ms + s * 1000;
	p += 19;
	if (*p == '.') {
		if (!is_digit(*++p))
			die("bad time");
		for (; is_digit(*p); p++, unit /= 10)
			ms += (*p - '0') * unit;
	}
	if ((*p | 0x20) == 'z' && p + 1 == end)
		return ms;
	if ((*p != '+' && *p != '-') || p + 6 != end || p[3] != ':')
		die("bad time");
	if (two(p + 1) > 23 || two(p + 4) > 59)
		die("bad time");
	zone = (two(p + 1) * 60 + two(p + 4)) * MINUTE;
	return *p == '+' ? ms - zone : ms + zone;
}

/* ---- users ---- */

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

/* Reads up to 7 bytes behind the key, which PAD allows. */
static uint64_t
hash_key(const uint8_t *p, size_t n)
{
	uint64_t h = n;

	for (; n >= 8; p += 8, n -= 8)
		h = (h ^ load64(p)) * 0x9e3779b97f4a7c15, h ^= h >> 32;
	if (n > 0)
		h = (h ^ load64(p) << (64 - 8 * n)) * 0x9e3779b97f4a7c15, h ^= h >> 32;
	return h * 0x94d049bb133111eb;
}

static void
grow_users(void)
{
	g.slots = g.slots == 0 ? 1 << 15 : g.slots * 2;
	free(g.slot);
	g.slot = calloc(g.slots, sizeof g.slot[0]);
	g.user_of = realloc(g.user_of, g.slots / 2 * sizeof g.user_of[0]);
	if (g.slot == NULL || g.user_of == NULL)
		die("no memory");
	for (size_t i = 0; i < g.users; i++) {
		size_t s = g.user_of[i].hash >> 20 & (g.slots - 1);

		while (g.slot[s] != 0)
			s = (s + 1) & (g.slots - 1);
		g.slot[s] = (uint32_t)i + 1;
	}
}

/* The number of the user of this record. */
static size_t
find_user(void)
{
	const uint8_t *p = g.user.p + 1;
	size_t n = g.user.n - 2, s;
	uint64_t hash;
	struct user *u;

	if (g.user.p == NULL || *g.user.p != '"' || n > KEY_MAX || memchr(p, '\\', n) != NULL)
		die("user must be a plain string");
	if (g.users >= g.slots / 2)
		grow_users();
	hash = hash_key(p, n);
	for (s = hash >> 20 & (g.slots - 1); g.slot[s] != 0; s = (s + 1) & (g.slots - 1)) {
		u = &g.user_of[g.slot[s] - 1];
		if (u->hash == hash && u->n == n && memcmp(u->name, p, n) == 0)
			return g.slot[s] - 1;
	}
	u = &g.user_of[g.users++];
	u->hash = hash;
	u->n = (uint32_t)n;
	memcpy(u->name, p, n);
	g.slot[s] = (uint32_t)g.users;
	return g.users - 1;
}

/* ---- windows ---- */

static void
flush(void)
{
	for (size_t done = 0; done < g.out_n;) {
		ssize_t n = write(STDOUT_FILENO, g.out + done, g.out_n - done);

		if (n == -1)
			die(strerror(errno));
		done += (size_t)n;
	}
	g.out_n = 0;
}

static void
put(const void *p, size_t n)
{
	memcpy(g.out + g.out_n, p, n);
	g.out_n += n;
}

static void
put_count(uint32_t v)
{
	char digits[10];
	size_t n = sizeof digits;

	do
		digits[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(digits + n, sizeof digits - n);
}

static void
fire(struct window *w)
{
	char start[32], end[32], middle[128];
	time_t t = w->start / 1000;
	struct tm tm;
	size_t n;

	strftime(start, sizeof start, "%FT%TZ", gmtime_r(&t, &tm));
	t += MINUTE / 1000;
	strftime(end, sizeof end, "%FT%TZ", gmtime_r(&t, &tm));
	n = (size_t)snprintf(middle, sizeof middle,
			     "\",\"window_start\":\"%s\",\"window_end\":\"%s\",\"count\":", start,
			     end);
	for (size_t i = 0; i < w->users; i++) {
		if (w->count[i] == 0)
			continue;
		put("{\"user\":\"", 9);
		put(g.user_of[i].name, g.user_of[i].n);
		put(middle, n);
		put_count(w->count[i]);
		put("}\n", 2);
		if (g.out_n >= OUT_BYTES)
			flush();
	}
	free(w->count);
}

/* Fire what the watermark has passed, the earliest window first. */
static void
advance(int64_t mark)
{
	g.mark = mark;
	for (;;) {
		struct window *first = NULL;

		for (int i = 0; i < g.windows; i++)
			if (first == NULL || g.window[i].start < first->start)
				first = &g.window[i];
		if (first == NULL || first->start + MINUTE - 1 > mark)
			return;
		fire(first);
		*first = g.window[--g.windows];
		g.last = NULL;
	}
}

static struct window *
find_window(int64_t start)
{
	for (int i = 0; i < g.windows; i++)
		if (g.window[i].start == start)
			return &g.window[i];
	if (g.windows == WINDOWS_MAX)
		die("too many open windows");
	g.window[g.windows] = (struct window){ .start = start };
	return &g.window[g.windows++];
}

static void
count(int64_t t, size_t user)
{
	struct window *w = g.last;

	if (w == NULL || t < w->start || t >= w->start + MINUTE) {
		int64_t start = t - ((t % MINUTE) + MINUTE) % MINUTE;

		if (start + MINUTE - 1 <= g.mark) {
			g.late++;
			return;
		}
		g.last = w = find_window(start);
	}
	if (user >= w->users) {
		size_t users = g.slots / 2;

		if ((w->count = realloc(w->count, users * sizeof w->count[0])) == NULL)
			die("no memory");
		memset(w->count + w->users, 0, (users - w->users) * sizeof w->count[0]);
		w->users = users;
	}
	w->count[user]++;
}

/* ---- the job ---- */

static void
one_line(const uint8_t *p)
{
	int64_t t;

	g.line++;
	scan_record(skip_blank(p));
	t = read_time();
	count(t, find_user());
	if (t > g.max_time)
		g.max_time = t;
	if (g.line % MARK_EVERY == 0)
		advance(g.max_time - BOUND - 1);
}

/* All whole lines of p[0..n); returns how many bytes they are. */
static size_t
lines(const uint8_t *p, size_t n)
{
	const uint8_t *at = p, *end = p + n, *eol;

	while (at < end && (eol = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		one_line(at);
		at = eol + 1;
	}
	return (size_t)(at - p);
}

int
main(int argc, char *argv[])
{
	size_t room = IN_BYTES, n = 0, used;
	uint8_t *buf = calloc(1, room + PAD);
	int fd = argc > 1 ? open(argv[1], O_RDONLY) : STDIN_FILENO;
	ssize_t got;

	if (buf == NULL || fd == -1)
		die(strerror(errno));
	g.max_time = g.mark = INT64_MIN / 2;
	while ((got = read(fd, buf + n, room - n)) > 0) {
		n += (size_t)got;
		used = lines(buf, n);
		memmove(buf, buf + used, n -= used);
		if (n == room && (buf = realloc(buf, (room *= 2) + PAD)) == NULL)
			die(strerror(errno));
	}
	if (got == -1)
		die(strerror(errno));
	if (n > 0) {
		buf[n++] = '\n';
		lines(buf, n);
	}
	advance(INT64_MAX);
	flush();
	if (g.late > 0)
		fprintf(stderr, "ceiling: %lu late records dropped\n", g.late);
	return 0;
}
