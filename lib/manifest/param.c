/* param: the values of ${NAME}.  See manifest_internal.h. */
#include "manifest/manifest_internal.h"

int
params_init(struct params *p, const struct job_param *v, unsigned n)
{
	*p = (struct params){ .v = v, .n = n };
	for (unsigned i = 0; i < n; i++)
		if (!utf8_ok((const uint8_t *)v[i].value, strlen(v[i].value)))
			return ferr(FERR_USAGE, "--param %s: its value is not UTF-8", v[i].name);
	if ((p->used = calloc(n + 1, sizeof(*p->used))) == NULL)
		return no_memory();
	return 0;
}

void
params_fini(struct params *p)
{
	free(p->used);
	*p = (struct params){ 0 };
}

const char *
params_find(struct params *p, const char *name, size_t n)
{
	const char *value = NULL;

	/* Of one given twice the last counts, and all of them are used. */
	for (unsigned i = 0; i < p->n; i++) {
		if (strlen(p->v[i].name) != n || memcmp(p->v[i].name, name, n) != 0)
			continue;
		p->used[i] = true;
		value = p->v[i].value;
	}
	return value;
}

int
params_unknown(const struct params *p, const char *name, size_t n)
{
	const char **names = calloc(p->n + 1, sizeof(*names)), *near;
	char word[64];
	int rc, len = n < 60 ? (int)n : 60;

	if (names == NULL)
		return no_memory();
	for (unsigned i = 0; i < p->n; i++)
		names[i] = p->v[i].name;
	memcpy(word, name, (size_t)len);
	word[len] = '\0';
	if ((near = near_word(word, names, p->n)) != NULL)
		rc = ferr(FERR_USAGE, "${%s} has no value; did you mean ${%s}?", word, near);
	else
		rc = ferr(FERR_USAGE, "${%s} has no value: give it one with --param %s=VALUE", word,
			  word);
	free(names);
	return rc;
}

int
params_all_used(const struct params *p, const char *what)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!p->used[i])
			return ferr(FERR_USAGE,
				    "--param %s: %s has no ${%s}; leave it out, or look for a "
				    "misspelt name",
				    p->v[i].name, what, p->v[i].name);
	return 0;
}

size_t
param_name_len(const char *s, size_t n)
{
	size_t i = 0;

	if (n == 0 || (s[0] >= '0' && s[0] <= '9'))
		return 0;
	while (i < n && ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
			 (s[i] >= '0' && s[i] <= '9') || s[i] == '_'))
		i++;
	return i;
}
