/*
 * log -- append-only files of a store: the deltas of keyed state, bases, the sealed segments of
 * sinks (fcheckpoint(5)).  One writer, made anew by every attempt (O_EXCL).
 *
 * A file is the FJORDLOG line (64 bytes, ASCII), then blocks.  A block is a header of 40 bytes
 *	u32 magic 'FJLB'   u8 kind (1 data, 2 end of a part)   u8[3] 0   u64 epoch
 *	u8[16] barrier id   u32 payload length   u32 CRC32C over the 36 bytes before and the payload
 * and the payload.  The CRC goes on from that of the block before (0 for the first of the file), so
 * that the last one vouches for all that stands before it.  A part is the data blocks of one epoch
 * and its end block, whose payload is empty.  Blocks of an aborted epoch may stand in front of the
 * end block of a later one; each tells its own epoch.
 *
 * Blocking: called from a worker (ev/work.h) or before the loop runs.
 *
 * Errors  FERR_IO; after a failed write or sync the file is dead, every later call fails: the owner
 *         begins a new file.  FERR_CORRUPT when reading.
 */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct log;

/* Create DIR/name, which must not be there; the file and its directory entry are synced with the
 * first part. */
int log_create(struct log **out, const char *dir, const char *name);
void log_close(struct log *l); /* the file stays */
const char *log_name(const struct log *l);
uint64_t log_end(const struct log *l); /* bytes so far */
/* Bytes up to the last end block, or 64: the only place where a stretch to be read may begin.
 * Differs from log_end when blocks of an epoch that came to nothing stand behind it. */
uint64_t log_sealed(const struct log *l);
uint32_t log_crc(const struct log *l); /* of the last block */

#define LOG_LINE_LEN 64u
#define LOG_BLOCK_HDR 40u
#define LOG_BLOCK_MAX (1u << 30)

/* Append payload to the part of that epoch: one block, or several when it is longer than
 * LOG_BLOCK_MAX. */
int log_append(struct log *l, uint64_t epoch, const uint8_t id[16], const void *p, size_t n);
/* Append the end block and make all so far durable. */
int log_seal(struct log *l, uint64_t epoch, const uint8_t id[16]);

/*
 * Read the blocks in [start, end) of DIR/name (start 0: behind the first line); fn gets the payload
 * of each data block, checked; its first non-zero result ends the reading and is returned.  The
 * stretch begins behind an end block (or at 0) and ends with one, whose CRC is compared with crc:
 * only then is all that fn got known to be what was written.  FERR_CORRUPT says file, offset and
 * what is wrong; FERR_LOST: the file is missing.
 */
int log_read(const char *dir, const char *name, uint64_t start, uint64_t end, uint32_t crc,
	     int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie);
/* The same behind a part whose end and CRC the caller knows: nothing before start is looked at, and
 * the blocks must go on from that CRC. */
int log_resume(const char *dir, const char *name, uint64_t start, uint32_t start_crc, uint64_t end,
	       uint32_t crc, int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n),
	       void *cookie);
/*
 * The id of the barrier whose end block a stretch ends with.  That one block is looked at: it must
 * be of that epoch and have that CRC, which tells that it is the file that was meant; whether all
 * of it is undamaged, log_read tells.
 */
int log_end_id(const char *dir, const char *name, uint64_t end, uint32_t crc, uint64_t epoch,
	       uint8_t id[16]);

#endif
