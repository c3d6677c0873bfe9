/* timefmt -- strptime and strftime without a locale.  See time.h. */
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "base/time_internal.h"

/* The short names are the first three letters. */
static const char *const months[] = { "January",   "February", "March",	   "April",
				      "May",	   "June",     "July",	   "August",
				      "September", "October",  "November", "December" };
static const char *const weekdays[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
					"Thursday", "Friday", "Saturday" };

/* What %D, %F, %R and %T stand for; NULL for the others. */
static const char *
composite(char conversion)
{
	switch (conversion) {
	case 'D': return "%m/%d/%y";
	case 'F': return "%Y-%m-%d";
	case 'R': return "%H:%M";
	case 'T': return "%H:%M:%S";
	default: return NULL;
	}
}

bool
time_format_ok(const char *fmt)
{
	bool any = false;

	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%')
			continue;
		fmt++;
		if (*fmt == '\0' || strchr("YmdHMSfyjbBaApIeTDFRzZs%nt", *fmt) == NULL)
			return false;
		any = any || strchr("%nt", *fmt) == NULL;
	}
	return any;
}

/* ---- reading ---- */

struct scan {
	const char *p, *end;
	struct civil c;
	int64_t epoch_s, offset_ms;
	int hour12, yday; /* 1..; 0 = not seen */
	bool pm, has_epoch, has_zone, has_day;
};

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_blanks(struct scan *s)
{
	while (s->p < s->end && blank(*s->p))
		s->p++;
}

/* A number of at most max digits; blanks may stand before it. */
static bool
scan_digits(struct scan *s, int max, int64_t lo, int64_t hi, int64_t *out)
{
	const char *from;
	int64_t v = 0;

	skip_blanks(s);
	from = s->p;
	while (s->p < s->end && s->p - from < max && *s->p >= '0' && *s->p <= '9')
		v = v * 10 + (*s->p++ - '0');
	*out = v;
	return s->p > from && v >= lo && v <= hi;
}

static bool
scan_int(struct scan *s, int max, int lo, int hi, int *out)
{
	int64_t v;

	if (!scan_digits(s, max, lo, hi, &v))
		return false;
	*out = (int)v;
	return true;
}

/* Do n letters agree, case apart? */
static bool
same_letters(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char x = a[i] >= 'A' && a[i] <= 'Z' ? a[i] | 0x20 : a[i];
		char y = b[i] >= 'A' && b[i] <= 'Z' ? b[i] | 0x20 : b[i];

		if (x != y)
			return false;
	}
	return true;
}

/* A full name, or its first three letters; case does not matter. */
static bool
scan_name(struct scan *s, const char *const *names, int n, int *out)
{
	size_t left = (size_t)(s->end - s->p), len;

	for (int i = 0; i < n; i++) {
		len = strlen(names[i]);
		if (left < len || !same_letters(s->p, names[i], len))
			len = 3;
		if (left >= len && same_letters(s->p, names[i], len)) {
			s->p += len;
			*out = i;
			return true;
		}
	}
	return false;
}

static bool
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || !same_letters(s->p, word, n))
		return false;
	s->p += n;
	return true;
}

static bool
scan_fraction(struct scan *s)
{
	const char *from = s->p;
	int scale = 100;

	s->c.ms = 0;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, scale /= 10)
		s->c.ms += (*s->p - '0') * scale;
	return s->p > from;
}

static bool
scan_zone(struct scan *s)
{
	size_t used = time_scan_zone(s->p, (size_t)(s->end - s->p), &s->offset_ms);

	s->p += used;
	s->has_zone = true;
	return used != 0;
}

/* %Z: only names that mean the same everywhere. */
static bool
scan_utc(struct scan *s)
{
	s->offset_ms = 0;
	s->has_zone = true;
	return scan_word(s, "UTC") || scan_word(s, "GMT") || scan_word(s, "Z");
}

static bool
scan_epoch(struct scan *s)
{
	bool neg = scan_word(s, "-");

	s->has_epoch = scan_digits(s, 12, 0, TIME_MAX_MS / SECOND_MS, &s->epoch_s);
	if (neg)
		s->epoch_s = -s->epoch_s;
	return s->has_epoch;
}

