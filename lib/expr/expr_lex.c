/* expr_lex: tokens of the expression language, and messages that show the place.  See cli.md,
 * "Expressions". */
#include "expr/expr_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "base/text.h"
#include "base/unit.h"

#define FAIL(l, at, ...) expr_fail((l)->s, (l)->n, (at), __VA_ARGS__)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
	       (c & 0x80) != 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t
expr_name_len(const char *s, size_t n)
{
	size_t i = 0;

	if (n == 0 || is_digit(s[0]))
		return 0;
	while (i < n && is_name(s[i]))
		i++;
	return i;
}

/* Of a long line show this many code points on each side of the place. */
#define SHOW 60

int
expr_fail(const char *text, size_t n, size_t at, const char *fmt, ...)
{
	char msg[600], line[SHOW * 2 * 4 + 16];
	size_t from = at, to = at, before, k = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	while (from > 0 && text[from - 1] != '\n')
		from--;
	while (to < n && text[to] != '\n')
		to++;
	before = utf8_count(text + from, at - from);
	if (before > SHOW) {
		from += utf8_index(text + from, at - from, before - SHOW);
		memcpy(line, "...", k = 3);
		before = SHOW + 3;
	}
	to = from + utf8_index(text + from, to - from, before - k + SHOW);
	for (size_t i = from; i < to; i++)
		line[k++] = (uint8_t)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
	if (to < n && text[to] != '\n') {
		memcpy(line + k, "...", 3);
		k += 3;
	}
	return ferr(FERR_USAGE, "%s\n  %.*s\n  %*s^", msg, (int)k, line, (int)before, "");
}

/* -- text literals --------------------------------------------------------------------------- */

