/*
 * lane_own: the directory of a lane as a whole -- whose it is, what is ahead of the checkpoint,
 * what is left over; see lane_dest.h.
 */
#include "conn/lane_dest_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "fio/fio.h"

/* Call fn for every part below path (which ends with '/' or is ""), and in the directories of
 * --partition-by; stops at the first non-zero result. */
static int
scan(struct lane_dest *d, const char *path,
     int (*fn)(void *cookie, const char *path, const struct part_name *name), void *cookie)
{
	struct buf full = BUF_INIT;
	struct part_name name;
	struct dirent *e;
	DIR *dir = NULL;
	int rc;

	if ((rc = buf_printf(&full, "%s%s", d->conf.path, path)) != 0)
		goto out;
	if (buf_cstr(&full) == NULL) {
		rc = FERR_NOMEM;
		goto out;
	}
	if ((dir = fio_opendir((const char *)full.p)) == NULL) {
		if (path[0] == '\0' || errno != ENOTDIR) /* a file may have such a name, too */
			rc = ferr_sys(FERR_IO, "cannot read %s%s", d->conf.path, path);
		goto out;
	}
	while (rc == 0 && (e = fio_readdir(dir)) != NULL) {
		bool part = part_name_parse(&name, e->d_name);

		if (!part && (e->d_name[0] == '.' || strchr(e->d_name, '=') == NULL))
			continue;
		full.n = 0;
		if ((rc = buf_printf(&full, "%s%s%s", path, e->d_name, part ? "" : "/")) != 0)
			break;
		if (buf_cstr(&full) == NULL)
			rc = FERR_NOMEM;
		else if (part)
			rc = fn(cookie, (const char *)full.p, &name);
		else
			rc = scan(d, (const char *)full.p, fn, cookie);
	}
	if (rc == 0 && errno != 0)
		rc = ferr_sys(FERR_IO, "cannot read %s%s", d->conf.path, path);
out:
	if (dir != NULL)
		fio_closedir(dir);
	buf_fini(&full);
	return rc;
}

static int
remove_name(struct lane_dest *d, const char *path)
{
	if (fio_unlinkat(d->fd, path) == 0 || errno == ENOENT)
		return 0;
	return ferr_sys(FERR_IO, "cannot remove %s%s", d->conf.path, path);
}

struct ahead {
	struct lane_dest *d;
	uint32_t lane;
	uint64_t next;
};

static int
is_ahead(void *cookie, const char *path, const struct part_name *name)
{
	const struct ahead *a = cookie;

	if (name->hidden || name->lane != a->lane || name->number < a->next)
		return 0;
	if (!a->d->conf.rewind)
		return ferr(FERR_CORRUPT,
			    "%s%s is ahead of the checkpoint, which knows parts below %" PRIu64
			    "; %s",
			    a->d->conf.path, path, a->next, dest_way_back(a->d));
	return remove_name(a->d, path);
}

int
dest_check_ahead(struct lane_dest *d, uint32_t lane, uint64_t next)
{
	struct ahead a = { d, lane, next };

	return d->conf.kind == DEST_DIR ? scan(d, "", is_ahead, &a) : 0;
}

/* ---- whose directory it is ---- */

#define CLAIM_LEN 33	    /* 32 hex digits and a line end */
#define CLAIM_TMP ".fjord." /* ... before it has its name */

static int
is_unknown(void *cookie, const char *path, const struct part_name *name)
{
	const struct lane_dest *d = cookie;

	if (name->hidden)
		return 0;
	return ferr(
	    FERR_USAGE,
	    "%s has part files already (%s), and no .fjord that says which job they are of; "
	    "write into a directory of its own, or move them away",
	    d->conf.path, path);
}

/* 1: it is claimed by `line`, 0: by nobody. */
static int
read_claim(struct lane_dest *d, const char *line)
{
	char has[CLAIM_LEN + 1] = "";
	int fd = fio_openat(d->fd, ".fjord", O_RDONLY, 0);
	ssize_t n;

	if (fd == -1)
		return errno == ENOENT ? 0 : ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	n = fio_pread(fd, has, CLAIM_LEN, 0);
	fio_close(fd);
	if (n == -1)
		return ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	if (n == CLAIM_LEN && memcmp(has, line, CLAIM_LEN) == 0)
		return 1;
	return ferr(
	    FERR_USAGE,
	    "%s belongs to another job (%.32s, as %s.fjord says); write into a directory of "
	    "its own",
	    d->conf.path, has, d->conf.path);
}

