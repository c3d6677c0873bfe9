/*
 * fio -- every effect on the world goes through here: files, pipes, clock, random numbers, signals.
 *
 * Thin wrappers: EINTR is retried, descriptors are close-on-exec, errors come back as errno with -1
 * (or NULL) like the calls they wrap.  Test builds (-DFIO_TEST) fail and crash here when they are
 * told to (fio_test.h).
 *
 * Units   wall clock in ms since 1970, monotonic clock in ns.
 */
#ifndef FIO_FIO_H
#define FIO_FIO_H

#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"

/* The code for a failed open or mkdir of a name that the user gave: FERR_IO where trying again may
 * help (disk full, too many files), else FERR_USAGE.  Looks at errno and keeps it. */
int fio_blame(void);

/* Files and descriptors. */
int fio_open(const char *path, int flags, mode_t mode);
int fio_openat(int dirfd, const char *path, int flags, mode_t mode);
int fio_close(int fd);
ssize_t fio_read(int fd, void *p, size_t n);
ssize_t fio_write(int fd, const void *p, size_t n);
ssize_t fio_recv(int fd, void *p, size_t n);	   /* socket, never blocks */
ssize_t fio_send(int fd, const void *p, size_t n); /* socket, never blocks, no SIGPIPE */
ssize_t fio_pread(int fd, void *p, size_t n, off_t at);
ssize_t fio_pwrite(int fd, const void *p, size_t n, off_t at);
int fio_ftruncate(int fd, off_t n);
int fio_flock(int fd, bool exclusive); /* never waits: EWOULDBLOCK when another holds it */
int fio_seek(int fd, off_t at);	       /* of what has a place; else -1 */
int fio_fstat(int fd, struct stat *st);
int fio_stat(const char *path, struct stat *st);
int fio_fdatasync(int fd);
int fio_fsync(int fd);
int fio_sync_dir(const char *path);
int fio_rename_noreplace(int dirfd, const char *from,
			 const char *to);		     /* EEXIST when `to` is there */
int fio_rename(int dirfd, const char *from, const char *to); /* replaces */
int fio_link(int dirfd, const char *from, const char *to);   /* EEXIST when `to` is there */
int fio_unlinkat(int dirfd, const char *path);
int fio_rmdir(const char *path); /* an empty one */
/* One level; EEXIST is no error when it is a directory. */
int fio_mkdir(const char *path); /* 0777 */
int fio_mkdirat(int dirfd, const char *path, mode_t mode);
DIR *fio_opendir(const char *path);
struct dirent *fio_readdir(DIR *d); /* NULL at the end (errno 0) or on error */
int fio_closedir(DIR *d);

/* Call fn with each path that matches the shell pattern, sorted; stops at the first non-zero result
 * and returns it. */
int fio_glob(const char *pattern, int (*fn)(void *cookie, const char *path), void *cookie);

/* Write all of p[0..n) to a blocking descriptor: 0 or -1. */
int fio_write_all(int fd, const void *p, size_t n);
int fio_pwrite_all(int fd, const void *p, size_t n, off_t at);
/* Fill all of p[0..n): 0 or -1; ENODATA when the file ends before. */
int fio_pread_all(int fd, void *p, size_t n, off_t at);
/* Copy n bytes between regular files: 0 or -1, as above. */
int fio_copy(int from, off_t at, int to, off_t to_at, size_t n);
/* Append a whole (small) file to out: 0, or FERR_IO / FERR_LIMIT with its text. */
int fio_slurp(const char *path, size_t max, struct buf *out);

/* Pipes.  Make a descriptor of our own for the same pipe or FIFO that does not block, so that
 * others who share fd are left alone; -1 when it cannot be. */
int fio_reopen_nonblock(int fd, bool write);
/* Ask for a larger kernel buffer; a refusal is no error.  Returns the size it has. */
int fio_pipe_size(int fd, int bytes);
/*
 * Lending pages to a pipe (vmsplice) instead of copying them is safe only when the reader copies
 * them out with read(2), and does not pass them on with splice(2) or tee(2) as cat and pv may.  So
 * a reader that promises this marks the anonymous pipe with the sticky bit, and the writer looks
 * for the mark.
 */
void fio_pipe_promise(int fd);
bool fio_pipe_promised(int fd);
/* Lend whole pages: the memory must not change until `size of the pipe / page size` more pages have
 * been taken. Never blocks. */
ssize_t fio_pipe_lend(int fd, const void *p, size_t n);
/* Zeroed memory; large pieces come on huge pages where the kernel has them, which spares TLB
 * misses.  NULL without memory. */
void *fio_memory(size_t n);
void fio_memory_free(void *p);
void *fio_pages(size_t n); /* page-aligned zeroed memory, or NULL */
void fio_pages_free(void *p, size_t n);
/* Are stdin, stdout and stderr open?  Those that are not are put on /dev/null, so that no file of
 * ours gets their number; returns the bits (1 << fd) of those that were closed. */
unsigned fio_std_closed(void);
bool fio_isatty(int fd);
unsigned fio_tty_width(int fd);

/* Waiting. */
int fio_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
/* What stands at the head of a pipe, up to n bytes, which stay there; waits for the first.  0: its
 * end; -1 with EINVAL: it is no pipe. */
ssize_t fio_peek(int fd, void *p, size_t n);
bool fio_readable(int fd); /* would a read not wait? */
/* Bytes that were written to a local socket or a pipe and not read yet; -1: that cannot be told. */
int fio_unread(int fd, bool socket);
int fio_signalfd(void); /* blocks SIGINT, SIGTERM, SIGHUP; ignores SIGPIPE, SIGXFSZ; -1 on error */
int fio_signal_next(int fd); /* next pending signal number, 0 if none */
int fio_eventfd(void);	     /* readable from fio_notify to fio_drain */
void fio_notify(int fd);
int fio_inotify(void);
int fio_inotify_add(int fd, const char *path, uint32_t mask);
void fio_drain(int fd); /* read away what is there (inotify, eventfd) */

/* This thread gives way to others, but still moves when they take all: it may hold what they want.
 */
void fio_thread_nice(void);

/* Clock, random numbers, environment. */
int64_t fio_wall_ms(void);
int64_t fio_mono_ns(void);
int fio_random(void *p, size_t n);
const char *fio_env(const char *name);

/* A library that is loaded when it is first needed; NULL with ferr text (FERR_USAGE, names the
 * Debian package). */
void *fio_library(const char *soname, const char *package);
void *fio_symbol(void *lib, const char *name);

#if defined(FIO_TEST) && !defined(FIO_INTERNAL_H)
#include "fio/fio_site.h"
#else
#define fio_point(op, when) \
	((void)0)		 /* a step that is not of files: a crash point of test builds */
#define fio_negative(name) false /* test builds: is that rule to be broken? */
#endif

#endif
