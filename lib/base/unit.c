/* unit: see unit.h. */
#include "base/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit durations[] = { /* largest first */
					 { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
					 { "s", 1000 },	    { "ms", 1 },      { NULL, 0 }
};

static const struct unit sizes[] = { { "B", 1 },
				     { "KB", 1000 },
				     { "MB", 1000000 },
				     { "GB", 1000000000 },
				     { "TB", 1000000000000 },
				     { "KiB", 1ULL << 10 },
				     { "MiB", 1ULL << 20 },
				     { "GiB", 1ULL << 30 },
				     { "TiB", 1ULL << 40 },
				     { NULL, 0 } };

#define DURATION_HINT "write it like 250ms, 5s, 1h30m or 7d"
#define SIZE_HINT "write it like 64KiB or 10MB"

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Digits, maybe with a fraction. */
struct decimal {
	uint64_t whole, frac, scale; /* whole + frac/scale */
};

/* Bytes used at the head of s[0..n); 0 if there is no number or it is too long to be kept. */
static size_t
decimal_scan(const char *s, size_t n, struct decimal *d)
{
	size_t i = 0;

	*d = (struct decimal){ 0, 0, 1 };
	for (; i < n && digit(s[i]); i++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, (uint64_t)(s[i] - '0'), &d->whole))
			return 0;
	if (i == 0 || i + 1 >= n || s[i] != '.' || !digit(s[i + 1]))
		return i;
	for (i++; i < n && digit(s[i]); i++) {
		if (d->scale >= 1000000000000000000ULL)
			return 0;
		d->frac = d->frac * 10 + (uint64_t)(s[i] - '0');
		d->scale *= 10;
	}
	return i;
}

/* d units of a size as a whole number; false if it is none or does not fit. */
static bool
decimal_times(const struct decimal *d, uint64_t unit, uint64_t *out)
{
	unsigned __int128 part = (unsigned __int128)d->frac * unit;
	unsigned __int128 all = (unsigned __int128)d->whole * unit + part / d->scale;

	if (part % d->scale != 0 || all > UINT64_MAX)
		return false;
	*out = (uint64_t)all;
	return true;
}

static const struct unit *
unit_find(const struct unit *units, const char *s, size_t n)
{
	for (; units->name != NULL; units++)
		if (strlen(units->name) == n && memcmp(units->name, s, n) == 0)
			return units;
	return NULL;
}

/* Length of the unit's name at the head of s[0..n). */
static size_t
unit_span(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && letter(s[i]))
		i++;
	return i;
}

int
unit_duration(const char *s, size_t n, int64_t *ms)
{
	const struct unit *u, *last = NULL;
	struct decimal d;
	char text[QUOTE_MAX];
	uint64_t sum = 0, part;
	size_t i, len, name;
	bool neg;

	quote(s, n, text);
	neg = n > 0 && s[0] == '-';
	i = neg;
	if (i == n)
		return ferr(FERR_USAGE, "%s is not a duration; " DURATION_HINT, text);
	if (n - i == 1 && s[i] == '0') {
		*ms = 0;
		return 0;
	}
	for (; i < n; i += name) {
		if ((len = decimal_scan(s + i, n - i, &d)) == 0)
			return ferr(FERR_USAGE, "%s is not a duration; " DURATION_HINT, text);
		i += len;
		if (i == n && last == NULL)
			return ferr(FERR_USAGE, "%s needs a unit: %.*ss, %.*sm", text,
				    (int)(n < 20 ? n : 20), s, (int)(n < 20 ? n : 20), s);
		if (i == n)
			return ferr(FERR_USAGE, "%s: the last number needs a unit too", text);
		name = unit_span(s + i, n - i);
		if ((u = unit_find(durations, s + i, name)) == NULL)
			return ferr(FERR_USAGE,
				    "%s: '%.*s' is not a unit of time; use ms, s, m, h or d", text,
				    (int)(name < 20 ? name : 20), s + i);
		if (last != NULL && u <= last)
			return ferr(FERR_USAGE, "%s: the larger unit comes first, as in 1h30m",
				    text);
		last = u;
		if (!decimal_times(&d, u->size, &part))
			return ferr(FERR_USAGE, "%s is not a whole number of milliseconds", text);
		if (__builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX)
			return ferr(FERR_USAGE, "%s is too long a time", text);
	}
	*ms = neg ? -(int64_t)sum : (int64_t)sum;
	return 0;
}

int
unit_size(const char *s, uint64_t *bytes)
{
	const char *names[sizeof(sizes) / sizeof(sizes[0])], *near;
	size_t n = strlen(s), len, count = 0;
	const struct unit *u;
	struct decimal d;
	char text[QUOTE_MAX];

	quote(s, n, text);
	if (strcmp(s, "0") == 0) {
		*bytes = 0;
		return 0;
	}
	if ((len = decimal_scan(s, n, &d)) == 0)
		return ferr(FERR_USAGE, "%s is not a size; " SIZE_HINT, text);
	if (len == n)
		return ferr(FERR_USAGE, "%s needs a unit: %.20sMiB, %.20sMB", text, s, s);
	if ((u = unit_find(sizes, s + len, n - len)) == NULL) {
		for (u = sizes; u->name != NULL; u++)
			names[count++] = u->name;
		if (n - len >= 2 && (near = near_word(s + len, names, count)) != NULL)
			return ferr(FERR_USAGE, "%s is not a size; did you mean %.*s%s?", text,
				    (int)(len < 20 ? len : 20), s, near);
		return ferr(FERR_USAGE, "%s is not a size; " SIZE_HINT, text);
	}
	if (!decimal_times(&d, u->size, bytes))
		return ferr(FERR_USAGE, "%s is not a whole number of bytes below 16 EiB", text);
	return 0;
}

int
unit_int(const char *s, const char *what, int64_t lo, int64_t hi, int64_t *out)
{
	bool neg = s[0] == '-';
	const char *p = s + neg;
	char text[QUOTE_MAX];
	int64_t v = 0;
	bool ok = digit(*p);

	for (; ok && *p != '\0'; p++) {
		int64_t d = neg ? '0' - *p : *p - '0';

		ok = digit(*p) && !__builtin_mul_overflow(v, 10, &v) &&
		     !__builtin_add_overflow(v, d, &v);
	}
	if (ok && v >= lo && v <= hi) {
		*out = v;
		return 0;
	}
	quote(s, strlen(s), text);
	if (hi == INT64_MAX)
		return ferr(FERR_USAGE, "%s must be a whole number, at least %lld, not %s", what,
			    (long long)lo, text);
	return ferr(FERR_USAGE, "%s must be a whole number from %lld to %lld, not %s", what,
		    (long long)lo, (long long)hi, text);
}

const char *
unit_print_duration(int64_t ms, char *out)
{
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	unsigned frac;
	char *p = out;
	int width = 3;

	if (ms == 0)
		return strcpy(out, "0s");
	if (ms < 0)
		*p++ = '-';
	for (const struct unit *u = durations; u->size >= 60000; u++) {
		if (left >= u->size)
			p += sprintf(p, "%llu%s", (unsigned long long)(left / u->size), u->name);
		left %= u->size;
	}
	frac = (unsigned)(left % 1000);
	if (left < 1000 && frac != 0) {
		sprintf(p, "%ums", frac);
	} else if (frac != 0) { /* 1.5s, without zeros at the end */
		for (; frac % 10 == 0; frac /= 10)
			width--;
		sprintf(p, "%u.%0*us", (unsigned)(left / 1000), width, frac);
	} else if (left != 0) {
		sprintf(p, "%us", (unsigned)(left / 1000));
	}
	return out;
}
