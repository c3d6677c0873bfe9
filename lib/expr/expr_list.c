/* expr_list: lists of expressions, `a = EXPR; b = EXPR`, without parsing them. */
#include "expr/expr_internal.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
trim(const char *s, size_t *from, size_t *to)
{
	while (*from < *to && is_blank(s[*from]))
		++*from;
	while (*to > *from && is_blank(s[*to - 1]))
		--*to;
}

/* The end of the quoted text that begins at s[at], or n when it is open. */
static size_t
skip_quoted(const char *s, size_t n, size_t at)
{
	char quote = s[at++];

	while (at < n && s[at] != quote)
		at += s[at] == '\\' ? 2 : 1;
	return at < n ? at + 1 : n + 1;
}

/* Where the piece that begins at s[at] ends: a top-level separator, or n. */
static int
piece_end(const char *s, size_t n, size_t at, char sep, size_t *end)
{
	size_t open[EXPR_NEST_MAX], depth = 0, next;

	for (; at < n; at++) {
		switch (s[at]) {
		case '"':
		case '\'':
			if ((next = skip_quoted(s, n, at)) > n)
				return expr_fail(s, n, at, "the text has no closing %c", s[at]);
			at = next - 1;
			break;
		case '(':
		case '[':
			if (depth == EXPR_NEST_MAX)
				return expr_fail(s, n, at,
						 "the expression is nested deeper than %d",
						 EXPR_NEST_MAX);
			open[depth++] = at;
			break;
		case ')':
		case ']':
			if (depth == 0 || s[open[depth - 1]] != (s[at] == ')' ? '(' : '['))
				return expr_fail(s, n, at, "'%c' closes nothing", s[at]);
			depth--;
			break;
		default:
			if (s[at] == sep && depth == 0) {
				*end = at;
				return 0;
			}
		}
	}
	if (depth > 0)
		return expr_fail(s, n, open[depth - 1], "'%c' is never closed", s[open[depth - 1]]);
	*end = n;
	return 0;
}

int
expr_split(const char *text, char sep, int (*fn)(void *cookie, const char *piece, size_t n),
	   void *cookie)
{
	size_t n = strlen(text), at = 0, end, from, to;
	int rc;

	for (; at <= n; at = end + 1) {
		if ((rc = piece_end(text, n, at, sep, &end)) != 0)
			return rc;
		from = at;
		to = end;
		trim(text, &from, &to);
		if (from == to && end == n)
			return 0;
		if (from == to)
			return expr_fail(text, n, end, "nothing stands before this '%c'", sep);
		if ((rc = fn(cookie, text + from, to - from)) != 0)
			return rc;
	}
	return 0;
}

const char *
expr_assign(const char *piece, size_t n, const char **name, size_t *nname)
{
	size_t at = 0, to = n, end, from;

	trim(piece, &at, &to);
	if (at < to && piece[at] == '.')
		at++;
	from = at;
	if (at < to && (piece[at] == '"' || piece[at] == '\'')) {
		if ((end = skip_quoted(piece, to, at)) > to ||
		    memchr(piece + at, '\\', end - at) != NULL)
			return NULL;
		*name = piece + from + 1;
		*nname = end - from - 2;
	} else {
		end = at + expr_name_len(piece + at, to - at);
		*name = piece + from;
		*nname = end - from;
	}
	while (end < to && is_blank(piece[end]))
		end++;
	if (*nname == 0 || end >= to || piece[end] != '=')
		return NULL;
	if (end + 1 < to && (piece[end + 1] == '=' || piece[end + 1] == '~'))
		return NULL;
	for (end++; end < to && is_blank(piece[end]);)
		end++;
	return piece + end;
}