static size_t
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Four hex digits at s[at..), or -1. */
static int32_t
hex4(const char *s, size_t n, size_t at)
{
	int32_t v = 0;

	if (n - at < 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = s[i] | 0x20;

		if (is_digit(s[i]))
			v = v * 16 + (s[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v * 16 + (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* \uXXXX, or two of them for what is above U+FFFF; *i stands on the 'u' and moves behind the
 * digits. */
static int
lex_unicode(struct lexer *l, size_t *i, char *out, size_t *k)
{
	int32_t c = hex4(l->s, l->n, *i + 1), d;
	size_t at = *i - 1;

	if (c < 0)
		return FAIL(l, at, "\\u needs four hex digits");
	*i += 5;
	if (c >= 0xd800 && c < 0xdc00 && l->n - *i >= 6 && l->s[*i] == '\\' &&
	    l->s[*i + 1] == 'u' && (d = hex4(l->s, l->n, *i + 2)) >= 0xdc00 && d < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
		*i += 6;
	}
	if (c >= 0xd800 && c < 0xe000)
		return FAIL(l, at, "a lone surrogate is not a character");
	*k += put_utf8(out + *k, (uint32_t)c);
	return 0;
}

/*
 * A quoted text; l->at is on the quote.  A backslash before any other character stays, so that
 * a regular expression may be written "\d+" as well as "\\d+".
 */
static int
lex_string(struct lexer *l, struct val *v)
{
	static const char from[] = "ntr\\\"'/", to[] = "\n\t\r\\\"'/";
	size_t open = l->at, i = open + 1, k = 0;
	char quote = l->s[open], *out;
	const char *esc;
	int rc;

	while (i < l->n && l->s[i] != quote)
		i += l->s[i] == '\\' ? 2 : 1;
	if (i >= l->n)
		return FAIL(l, open, "the text has no closing %c", quote);
	if ((out = expr_keep(l->e, NULL, i - open)) == NULL)
		return FERR_NOMEM;
	for (i = open + 1; l->s[i] != quote;) {
		if (l->s[i] != '\\') {
			out[k++] = l->s[i++];
		} else if (l->s[++i] == 'u') {
			if ((rc = lex_unicode(l, &i, out, &k)) != 0)
				return rc;
		} else if ((esc = memchr(from, l->s[i], sizeof(from) - 1)) != NULL) {
			out[k++] = to[esc - from];
			i++;
		} else {
			out[k++] = '\\';
			out[k++] = l->s[i++];
		}
	}
	out[k] = '\0';
	l->at = i + 1;
	*v = val_text(VAL_STR, out, k);
	return 0;
}

/* -- numbers, durations, times --------------------------------------------------------------- */

/* Do the next bytes look like pattern?  'd' is a digit, anything else itself. */
static bool
looks(const struct lexer *l, size_t at, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, at++) {
		if (at >= l->n)
			return false;
		if (*pattern == 'd' ? !is_digit(l->s[at]) : l->s[at] != *pattern)
			return false;
	}
	return true;
}

/* The end of a time that begins with a date at `at`. */
static size_t
time_end(const struct lexer *l, size_t at)
{
	at += 10;
	if (at >= l->n || strchr("Tt ", l->s[at]) == NULL || !looks(l, at + 1, "dd:dd"))
		return at;
	at += 6;
	if (looks(l, at, ":dd"))
		at += 3;
	if (looks(l, at, ".d"))
		for (at++; at < l->n && is_digit(l->s[at]);)
			at++;
	if (at < l->n && (l->s[at] == 'Z' || l->s[at] == 'z'))
		return at + 1;
	if (looks(l, at, "+dd:dd") || looks(l, at, "-dd:dd"))
		return at + 6;
	return at;
}

/* A number, a duration or a time, which all begin with a digit. */
static int
lex_number(struct lexer *l, struct val *v)
{
	size_t at = l->at, end = at, used;
	const char *s = l->s + at;
	struct num num;
	int64_t ms;

	if (looks(l, at, "dddd-dd-dd")) {
		l->at = time_end(l, at);
		if (!time_parse(s, l->at - at, NULL, NULL, &ms))
			return FAIL(l, at, "'%.*s' is not a time", (int)(l->at - at), s);
		*v = val_time(ms);
		return 0;
	}
	while (end < l->n && (is_name(l->s[end]) || looks(l, end, ".d")))
		end++;
	used = num_parse(s, l->n - at, &num);
	if (used >= end - at) {
		l->at += used;
		if (num.kind == NUM_I64)
			*v = val_i64(num.i);
		else if (num.kind == NUM_F64)
			*v = val_f64(num.f);
		else
			*v = val_text(VAL_JSON, s, used);
		return 0;
	}
	if (unit_duration(s, end - at, &ms) != 0)
		return FAIL(l, at, "'%.*s' is not a number or a duration (250ms, 5s, 1h30m, 7d)",
			    (int)(end - at > 60 ? 60 : end - at), s);
	*v = val_i64(ms);
	l->at = end;
	return 0;
}

/* @1704448800: a time as a number, by magnitude. */
static int
lex_at(struct lexer *l, struct val *v)
{
	size_t at = l->at++, used;
	struct num num;
	int64_t ms;

	used = num_parse(l->s + l->at, l->n - l->at, &num);
	l->at += used;
	if (used == 0)
		return FAIL(l, at, "'@' needs a number behind it, as in @1704448800");
	if (!(num.kind == NUM_I64 && time_of_i64(num.i, &ms)) &&
	    !(num.kind == NUM_F64 && time_of_f64(num.f, &ms)))
		return FAIL(l, at, "'@%.*s' is not a time", (int)(used > 60 ? 60 : used),
			    l->s + at + 1);
	*v = val_time(ms);
	return 0;
}

/* -- words and signs ------------------------------------------------------------------------- */

static int
word_type(const char *s, size_t n, struct val *v)
{
	static const struct {
		const char *word;
		int t;
		struct val v;
	} words[] = {
		{ "and", T_AND, VAL_NULLV },
		{ "or", T_OR, VAL_NULLV },
		{ "not", '!', VAL_NULLV },
		{ "in", T_IN, VAL_NULLV },
		{ "if", T_IF, VAL_NULLV },
		{ "then", T_THEN, VAL_NULLV },
		{ "elif", T_ELIF, VAL_NULLV },
		{ "else", T_ELSE, VAL_NULLV },
		{ "end", T_FI, VAL_NULLV },
		{ "null", T_VALUE, VAL_NULLV },
		{ "true", T_VALUE, { .t = VAL_BOOL, .i = 1 } },
		{ "false", T_VALUE, { .t = VAL_BOOL, .i = 0 } },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == n && memcmp(words[i].word, s, n) == 0) {
			*v = words[i].v;
			return words[i].t;
		}
	return T_NAME;
}

static int
sign_type(const struct lexer *l)
{
	static const struct {
		char a, b;
		int t;
	} signs[] = {
		{ '=', '=', T_EQ },    { '!', '=', T_NE },	  { '<', '=', T_LE },
		{ '>', '=', T_GE },    { '&', '&', T_AND },	  { '|', '|', T_OR },
		{ '=', '~', T_MATCH }, { '?', '?', T_ELSE_NULL },
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (l->s[l->at] == signs[i].a && l->at + 1 < l->n && l->s[l->at + 1] == signs[i].b)
			return signs[i].t;
	return (uint8_t)l->s[l->at];
}

int
expr_lex_next(struct lexer *l)
{
	struct token *t = &l->tok;
	size_t k;
	int rc = 0;
	char c;

	l->end = l->at;
	while (l->at < l->n && is_blank(l->s[l->at]))
		l->at++;
	*t = (struct token){ .at = l->at };
	if (l->at >= l->n) {
		t->t = T_END;
		t->end = l->at;
		return 0;
	}
	c = l->s[l->at];
	if ((k = expr_name_len(l->s + l->at, l->n - l->at)) != 0) {
		t->t = word_type(l->s + l->at, k, &t->v);
		l->at += k;
	} else if (is_digit(c) || c == '@' || c == '"' || c == '\'') {
		t->t = T_VALUE;
		rc = is_digit(c) ? lex_number(l, &t->v)
		     : c == '@'	 ? lex_at(l, &t->v)
				 : lex_string(l, &t->v);
	} else if (c < ' ' || c == 0x7f) {
		rc = FAIL(l, l->at, "a control character (byte %d) stands in the expression", c);
	} else {
		t->t = sign_type(l);
		l->at += t->t >= T_NAME ? 2 : 1;
	}
	t->end = l->at;
	return rc;
}

/* Where nothing but a path can stand, no sign is an operator and no digit a number. */
static size_t
path_name_len(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (is_name(s[i]) || (s[i] != '\0' && strchr("-$@:/#+%", s[i]) != NULL)))
		i++;
	return i;
}

int
expr_lex_member(struct lexer *l, const char **name, size_t *n)
{
	struct val v;
	int rc;

	if (l->at < l->n && (l->s[l->at] == '"' || l->s[l->at] == '\'')) {
		if ((rc = lex_string(l, &v)) != 0)
			return rc;
		*name = v.s;
		*n = v.n;
		return 0;
	}
	*n = (l->e->flags & EXPR_PATH) != 0 ? path_name_len(l->s + l->at, l->n - l->at)
					    : expr_name_len(l->s + l->at, l->n - l->at);
	if (*n == 0) {
		if (l->at < l->n && is_digit(l->s[l->at]))
			return FAIL(l, l->at,
				    "a name does not begin with a digit: write .\"5x\" for a "
				    "field, 0.5 for a number");
		return FAIL(l, l->at, "a field name is missing behind '.'");
	}
	if ((*name = expr_keep(l->e, l->s + l->at, *n)) == NULL)
		return FERR_NOMEM;
	l->at += *n;
	return 0;
}
