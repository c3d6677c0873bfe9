/*
 * base_files: the files of the local copy, and its lock; see base_internal.h.  Without LMDB, for
 * whoever only removes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "state/base_internal.h"

static int
join(char **out, const char *dir, const char *name)
{
	struct buf b = BUF_INIT;

	if (buf_printf(&b, "%s/%s", dir, name) == 0 && buf_cstr(&b) != NULL)
		*out = strdup((const char *)b.p);
	buf_fini(&b);
	return *out != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

int
base_files_init(struct base_files *f, const char *local)
{
	int rc;

	*f = (struct base_files){ .local = strdup(local) };
	if (f->local == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	else if ((rc = join(&f->dir, local, "base")) == 0 &&
		 (rc = join(&f->data, f->dir, "data")) == 0)
		rc = join(&f->lock, f->dir, "lock");
	if (rc != 0)
		base_files_fini(f);
	return rc;
}

void
base_files_fini(struct base_files *f)
{
	free(f->local);
	free(f->dir);
	free(f->data);
	free(f->lock);
	*f = (struct base_files){ 0 };
}

static int
open_lock(const struct base_files *f, bool make)
{
	if (!make)
		return fio_open(f->lock, O_RDWR, 0);
	if (fio_mkdirat(AT_FDCWD, f->local, 0700) == -1 ||
	    fio_mkdirat(AT_FDCWD, f->dir, 0700) == -1)
		return -1;
	return fio_open(f->lock, O_RDWR | O_CREAT, 0600);
}

int
base_files_lock(const struct base_files *f, bool make, int *out)
{
	int fd = open_lock(f, make);
	struct stat st;

	if (fd == -1)
		return ferr_sys(!make && errno == ENOENT ? FERR_LOST : FERR_IO, "cannot open %s",
				f->lock);
	/* One without a name any more was dropped by who held it; the next one locks a new file. */
	if (fio_flock(fd, true) == -1 || fio_fstat(fd, &st) == -1 || st.st_nlink == 0) {
		fio_close(fd);
		return ferr(FERR_FENCED, "%s is held by another process", f->lock);
	}
	*out = fd;
	return 0;
}

int
base_files_remove(const struct base_files *f)
{
	int rc = 0;

	if (fio_unlinkat(AT_FDCWD, f->data) == -1 && errno != ENOENT && errno != ENOTDIR)
		rc = ferr_sys(FERR_IO, "cannot remove %s", f->data);
	fio_unlinkat(AT_FDCWD, f->lock);
	fio_rmdir(f->dir);
	fio_rmdir(f->local);
	return rc;
}

int
base_remove(const char *local)
{
	struct base_files f;
	int rc = base_files_init(&f, local);

	if (rc == 0) {
		rc = base_files_remove(&f);
		base_files_fini(&f);
	}
	return rc;
}