static bool scan_format(struct scan *s, const char *fmt);

static bool
scan_conversion(struct scan *s, char conversion)
{
	int n;

	switch (conversion) {
	case 'Y': return scan_int(s, 4, 0, 9999, &s->c.year);
	case 'y':
		if (!scan_int(s, 2, 0, 99, &n))
			return false;
		s->c.year = n + (n < 69 ? 2000 : 1900);
		return true;
	case 'm': s->has_day = true; return scan_int(s, 2, 1, 12, &s->c.mon);
	case 'd':
	case 'e': s->has_day = true; return scan_int(s, 2, 1, 31, &s->c.day);
	case 'j': return scan_int(s, 3, 1, 366, &s->yday);
	case 'b':
	case 'B':
		if (!scan_name(s, months, 12, &n))
			return false;
		s->c.mon = n + 1;
		s->has_day = true;
		return true;
	case 'a':
	case 'A': return scan_name(s, weekdays, 7, &n);
	case 'H': return scan_int(s, 2, 0, 23, &s->c.hour);
	case 'I': return scan_int(s, 2, 1, 12, &s->hour12);
	case 'p': s->pm = scan_word(s, "PM"); return s->pm || scan_word(s, "AM");
	case 'M': return scan_int(s, 2, 0, 59, &s->c.min);
	case 'S': return scan_int(s, 2, 0, 59, &s->c.sec);
	case 'f': return scan_fraction(s);
	case 's': return scan_epoch(s);
	case 'z': return scan_zone(s);
	case 'Z': return scan_utc(s);
	case '%': return scan_word(s, "%");
	case 'n':
	case 't': skip_blanks(s); return true;
	default: break;
	}
	return composite(conversion) != NULL && scan_format(s, composite(conversion));
}

static bool
scan_format(struct scan *s, const char *fmt)
{
	for (; *fmt != '\0'; fmt++) {
		if (*fmt == '%') {
			if (*++fmt == '\0' || !scan_conversion(s, *fmt))
				return false;
		} else if (blank(*fmt)) {
			skip_blanks(s);
		} else {
			if (s->p == s->end || *s->p != *fmt)
				return false;
			s->p++;
		}
	}
	return true;
}

bool
time_strptime(const char *str, size_t n, const char *fmt, const struct tz *tz, int64_t *ms)
{
	struct scan s = { .p = str, .end = str + n, .c = { .year = 1970, .mon = 1, .day = 1 } };
	int64_t t;

	if (!scan_format(&s, fmt) || s.p != s.end)
		return false;
	if (s.hour12 != 0)
		s.c.hour = s.hour12 % 12 + (s.pm ? 12 : 0);
	if (s.has_epoch) {
		t = s.epoch_s * SECOND_MS + s.c.ms;
	} else {
		if (s.c.day > (int)time_month_days((unsigned)s.c.year, (unsigned)s.c.mon))
			return false;
		t = time_of_civil(&s.c);
		if (s.yday != 0 && !s.has_day) {
			if (s.yday == 366 && !time_leap((unsigned)s.c.year))
				return false;
			t += (s.yday - 1) * DAY_MS;
		}
		t = s.has_zone ? t - s.offset_ms : tz_to_utc(tz, t);
	}
	if (!time_in_bounds(t))
		return false;
	*ms = t;
	return true;
}

/* ---- printing ---- */

struct print {
	char *out;
	size_t n, cap;
	bool bad;
	int64_t ms;
	struct civil c;
};

static void
put(struct print *p, const char *s, size_t n)
{
	if (p->bad || p->cap - p->n < n) {
		p->bad = true;
		return;
	}
	memcpy(p->out + p->n, s, n);
	p->n += n;
}

static void
put_name(struct print *p, const char *name, bool whole)
{
	put(p, name, whole ? strlen(name) : 3);
}

/* v with exactly `width` digits, filled up with pad. */
static void
put_int(struct print *p, int v, int width, char pad)
{
	char text[8];

	for (int i = width - 1; i >= 0; i--, v /= 10)
		text[i] = v == 0 && i < width - 1 ? pad : (char)('0' + v % 10);
	put(p, text, (size_t)width);
}

