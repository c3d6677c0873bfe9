/* zone: see zone.h. */
#include "op/zone.h"

#include "fio/fio.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_MAX (1u << 20)

int
zone_load(struct tz **out, const char *name)
{
	struct buf path = BUF_INIT, b = BUF_INIT;
	int rc;

	if (name[0] == '/' || strstr(name, "..") != NULL || name[0] == '\0')
		return ferr(FERR_USAGE, "'%s' is not a time zone; Europe/Berlin is one", name);
	if ((rc = buf_printf(&path, "%s%s", ZONE_DIR, name)) == 0 && buf_cstr(&path) != NULL &&
	    (rc = fio_slurp((const char *)path.p, ZONE_MAX, &b)) == 0)
		rc = tz_new(out, b.p, b.n);
	if (rc != 0 && rc != FERR_NOMEM)
		rc = ferr(FERR_USAGE,
			  "'%s' is not a time zone that this machine knows (package tzdata)", name);
	buf_fini(&path);
	buf_fini(&b);
	return rc;
}
