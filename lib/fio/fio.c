/* fio: pipes, memory, terminals, waiting, clock; files are in fio_file.c.  See fio.h. */
#include "fio/fio_internal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "fio/fio.h"

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

ssize_t
fio_peek(int fd, void *p, size_t n)
{
	int copy[2];
	ssize_t k;

	if (pipe2(copy, O_CLOEXEC) == -1)
		return -1;
	while ((k = tee(fd, copy[1], n, 0)) == -1 && errno == EINTR)
		continue;
	if (k > 0)
		k = read(copy[0], p, (size_t)k);
	close(copy[0]);
	close(copy[1]);
	return k;
}

int
fio_unread(int fd, bool socket)
{
	int n;

	return ioctl(fd, socket ? SIOCOUTQ : FIONREAD, &n) == -1 ? -1 : n;
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
fio_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void
fio_notify(int fd)
{
	uint64_t one = 1;

	/* It can only fail when 2^64 - 2 calls wait unread, and then it is readable anyway. */
	(void)!RETRY(write(fd, &one, sizeof(one)));
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

void
fio_thread_nice(void)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), 15);
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
