/* child: see child.h. */
#include "sup/child.h"

#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "fio/proc.h"

int
child_program(const char *word, struct buf *path)
{
	const char *dir = fio_exe_dir();
	struct stat st;
	int rc;

	if (strchr(word, '/') == NULL && dir != NULL) {
		if ((rc = buf_printf(path, "%s%s", dir, word)) != 0)
			return rc;
		if (buf_cstr(path) == NULL)
			return FERR_NOMEM;
		if (fio_stat((const char *)path->p, &st) == 0)
			return 0;
		path->n = 0;
	}
	if ((rc = buf_puts(path, word)) != 0)
		return rc;
	return buf_cstr(path) != NULL ? 0 : FERR_NOMEM;
}

int
child_env(char ***out, char *const add[2])
{
	size_t n = 0, k = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	if ((env = calloc(n + 3, sizeof(*env))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ[i], "FSTATE=", 7) != 0 &&
		    strncmp(environ[i], "FJORD_STDOUT=", 13) != 0)
			env[k++] = environ[i];
	}
	for (int i = 0; i < 2 && add[i] != NULL; i++)
		env[k++] = add[i];
	*out = env;
	return 0;
}