/* The file gets its name when it is whole: another subtask may be looking. */
static int
make_claim(struct lane_dest *d, const char *line, bool over)
{
	uint8_t id[8];
	char tmp[32];
	int fd, rc = 0;

	if (fio_random(id, sizeof(id)) == -1)
		return ferr_sys(FERR_IO, "no random numbers");
	snprintf(tmp, sizeof(tmp), CLAIM_TMP "%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1],
		 id[2], id[3], id[4], id[5], id[6], id[7]);
	if ((fd = fio_openat(d->fd, tmp, O_WRONLY | O_CREAT | O_EXCL, 0666)) == -1)
		return ferr_sys(fio_blame(), "cannot write %s%s", d->conf.path, tmp);
	if (fio_write_all(fd, line, CLAIM_LEN) == -1 || fio_fsync(fd) == -1 ||
	    (over ? fio_rename(d->fd, tmp, ".fjord") == -1
		  : fio_rename_noreplace(d->fd, tmp, ".fjord") == -1 && errno != EEXIST))
		rc = ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	fio_close(fd);
	fio_unlinkat(d->fd, tmp); /* is there only if we were not the first */
	if (rc == 0 && fio_fsync(d->fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s", d->conf.path);
	return rc;
}

static int
is_visible(void *cookie, const char *path, const struct part_name *name)
{
	(void)cookie;
	(void)path;
	return !name->hidden;
}

int
dest_check_claim(struct lane_dest *d)
{
	int rc;

	if (d->claimed)
		return 0;
	rc = read_claim(d, d->claim);
	d->claimed = rc == 1;
	return rc == 1 ? 0 : rc != 0 ? rc : ferr(FERR_IO, "%s.fjord is gone", d->conf.path);
}

/* Whoever writes into the directory holds .fjord shared.  False: somebody does. */
static bool
abandoned(struct lane_dest *d)
{
	int fd = fio_openat(d->fd, ".fjord", O_RDONLY, 0);
	bool free = fd != -1 && fio_flock(fd, true) == 0;

	if (fd != -1)
		fio_close(fd);
	return free;
}

static int
hold_claim(struct lane_dest *d)
{
	if (d->hold == -1)
		d->hold = fio_openat(d->fd, ".fjord", O_RDONLY, 0);
	if (d->hold == -1 || fio_flock(d->hold, false) == -1)
		return ferr_sys(FERR_IO, "cannot hold %s.fjord", d->conf.path);
	return 0;
}

/*
 * A claim that has no parts beside it and that nobody holds is of a job that never came to putting
 * anything out; a job that has not either may take it over.  Should two do so, the loser finds out
 * before it makes its first part.
 */
int
dest_claim(struct lane_dest *d, const uint8_t job[16], bool fresh)
{
	bool over = false;
	int rc;

	if (d->conf.kind != DEST_DIR)
		return 0;
	for (unsigned i = 0; i < 16; i++)
		snprintf(d->claim + 2 * i, 3, "%02x", job[i]);
	memcpy(d->claim + 32, "\n", 2);
	if ((rc = read_claim(d, d->claim)) == 1)
		return hold_claim(d);
	if (rc == FERR_USAGE && fresh && abandoned(d) && scan(d, "", is_visible, NULL) == 0)
		over = true;
	else if (rc != 0)
		return rc;
	if ((rc = scan(d, "", is_unknown, d)) != 0 || (rc = make_claim(d, d->claim, over)) != 0)
		return rc;
	rc = hold_claim(d);
	return rc != 0 ? rc : dest_check_claim(d);
}

static int
note_number(void *cookie, const char *path, const struct part_name *name)
{
	uint64_t *next = cookie;

	(void)path;
	if (!name->hidden && name->number >= *next)
		*next = name->number + 1;
	return 0;
}

int
dest_next_number(struct lane_dest *d, uint64_t *next)
{
	return d->conf.kind == DEST_DIR ? scan(d, "", note_number, next) : 0;
}

/* ---- leftovers ---- */

struct cleaning {
	struct lane_dest *d;
	bool (*gone)(void *cookie, const char *path, const struct part_name *name);
	void *cookie;
};

static int
clean_one(void *cookie, const char *path, const struct part_name *name)
{
	const struct cleaning *c = cookie;

	return name->hidden && c->gone(c->cookie, path, name) ? remove_name(c->d, path) : 0;
}

/* Claims that somebody died over. */
static int
clean_claims(struct lane_dest *d)
{
	DIR *dir = fio_opendir(d->conf.path);
	struct dirent *e;
	int rc = 0;

	if (dir == NULL)
		return ferr_sys(FERR_IO, "cannot read %s", d->conf.path);
	while (rc == 0 && (e = fio_readdir(dir)) != NULL) {
		if (strncmp(e->d_name, CLAIM_TMP, sizeof(CLAIM_TMP) - 1) == 0)
			rc = remove_name(d, e->d_name);
	}
	fio_closedir(dir);
	return rc;
}

int
dest_clean(struct lane_dest *d,
	   bool (*gone)(void *cookie, const char *path, const struct part_name *name), void *cookie)
{
	struct cleaning c = { d, gone, cookie };
	int rc;

	if (d->conf.kind != DEST_DIR)
		return 0;
	rc = scan(d, "", clean_one, &c);
	return rc != 0 ? rc : clean_claims(d);
}
