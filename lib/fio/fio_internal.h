/* fio_internal: what the files of lib/fio share; included before fio.h. */
#ifndef FIO_INTERNAL_H
#define FIO_INTERNAL_H

#include <errno.h>

#define RETRY(call)                                   \
	({                                            \
		__typeof__(call) r_;                  \
		do {                                  \
			r_ = (call);                  \
		} while (r_ == -1 && errno == EINTR); \
		r_;                                   \
	})

/*
 * Where test builds step in (fio_test.h):
 *	FAULT(fd, n)	 before a read or write; may make n smaller, or return with EAGAIN
 *	STEP(op, call)	 a durable step; may die before or after the call, or fail in its place
 *	STEP_WRITE(fd, call, half)
 *			 a write, a step on regular files only; may die with half of it done
 */
#ifdef FIO_TEST
#include "fio/fio_test.h"
#define FAULT(fd, n)                           \
	do {                                   \
		size_t was_ = (n);             \
		(n) = fio_test_cut((fd), (n)); \
		if ((n) == 0 && was_ != 0) {   \
			errno = EAGAIN;        \
			return -1;             \
		}                              \
	} while (0)
#define STEP(op, call)                      \
	({                                  \
		__typeof__(call) s_ = -1;   \
		if (fio_test_before(op)) {  \
			s_ = (call);        \
			fio_test_after(op); \
		}                           \
		s_;                         \
	})
#define STEP_WRITE(fd, call, half)                             \
	({                                                     \
		__typeof__(call) w_;                           \
		if (!fio_test_regular(fd)) {                   \
			w_ = (call);                           \
		} else {                                       \
			if (fio_test_point("write", "half")) { \
				(void)!(half);                 \
				fio_test_die();                \
			}                                      \
			w_ = STEP("write", call);              \
		}                                              \
		w_;                                            \
	})
#else
#define FAULT(fd, n) ((void)0)
#define STEP(op, call) (call)
#define STEP_WRITE(fd, call, half) (call)
#endif

#endif
