/* paths: see paths.h. */
#include "conn/paths.h"

#include <stdlib.h>
#include <string.h>

#include "fio/fio.h"

bool
paths_many(const char *word)
{
	size_t n = strlen(word);
	struct stat st;

	if (n > 0 && word[n - 1] == '/')
		return true;
	return strpbrk(word, "*?[") != NULL && fio_stat(word, &st) != 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory, sorted; the caller frees them. */
static int
list(const char *dir, char ***out, size_t *n)
{
	struct dirent *e;
	char **names = NULL, **grown;
	size_t cap = 0;
	DIR *d = fio_opendir(dir);

	*n = 0;
	if (d == NULL)
		return ferr_sys(FERR_USAGE, "cannot read %s", dir);
	while ((e = fio_readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (*n == cap) {
			cap = cap != 0 ? 2 * cap : 64;
			if ((grown = realloc(names, cap * sizeof(*names))) == NULL)
				goto nomem;
			names = grown;
		}
		if ((names[*n] = strdup(e->d_name)) == NULL)
			goto nomem;
		++*n;
	}
	fio_closedir(d);
	if (*n > 1)
		qsort(names, *n, sizeof(*names), by_name);
	*out = names;
	return 0;
nomem:
	fio_closedir(d);
	while (*n > 0)
		free(names[--*n]);
	free(names);
	return ferr(FERR_NOMEM, "out of memory");
}

static int
walk(const char *dir, int (*fn)(void *cookie, const char *path), void *cookie)
{
	struct buf path = BUF_INIT;
	struct stat st;
	char **names = NULL;
	size_t n;
	int rc = list(dir, &names, &n);

	for (size_t i = 0; i < n && rc == 0; i++) {
		path.n = 0;
		if ((rc = buf_printf(&path, "%s%s", dir, names[i])) != 0 || buf_cstr(&path) == NULL)
			break;
		if (fio_stat((const char *)path.p, &st) != 0)
			continue; /* gone since */
		if (S_ISDIR(st.st_mode))
			rc = buf_putc(&path, '/') == 0 && buf_cstr(&path) != NULL
				 ? walk((const char *)path.p, fn, cookie)
				 : FERR_NOMEM;
		else
			rc = fn(cookie, (const char *)path.p);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	buf_fini(&path);
	return rc;
}

int
paths_each(const char *word, int (*fn)(void *cookie, const char *path), void *cookie)
{
	if (!paths_many(word))
		return fn(cookie, word);
	if (word[strlen(word) - 1] == '/')
		return walk(word, fn, cookie);
	return fio_glob(word, fn, cookie);
}

bool
paths_beside(const char *path, const char *log)
{
	size_t n = strlen(log);

	return strncmp(path, log, n) == 0 && (path[n] == '.' || path[n] == '-') &&
	       strchr(path + n, '/') == NULL;
}

bool
paths_rotated(const char *path, const char *base)
{
	size_t n = strlen(base);

	return paths_beside(path, base) && path[n + 1] >= '0' && path[n + 1] <= '9';
}
