/* rescaled: see rescaled.h. */
#include "sup/rescaled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

#define FILE_MAX (1u << 20)

int
rescaled_note(const char *dir, const struct job *j)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	for (unsigned i = 0; i < j->nstages && rc == 0; i++) {
		if (j->stage[i].facts.parallel > 0)
			rc = buf_printf(&b, "%s %" PRId64 "\n", j->stage[i].name,
					j->stage[i].facts.parallel);
	}
	if (rc == 0)
		rc = store_replace(dir, "rescaled", b.p, b.n);
	buf_fini(&b);
	return rc;
}

int
rescaled_apply(const char *dir, struct job *j, bool atleast)
{
	struct buf b = BUF_INIT;
	char *line, *save = NULL, *space;
	bool any = false;
	int rc = store_read(dir, "rescaled", FILE_MAX, &b);

	if (rc == 0 && buf_cstr(&b) == NULL)
		rc = FERR_NOMEM;
	for (line = rc == 0 ? strtok_r((char *)b.p, "\n", &save) : NULL; line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if ((space = strchr(line, ' ')) == NULL)
			continue;
		*space = '\0';
		for (unsigned i = 0; i < j->nstages; i++) {
			if (strcmp(j->stage[i].name, line) != 0)
				continue;
			j->stage[i].facts.parallel = strtoll(space + 1, NULL, 10);
			any = true;
		}
	}
	buf_fini(&b);
	if (rc != 0)
		return rc == FERR_LOST ? 0 : rc;
	return any ? job_plan(j, 0, atleast) : 0;
}
