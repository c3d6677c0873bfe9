/*
 * file -- the bytes of an input file, unpacked.  Compression (gzip, zstd) is seen from the content;
 * its library is loaded when it is first needed.
 *
 * Owner   file_open/file_close; file_take wraps a descriptor (stdin).
 * Errors  FERR_USAGE for a file that is not there or cannot be unpacked here, FERR_TRUNC for packed
 * data that breaks off, FERR_CORRUPT for packed data that is damaged, FERR_IO; FERR_LOST from
 * file_resume.
 */
#ifndef CONN_FILE_H
#define CONN_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

struct file;

int file_open(struct file **out, const char *path);
int file_take(struct file **out, int fd,
	      const char *name); /* fd is closed by file_close; a pipe is read without blocking */
void file_close(struct file *f);

/*
 * Append what comes next to b: >0 bytes, 0 at the (present) end, FERR_AGAIN when a pipe has nothing
 * now, or an error. After 0 it may be called again: a file that has grown goes on.
 */
ssize_t file_read(struct file *f, struct buf *b);

int file_fd(const struct file *f);
bool file_live(const struct file *f); /* a pipe, socket or terminal: comes when it comes */
bool file_packed(const struct file *f);
/* How many (packed) bytes have been read. */
uint64_t file_taken(const struct file *f);

/* What a file is known by later: the hash of its first bytes (unpacked), and the inode where
 * several begin alike. */
#define FILE_HEAD 1024
struct file_id {
	uint64_t hash;
	uint32_t n; /* how many bytes, at most FILE_HEAD; 0: nothing had been read of it */
	uint64_t ino;
};
/*
 * Go to byte `offset` of the unpacked text, in a file just opened that is not live; what has been
 * read behind it stands in b, which was empty.  FERR_LOST: it does not begin as id says, or is
 * shorter.
 */
int file_resume(struct file *f, const struct file_id *id, uint64_t offset, struct buf *b);
/* By what is known now. */
int file_id(const struct file *f, struct file_id *id);

/* Identity on its file system, and size in (packed) bytes now. */
int file_identity(const struct file *f, dev_t *dev, ino_t *ino, off_t *size);

#endif
