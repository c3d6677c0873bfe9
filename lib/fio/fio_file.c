/* fio_file: files and directories.  See fio.h. */
#include "fio/fio_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "fio/fio.h"

int
fio_open(const char *path, int flags, mode_t mode)
{
	flags |= O_CLOEXEC;
	if ((flags & O_CREAT) == 0)
		return RETRY(open(path, flags));
	return STEP("creat", RETRY(open(path, flags, mode)));
}

int
fio_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	flags |= O_CLOEXEC;
	if ((flags & O_CREAT) == 0)
		return RETRY(openat(dirfd, path, flags));
	return STEP("creat", RETRY(openat(dirfd, path, flags, mode)));
}

int
fio_close(int fd)
{
	/* Linux has closed it even when it says EINTR. */
	return close(fd) == -1 && errno != EINTR ? -1 : 0;
}

ssize_t
fio_read(int fd, void *p, size_t n)
{
	FAULT(fd, n);
	return RETRY(read(fd, p, n));
}

ssize_t
fio_write(int fd, const void *p, size_t n)
{
	FAULT(fd, n);
	return STEP_WRITE(fd, RETRY(write(fd, p, n)), write(fd, p, n / 2));
}

ssize_t
fio_pwrite(int fd, const void *p, size_t n, off_t at)
{
	FAULT(fd, n);
	return STEP_WRITE(fd, RETRY(pwrite(fd, p, n, at)), pwrite(fd, p, n / 2, at));
}

ssize_t
fio_pread(int fd, void *p, size_t n, off_t at)
{
	return RETRY(pread(fd, p, n, at));
}

int
fio_ftruncate(int fd, off_t n)
{
	return STEP("truncate", RETRY(ftruncate(fd, n)));
}

int
fio_flock(int fd, bool exclusive)
{
	return RETRY(flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

int
fio_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

int
fio_stat(const char *path, struct stat *st)
{
	return stat(path, st);
}

int
fio_fdatasync(int fd)
{
	return STEP("fdatasync", RETRY(fdatasync(fd)));
}

int
fio_fsync(int fd)
{
	return STEP("fsync", RETRY(fsync(fd)));
}

int
fio_sync_dir(const char *path)
{
	int fd = fio_open(path, O_RDONLY | O_DIRECTORY, 0), rc, e;

	if (fd == -1)
		return -1;
	rc = fio_fsync(fd);
	e = errno;
	fio_close(fd);
	errno = e;
	return rc;
}

int
fio_rename_noreplace(int dirfd, const char *from, const char *to)
{
	return STEP("rename", renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE));
}

int
fio_rename(int dirfd, const char *from, const char *to)
{
	return STEP("rename", renameat(dirfd, from, dirfd, to));
}

int
fio_link(int dirfd, const char *from, const char *to)
{
	return STEP("link", linkat(dirfd, from, dirfd, to, 0));
}

int
fio_unlinkat(int dirfd, const char *path)
{
	return STEP("unlink", unlinkat(dirfd, path, 0));
}

int
fio_rmdir(const char *path)
{
	return rmdir(path);
}

int
fio_mkdir(const char *path)
{
	return fio_mkdirat(AT_FDCWD, path, 0777);
}

int
fio_mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct stat st;

	if (STEP("mkdir", mkdirat(dirfd, path, mode)) == 0)
		return 0;
	if (errno == EEXIST && fstatat(dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return -1;
}

DIR *
fio_opendir(const char *path)
{
	return opendir(path);
}

struct dirent *
fio_readdir(DIR *d)
{
	errno = 0;
	return readdir(d);
}

int
fio_closedir(DIR *d)
{
	return closedir(d);
}

int
fio_glob(const char *pattern, int (*fn)(void *cookie, const char *path), void *cookie)
{
	glob_t g;
	int rc = 0;

	if (glob(pattern, 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
		rc = fn(cookie, g.gl_pathv[i]);
	globfree(&g);
	return rc;
}

int
fio_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *b = p;
	ssize_t k;

	for (; n > 0; b += k, n -= (size_t)k) {
		if ((k = fio_write(fd, b, n)) == -1)
			return -1;
	}
	return 0;
}

int
fio_pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	const uint8_t *b = p;
	ssize_t k;

	for (; n > 0; b += k, at += k, n -= (size_t)k) {
		if ((k = fio_pwrite(fd, b, n, at)) == -1)
			return -1;
	}
	return 0;
}

int
fio_pread_all(int fd, void *p, size_t n, off_t at)
{
	uint8_t *b = p;
	ssize_t k;

	for (; n > 0; b += k, at += k, n -= (size_t)k) {
		if ((k = fio_pread(fd, b, n, at)) == -1)
			return -1;
		if (k == 0) {
			errno = ENODATA;
			return -1;
		}
	}
	return 0;
}

int
fio_copy(int from, off_t at, int to, off_t to_at, size_t n)
{
	uint8_t b[64 << 10];

	while (n > 0) {
		size_t k = n < sizeof(b) ? n : sizeof(b);

		if (fio_pread_all(from, b, k, at) == -1 || fio_pwrite_all(to, b, k, to_at) == -1)
			return -1;
		at += (off_t)k;
		to_at += (off_t)k;
		n -= k;
	}
	return 0;
}

int
fio_slurp(const char *path, size_t max, struct buf *out)
{
	int fd = fio_open(path, O_RDONLY, 0);
	ssize_t k = 0;
	int rc = 0;

	if (fd == -1)
		return ferr_sys(FERR_IO, "cannot read %s", path);
	while (rc == 0) {
		if ((rc = buf_room(out, 4096)) != 0)
			break;
		if ((k = fio_read(fd, out->p + out->n, out->cap - out->n)) <= 0)
			break;
		out->n += (size_t)k;
		if (out->n > max)
			rc = ferr(FERR_LIMIT, "%s is longer than %zu bytes", path, max);
	}
	if (rc == 0 && k == -1)
		rc = ferr_sys(FERR_IO, "cannot read %s", path);
	fio_close(fd);
	return rc;
}

int
fio_seek(int fd, off_t at)
{
	return lseek(fd, at, SEEK_SET) == -1 ? -1 : 0;
}

int
fio_blame(void)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM: return FERR_IO;
	default: return FERR_USAGE;
	}
}
