/*
 * fio_test -- crash points and faults of test builds (-DFIO_TEST); other builds have none of it.
 *
 * A durable step is a call that changes files: creating one, write, fsync, fdatasync, rename, link,
 * unlink, mkdir, truncate.  Each has numbered points, made from the code itself: a point is
 *
 *	FUNCTION/STEP/WHEN	log_seal/fdatasync/before
 *
 * where FUNCTION is the one that calls lib/fio, STEP is creat, write, fsync, fdatasync, rename,
 * link, unlink, mkdir or truncate, and WHEN is before, after, or (write) half.  Directories are
 * synced by fsync.  The environment says what happens there:
 *
 *	FCRASH=[PROGRAM:]POINT#HIT,...  SIGKILL oneself at the HIT-th time (1, 2, ...; *: each time)
 *	FSTOP=...          the same, but SIGSTOP: it goes on when somebody says so
 *	FCRASH_ONCE=DIR    each entry only once over all processes, of FFAULT too unless sticky:
 *	                   DIR/ENTRY, with + for /, is created exclusively first
 *	FCRASH_LOG=FILE    append a line "PROGRAM POINT" at every point
 *	FFAULT=[PROGRAM:]FAULT,...
 *		short       reads and writes move one byte at a time
 *		eagain      every other read or write of a non-blocking descriptor says EAGAIN
 *		enospc@N    the N-th step (unlink left out) fails with ENOSPC, once
 *		eio@N       the same with EIO
 *		fsync@N     the N-th fsync or fdatasync fails with EIO, once
 *		sticky-...  and so do all that follow
 *
 *	FNEGATIVE=NAME     what a campaign must find: the named rule is broken on purpose
 *
 * Steps outside of files (a broker's transaction) are points by fio_point.  Hits and steps are
 * counted per process, over all its threads.
 */
#ifndef FIO_TEST_H
#define FIO_TEST_H

#include <stdbool.h>
#include <stddef.h>

/* The function that called lib/fio last in this thread; set by the macros of fio_site.h. */
extern _Thread_local const char *fio_test_site;

/* How many bytes a read or write may move; 0 means: say EAGAIN. */
size_t fio_test_cut(int fd, size_t n);
bool fio_test_regular(int fd);
/* A point is passed: log it; shall one die here?  Who shall stop does, and comes back. */
bool fio_test_point(const char *op, const char *when);
_Noreturn void fio_test_die(void);
void fio_test_here(const char *op, const char *when); /* a point, and death if that is planned */
bool fio_test_negative(const char *name);
/* A step begins: false with errno: it fails instead.  It has ended. */
bool fio_test_before(const char *op);
void fio_test_after(const char *op);

#endif