/* The year and week of ISO 8601: a week belongs to the year that has its Thursday. */
static void
iso_week(const struct civil *c, int *year, int *week)
{
	int thursday = c->yday - (c->wday + 6) % 7 + 3; /* yday of this week's Thursday */
	int days = time_leap((unsigned)c->year) ? 366 : 365;

	*year = c->year;
	if (thursday < 0) {
		*year = c->year - 1;
		thursday += time_leap((unsigned)(c->year + 399)) ? 366 : 365;
	} else if (thursday >= days) {
		*year = c->year + 1;
		thursday -= days;
	}
	*week = thursday / 7 + 1;
}

static void put_format(struct print *p, const char *fmt, size_t n);

static void
put_iso_week(struct print *p, char conversion)
{
	int year, week;

	iso_week(&p->c, &year, &week);
	if (conversion == 'V')
		put_int(p, week, 2, '0');
	else if (year < 0 || year > 9999)
		p->bad = true;
	else
		put_int(p, year, 4, '0');
}

static void
put_epoch(struct print *p)
{
	char text[NUM_PRINT_MAX];
	int64_t s = p->ms / SECOND_MS - (p->ms % SECOND_MS < 0);

	put(p, text, num_print_i64(s, text));
}

static void
put_conversion(struct print *p, char conversion)
{
	const struct civil *c = &p->c;
	const char *sub;

	switch (conversion) {
	case 'Y': put_int(p, c->year, 4, '0'); return;
	case 'y': put_int(p, c->year % 100, 2, '0'); return;
	case 'm': put_int(p, c->mon, 2, '0'); return;
	case 'd': put_int(p, c->day, 2, '0'); return;
	case 'e': put_int(p, c->day, 2, ' '); return;
	case 'j': put_int(p, c->yday + 1, 3, '0'); return;
	case 'b': put_name(p, months[c->mon - 1], false); return;
	case 'B': put_name(p, months[c->mon - 1], true); return;
	case 'a': put_name(p, weekdays[c->wday], false); return;
	case 'A': put_name(p, weekdays[c->wday], true); return;
	case 'H': put_int(p, c->hour, 2, '0'); return;
	case 'I': put_int(p, (c->hour + 11) % 12 + 1, 2, '0'); return;
	case 'p': put(p, c->hour < 12 ? "AM" : "PM", 2); return;
	case 'M': put_int(p, c->min, 2, '0'); return;
	case 'S': put_int(p, c->sec, 2, '0'); return;
	case 'f': put_int(p, c->ms * 1000, 6, '0'); return;
	case 'L': put_int(p, c->ms, 3, '0'); return;
	case 'u': put_int(p, (c->wday + 6) % 7 + 1, 1, '0'); return;
	case 'w': put_int(p, c->wday, 1, '0'); return;
	case 'U': put_int(p, (c->yday + 7 - c->wday) / 7, 2, '0'); return;
	case 'G':
	case 'V': put_iso_week(p, conversion); return;
	case 'z': put(p, "+0000", 5); return;
	case 'Z': put(p, "UTC", 3); return;
	case 's': put_epoch(p); return;
	case '%': put(p, "%", 1); return;
	case 'n': put(p, "\n", 1); return;
	case 't': put(p, "\t", 1); return;
	default: break;
	}
	if ((sub = composite(conversion)) != NULL)
		put_format(p, sub, strlen(sub));
	else
		p->bad = true;
}

static void
put_format(struct print *p, const char *fmt, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fmt[i] != '%')
			put(p, fmt + i, 1);
		else if (++i == n)
			p->bad = true;
		else
			put_conversion(p, fmt[i]);
	}
}

int
time_strftime(int64_t ms, const char *fmt, size_t fmtlen, char *out, size_t cap)
{
	struct print p = { .out = out, .cap = cap, .ms = ms };

	if (!time_in_bounds(ms))
		return -1;
	time_civil(ms, &p.c);
	put_format(&p, fmt, fmtlen);
	return p.bad || p.n > INT32_MAX ? -1 : (int)p.n;
}
