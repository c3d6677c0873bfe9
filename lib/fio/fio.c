/* fio: see fio.h. */
#include "fio/fio.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define RETRY(call)                                   \
	({                                            \
		__typeof__(call) r_;                  \
		do {                                  \
			r_ = (call);                  \
		} while (r_ == -1 && errno == EINTR); \
		r_;                                   \
	})

#ifdef FIO_TEST
/* How many bytes this call may move; 0 means: say EAGAIN. */
static size_t
fault(int fd, size_t n)
{
	static int mode = -1;
	static unsigned turn;
	const char *e;

	if (mode == -1) {
		e = getenv("FFAULT");
		mode = e == NULL		  ? 0
		       : strcmp(e, "short") == 0  ? 1
		       : strcmp(e, "eagain") == 0 ? 2
						  : 0;
	}
	if (mode == 1)
		return n < 1 ? n : 1;
	if (mode == 2 && n > 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && ++turn % 2 == 0)
		return 0;
	return n;
}
#define FAULT(fd, n)                         \
	do {                                 \
		size_t was_ = (n);           \
		(n) = fault(fd, n);          \
		if ((n) == 0 && was_ != 0) { \
			errno = EAGAIN;      \
			return -1;           \
		}                            \
	} while (0)
#else
#define FAULT(fd, n) ((void)0)
#endif

int
fio_open(const char *path, int flags, mode_t mode)
{
	return RETRY(open(path, flags | O_CLOEXEC, mode));
}

int
fio_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return RETRY(openat(dirfd, path, flags | O_CLOEXEC, mode));
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
	return RETRY(write(fd, p, n));
}

ssize_t
fio_recv(int fd, void *p, size_t n)
{
	FAULT(fd, n);
	return RETRY(recv(fd, p, n, MSG_DONTWAIT));
}

ssize_t
fio_send(int fd, const void *p, size_t n)
{
	FAULT(fd, n);
	return RETRY(send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL));
}

ssize_t
fio_pread(int fd, void *p, size_t n, off_t at)
{
	return RETRY(pread(fd, p, n, at));
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
	return RETRY(fdatasync(fd));
}

int
fio_fsync(int fd)
{
	return RETRY(fsync(fd));
}

int
fio_rename_noreplace(int dirfd, const char *from, const char *to)
{
	return renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE);
}

int
fio_unlinkat(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, 0);
}

int
fio_mkdir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
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
fio_reopen_nonblock(int fd, bool write)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fio_open(path, (write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY, 0);
}

int
fio_pipe_size(int fd, int bytes)
{
	int now = fcntl(fd, F_GETPIPE_SZ);

	if (now < bytes && fcntl(fd, F_SETPIPE_SZ, bytes) != -1)
		now = fcntl(fd, F_GETPIPE_SZ);
	return now;
}

#define PIPEFS_MAGIC 0x50495045

void
fio_pipe_promise(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC && fstat(fd, &st) == 0)
		(void)!fchmod(fd, (st.st_mode & 0777) | S_ISVTX);
}

bool
fio_pipe_promised(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
}

ssize_t
fio_pipe_lend(int fd, const void *p, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)p, n };

	return RETRY(vmsplice(fd, &v, 1, SPLICE_F_NONBLOCK));
}

#define HUGE (2u << 20)

void *
fio_memory(size_t n)
{
	size_t rounded = (n + HUGE - 1) / HUGE * HUGE;
	void *p;

	if (n < HUGE)
		return calloc(1, n);
	if ((p = aligned_alloc(HUGE, rounded)) == NULL)
		return NULL;
	madvise(p, rounded, MADV_HUGEPAGE);
	return memset(p, 0, n);
}

void
fio_memory_free(void *p)
{
	free(p);
}

void *
fio_pages(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void
fio_pages_free(void *p, size_t n)
{
	if (p != NULL)
		munmap(p, n);
}

unsigned
fio_std_closed(void)
{
	unsigned closed = 0;

	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == fd)
			closed |= 1u << fd;
	}
	return closed;
}

bool
fio_isatty(int fd)
{
	return isatty(fd) == 1;
}

unsigned
fio_tty_width(int fd)
{
	struct winsize w;

	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

int
fio_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int r = poll(fds, n, timeout_ms);

	return r == -1 && errno == EINTR ? 0 : r;
}

bool
fio_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fio_poll(&p, 1, 0) != 0;
}

int
fio_signalfd(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
fio_signal_next(int fd)
{
	struct signalfd_siginfo si;

	if (RETRY(read(fd, &si, sizeof(si))) != (ssize_t)sizeof(si))
		return 0;
	return (int)si.ssi_signo;
}

int
fio_inotify(void)
{
	return inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

int
fio_inotify_add(int fd, const char *path, uint32_t mask)
{
	return inotify_add_watch(fd, path, mask);
}

void
fio_drain(int fd)
{
	char b[4096];

	while (RETRY(read(fd, b, sizeof(b))) > 0)
		;
}

int64_t
fio_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
fio_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int
fio_random(void *p, size_t n)
{
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -1;
}

const char *
fio_env(const char *name)
{
	return getenv(name);
}

void *
fio_library(const char *soname, const char *package)
{
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (lib == NULL)
		ferr(FERR_USAGE, "%s is needed here and is not installed; apt-get install %s",
		     soname, package);
	return lib;
}

void *
fio_symbol(void *lib, const char *name)
{
	return dlsym(lib, name);
}
