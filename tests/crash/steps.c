/*
 * steps -- a small job that lives on lib/store alone: EPOCHS epochs, each with a block in a log and
 * a manifest that names the log's end.  check-store kills and fails it everywhere.
 *
 *	steps DIR
 *
 * Each start is a new attempt with a log of its own; it first reads all that the chain names, and
 * what it reads must be what was written.  It prints the blocks in the order of the chain.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "store/log.h"
#include "store/store.h"

#define EPOCHS 3

struct part {
	char log[64];
	uint64_t start, end;
	uint32_t crc;
};

static const uint8_t id[16] = "a barrier's name";

/* The payload of an epoch: the second one is long enough not to be gathered. */
static size_t
payload(uint64_t epoch, char *p, size_t cap)
{
	int n = snprintf(p, cap, "epoch %" PRIu64, epoch);

	if (epoch != 2)
		return (size_t)n;
	memset(p + n, '.', cap - (size_t)n);
	return cap;
}

static int
check_block(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	static char expect[100000];
	size_t len = payload(epoch, expect, sizeof(expect));

	if (epoch != *(uint64_t *)cookie || n != len || memcmp(p, expect, n) != 0)
		return ferr(FERR_DATA, "epoch %" PRIu64 " is not what was written", epoch);
	printf("epoch %" PRIu64 ", %zu bytes\n", epoch, n);
	return 0;
}

/* Read what place (one for each epoch) names. */
static int
check_place(const char *dir, uint64_t place)
{
	struct buf b = BUF_INIT;
	struct part part;
	char name[32];
	int rc;

	store_place_name(place, name);
	rc = store_read(dir, name, 1000, &b);
	if (rc == 0 &&
	    (buf_cstr(&b) == NULL || sscanf((char *)b.p, "%63s %" SCNu64 " %" SCNu64 " %" SCNx32,
					    part.log, &part.start, &part.end, &part.crc) != 4))
		rc = ferr(FERR_CORRUPT, "%s is torn", name);
	if (rc == 0)
		rc = log_read(dir, part.log, part.start, part.end, part.crc, check_block, &place);
	buf_fini(&b);
	return rc;
}

static int
one_epoch(const char *dir, struct log *l, uint64_t epoch)
{
	static char bytes[100000];
	size_t n = payload(epoch, bytes, sizeof(bytes));
	uint64_t start = log_end(l);
	char name[32], text[200];
	int rc;

	if ((rc = log_append(l, epoch, id, bytes, n)) != 0 || (rc = log_seal(l, epoch, id)) != 0)
		return rc;
	snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 " %" PRIx32, log_name(l), start,
		 log_end(l), log_crc(l));
	store_place_name(epoch, name);
	return store_create(dir, name, text, strlen(text));
}

static int
job(const char *dir)
{
	uint64_t *place = NULL, attempt, done = 0;
	struct log *l = NULL;
	char name[64];
	unsigned n = 0;
	int rc, lock = -1;

	if ((rc = store_make(dir)) != 0 || (rc = lock = store_lock(dir)) < 0 ||
	    (rc = store_attempt_new(dir, &attempt)) != 0 ||
	    (rc = store_replace(dir, "job.json", "{}\n", 3)) != 0 ||
	    (rc = store_chain(dir, &place, &n)) != 0)
		goto out;
	for (; done < n && rc == 0; done++)
		rc = place[done] == done + 1 ? check_place(dir, done + 1)
					     : ferr(FERR_LOST, "the chain has a gap");
	snprintf(name, sizeof(name), "state/%" PRIu64 ".log", attempt);
	if (rc == 0 && done < EPOCHS)
		rc = log_create(&l, dir, name);
	for (; done < EPOCHS && rc == 0; done++) {
		if ((rc = one_epoch(dir, l, done + 1)) == 0)
			rc = check_place(dir, done + 1);
	}
	if (rc == 0)
		rc = store_remove(dir, "job.json");
out:
	log_close(l);
	free(place);
	if (lock >= 0)
		fio_close(lock);
	return rc;
}

int
main(int argc, char *argv[])
{
	int rc;

	if (argc != 2)
		return 2;
	if ((rc = job(argv[1])) != 0)
		fprintf(stderr, "steps: %s\n", ferr_text());
	return ferr_status(rc);
}
