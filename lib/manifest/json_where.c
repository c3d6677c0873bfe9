/*
 * json_where: where a value stands in a JSON text that is known to be valid.  jansson does not keep
 * places, and errors name them; this is for the error path alone.
 */
#include "manifest/manifest_internal.h"

struct walk {
	const char *s;
	size_t n, at;
};

static void
blanks(struct walk *w)
{
	while (w->at < w->n && strchr(" \t\r\n,:", w->s[w->at]) != NULL)
		w->at++;
}

static void
skip_string(struct walk *w)
{
	for (w->at++; w->at < w->n && w->s[w->at] != '"'; w->at++)
		if (w->s[w->at] == '\\')
			w->at++;
	w->at++;
}

static void
skip_value(struct walk *w)
{
	unsigned depth = 0;

	do {
		blanks(w);
		switch (w->at < w->n ? w->s[w->at] : '\0') {
		case '"': skip_string(w); break;
		case '{':
		case '[':
			depth++;
			w->at++;
			break;
		case '}':
		case ']':
			depth--;
			w->at++;
			break;
		default:
			while (w->at < w->n && strchr(" \t\r\n,:]}", w->s[w->at]) == NULL)
				w->at++;
		}
	} while (depth > 0 && w->at < w->n);
}

/* From an object to the member `key`: its name, or its value.  false: it is not found as it stands
 * (it may be written with escapes). */
static bool
enter_member(struct walk *w, const char *key, size_t n, bool value)
{
	size_t begin;

	for (w->at++; blanks(w), w->at < w->n && w->s[w->at] == '"'; skip_value(w)) {
		begin = w->at;
		skip_string(w);
		if (w->at - begin != n + 2 || memcmp(w->s + begin + 1, key, n) != 0)
			continue;
		if (!value)
			w->at = begin;
		blanks(w);
		return true;
	}
	return false;
}

static bool
enter_element(struct walk *w, unsigned long i)
{
	for (w->at++; blanks(w), w->at < w->n && w->s[w->at] != ']'; skip_value(w))
		if (i-- == 0)
			return true;
	return false;
}

size_t
json_where(const char *s, size_t n, const char *path, const char *key)
{
	struct walk w = { s, n, 0 };
	size_t found, len;
	char *end;
	bool ok = true;

	blanks(&w);
	for (found = w.at; ok && *path != '\0'; found = ok ? w.at : found) {
		if (*path == '[') {
			ok = enter_element(&w, strtoul(path + 1, &end, 10));
			path = end + 1;
		} else {
			path += *path == '.';
			len = strcspn(path, ".[");
			ok = enter_member(&w, path, len, true);
			path += len;
		}
	}
	if (ok && key != NULL && enter_member(&w, key, strlen(key), false))
		found = w.at;
	return found;
}
