/* copy: see copy.h. */
#include "store/copy.h"

#include <fcntl.h>

#include "fio/fio.h"

#define PIECE (1u << 20)

static int
copy_bytes(int in, int out, const char *from, const char *name)
{
	struct buf b = BUF_INIT;
	ssize_t k = 1;
	int rc = buf_room(&b, PIECE);

	while (rc == 0 && (k = fio_read(in, b.p, PIECE)) > 0) {
		if (fio_write_all(out, b.p, (size_t)k) == -1)
			rc = ferr_sys(FERR_IO, "copying %s/%s", from, name);
	}
	if (rc == 0 && k == -1)
		rc = ferr_sys(FERR_IO, "reading %s/%s", from, name);
	if (rc == 0 && fio_fsync(out) == -1)
		rc = ferr_sys(FERR_IO, "copying %s/%s", from, name);
	buf_fini(&b);
	return rc;
}

int
store_copy(const char *from, const char *name, const char *to)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct stat sa, sb;
	int in = -1, out = -1, rc;

	if ((rc = buf_printf(&a, "%s/%s", from, name)) == 0 &&
	    (rc = buf_printf(&b, "%s/%s", to, name)) == 0 &&
	    (buf_cstr(&a) == NULL || buf_cstr(&b) == NULL))
		rc = FERR_NOMEM;
	if (rc == 0 &&
	    ((in = fio_open((const char *)a.p, O_RDONLY, 0)) == -1 || fio_fstat(in, &sa) == -1))
		rc = ferr_sys(FERR_LOST, "cannot read %s", (const char *)a.p);
	if (rc == 0 && fio_stat((const char *)b.p, &sb) == 0 && sb.st_size == sa.st_size)
		goto out;
	if (rc == 0 &&
	    (out = fio_open((const char *)b.p, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		rc = ferr_sys(FERR_IO, "cannot write %s", (const char *)b.p);
	if (rc == 0 && (rc = copy_bytes(in, out, from, name)) == 0) {
		*strrchr((char *)b.p, '/') = '\0';
		if (fio_sync_dir((const char *)b.p) == -1)
			rc = ferr_sys(FERR_IO, "%s", (const char *)b.p);
	}
out:
	if (in != -1)
		fio_close(in);
	if (out != -1 && fio_close(out) == -1 && rc == 0)
		rc = ferr_sys(FERR_IO, "cannot write %s", (const char *)b.p);
	buf_fini(&a);
	buf_fini(&b);
	return rc;
}
