/* only: see only.h. */
#include "fmt/only.h"

#include <string.h>

bool
fmt_wants(const struct fmt_only *only, const char *name, size_t n)
{
	if (only == NULL)
		return true;
	for (unsigned i = 0; i < only->n; i++) {
		if (strlen(only->name[i]) == n && memcmp(only->name[i], name, n) == 0)
			return true;
	}
	if (only->dropped != NULL)
		schema_add(only->dropped, name, n);
	return false;
}
