/*
 * ckpt_json -- the manifest of a checkpoint as JSON (fcheckpoint(5)).  Pure codec over jansson.
 *
 * {"version":1, "job":NAME, "job_id":HEX32, "place":P, "epoch":N, "barrier":HEX32, "attempt":A,
 *  "kind":"checkpoint|savepoint|stop|drain|final", "time":RFC3339, "hash":"xxh3-64", "stages":[
 *   {"name":UID, "tool":"fwindow", "parallelism":P, "groups":G, "signature":TEXT|absent,
 *    "subtasks":[{"published":N, "state":[FILE…], "pending":[FILE…], "flight":[FILE…]|absent,
 * "numbers":{NAME:{"v":N,"merge":"min|max|sum"}}, "schema":BASE64|absent}]}], "crc32c":HEX8} FILE
 * is {"file":NAME, "start":N, "end":N, "crc":HEX8, "epoch":N}. crc32c is over all bytes before
 * `,"crc32c"`; it is the last member, so that a torn or flipped file is always found (faults.md 23,
 * 24).
 *
 * Errors  FERR_CORRUPT with what is wrong; FERR_NOMEM.
 */
#ifndef MANIFEST_CKPT_JSON_H
#define MANIFEST_CKPT_JSON_H

#include "coord/snap.h"

enum ckpt_file_kind {
	CKPT_FILE_CHECKPOINT,
	CKPT_FILE_SAVEPOINT,
	CKPT_FILE_STOP,
	CKPT_FILE_DRAIN,
	CKPT_FILE_FINAL
};

struct ckpt_stage {
	char *name, *tool, *signature; /* signature may be NULL; that of the snaps */
	uint32_t parallel, groups;
	struct snap *sub; /* parallel of them */
};

struct ckpt_file {
	char *job;
	uint8_t job_id[16];
	uint64_t place, epoch, attempt;
	uint8_t barrier[16];
	enum ckpt_file_kind kind;
	int64_t time; /* ms since 1970 */
	struct ckpt_stage *stage;
	unsigned nstages;
};

void ckpt_file_init(struct ckpt_file *f);
void ckpt_file_fini(struct ckpt_file *f);
int ckpt_file_print(const struct ckpt_file *f, struct buf *out);      /* ends with a newline */
int ckpt_file_parse(struct ckpt_file *f, const uint8_t *p, size_t n); /* f initialised */
/* Bytes of all stretches of logs that it names. */
uint64_t ckpt_file_size(const struct ckpt_file *f);
/* Call fn with every file name that it refers to (may repeat); stops at the first non-zero. */
int ckpt_file_each(const struct ckpt_file *f, int (*fn)(void *cookie, const char *name),
		   void *cookie);

#endif
