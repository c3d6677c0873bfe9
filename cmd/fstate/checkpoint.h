/*
 * checkpoint -- the manifests of a store or a savepoint, read while the job may run: nothing is
 * locked, synced or written.
 *
 * Here, and nowhere else in this command, is known where the stretches of a stage's logs are named;
 * what reads them (view.h) takes a directory and a struct ckpt_stage.
 *
 * Errors  FERR_CORRUPT: the manifest is damaged; FERR_LOST: it has been dropped; FERR_USAGE: there
 *         is no such checkpoint.
 */
#ifndef FSTATE_CHECKPOINT_H
#define FSTATE_CHECKPOINT_H

#include "manifest/ckpt_json.h"

#define MANIFEST_MAX (256u << 20)

struct checkpoint {
	char *dir;     /* names in f are relative to it */
	char name[32]; /* of the manifest */
	struct ckpt_file f;
};

/* at: an epoch, else a place; `place:N`; NULL: the newest. */
int checkpoint_open(struct checkpoint *c, const char *dir, const char *at);
void checkpoint_close(struct checkpoint *c); /* harmless on a zeroed struct, and after errors */
/* The one at that place of a store. */
int checkpoint_at(struct checkpoint *c, const char *dir, uint64_t place);
/* Is its manifest still there? */
bool checkpoint_there(const struct checkpoint *c);

const char *checkpoint_kind(const struct ckpt_file *f);
int checkpoint_put_id(struct buf *b, const uint8_t id[16]); /* append it as it is printed */

#endif
