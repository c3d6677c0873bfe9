/* names: see names.h. */
#include "expr/names.h"

#include <stdlib.h>
#include <string.h>

#include "expr/expr.h"

void
names_fini(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct names){ NULL, 0 };
}

int
names_find(const struct names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i], name) == 0)
			return (int)i;
	}
	return -1;
}

static int
add_name(void *cookie, const char *piece, size_t n)
{
	struct names *s = cookie;
	struct expr *e = NULL;
	const char *last, *joined;
	char **v;
	int rc;

	while (n > 0 && *piece == ' ') {
		piece++;
		n--;
	}
	if (n == 0)
		return ferr(FERR_USAGE, "a field name is missing");
	rc = expr_parse(&e, piece, n, EXPR_PATH);
	if (rc == 0 && (!expr_is_path(e, &last, &joined) || strcmp(last, joined) != 0))
		rc = ferr(FERR_USAGE, "'%.*s' is not the name of a field", (int)n, piece);
	if (rc == 0) {
		if ((v = realloc(s->v, (s->n + 1) * sizeof(*v))) == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
		else if ((s->v = v, v[s->n] = strdup(last)) == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
		else
			s->n++;
	}
	expr_free(e);
	return rc;
}

int
names_parse(struct names *out, const char *text)
{
	int rc;

	names_fini(out);
	if ((rc = expr_split(text, ',', add_name, out)) != 0)
		names_fini(out);
	return rc;
}
