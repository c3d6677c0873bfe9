/*
 * fio_site: in test builds every durable call tells lib/fio who makes it, so that its crash points
 * have names (fio_test.h).  Included by fio.h; lib/fio itself calls without.
 */
#ifndef FIO_SITE_H
#define FIO_SITE_H

#include "fio/fio_test.h"

#define FIO_FROM_HERE(call) (fio_test_site = __func__, call)

#define fio_point(op, when) FIO_FROM_HERE(fio_test_here(op, when))
#define fio_negative(name) fio_test_negative(name)
#define fio_open(...) FIO_FROM_HERE(fio_open(__VA_ARGS__))
#define fio_openat(...) FIO_FROM_HERE(fio_openat(__VA_ARGS__))
#define fio_write(...) FIO_FROM_HERE(fio_write(__VA_ARGS__))
#define fio_write_all(...) FIO_FROM_HERE(fio_write_all(__VA_ARGS__))
#define fio_pwrite(...) FIO_FROM_HERE(fio_pwrite(__VA_ARGS__))
#define fio_pwrite_all(...) FIO_FROM_HERE(fio_pwrite_all(__VA_ARGS__))
#define fio_copy(...) FIO_FROM_HERE(fio_copy(__VA_ARGS__))
#define fio_ftruncate(...) FIO_FROM_HERE(fio_ftruncate(__VA_ARGS__))
#define fio_fdatasync(...) FIO_FROM_HERE(fio_fdatasync(__VA_ARGS__))
#define fio_fsync(...) FIO_FROM_HERE(fio_fsync(__VA_ARGS__))
#define fio_sync_dir(...) FIO_FROM_HERE(fio_sync_dir(__VA_ARGS__))
#define fio_rename(...) FIO_FROM_HERE(fio_rename(__VA_ARGS__))
#define fio_rename_noreplace(...) FIO_FROM_HERE(fio_rename_noreplace(__VA_ARGS__))
#define fio_link(...) FIO_FROM_HERE(fio_link(__VA_ARGS__))
#define fio_unlinkat(...) FIO_FROM_HERE(fio_unlinkat(__VA_ARGS__))
#define fio_mkdir(...) FIO_FROM_HERE(fio_mkdir(__VA_ARGS__))
#define fio_mkdirat(...) FIO_FROM_HERE(fio_mkdirat(__VA_ARGS__))

#endif
