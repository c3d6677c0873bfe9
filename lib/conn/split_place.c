/*
 * split_place: the place of a split as bytes, and going there; see split.h.
 *
 *	u32 version   u32 flags   i64 max_ts, disorder, first   u32 since_mark
 *	bytes place:
 *		u32 form   u64 line   u64 offset in the unpacked file   u64 bytes of the file read
 *		u64 hash of its beginning   u32 length of that   u64 inode
 *		text:   u32 format   bytes reader
 *		frames: u64 sequence   u32 rows of the frame at offset that were given   u32 ended
 *			bytes schema
 *		a partition: u64 the offset where it ends, or -1
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "conn/split_internal.h"
#include "conn/unpack.h"
#include "coord/ctl.h"
#include "fio/fio.h"

#define VERSION 1
enum { READ = 1, DONE = 2, LEFT = 4 };

/* What is read there; PIPE with it: it comes when it comes, and cannot go back. */
enum form { NONE, TEXT, FRAMES, GEN, KAFKA, PIPE = 8 };

struct place {
	enum form form;
	bool pipe;
	uint64_t line, offset, taken;
	struct file_id id;
	uint32_t format; /* text */
	uint64_t seq;	 /* frames */
	uint32_t skip, ended;
	uint64_t until;	     /* a partition */
	const uint8_t *more; /* the reader's place, or the schema */
	size_t nmore;
};

static int
encode(const struct place *p, struct buf *out)
{
	int rc;

	if ((rc = pack_u32(out, (uint32_t)p->form | (p->pipe ? PIPE : 0))) == 0 &&
	    (rc = pack_u64(out, p->line)) == 0 && (rc = pack_u64(out, p->offset)) == 0 &&
	    (rc = pack_u64(out, p->taken)) == 0 && (rc = pack_u64(out, p->id.hash)) == 0 &&
	    (rc = pack_u32(out, p->id.n)) == 0)
		rc = pack_u64(out, p->id.ino);
	if (rc == 0 && p->form == TEXT)
		rc = pack_u32(out, p->format);
	if (rc == 0 && p->form == FRAMES && (rc = pack_u64(out, p->seq)) == 0 &&
	    (rc = pack_u32(out, p->skip)) == 0)
		rc = pack_u32(out, p->ended);
	if (rc == 0 && p->form == KAFKA)
		rc = pack_u64(out, p->until);
	return rc == 0 ? pack_bytes(out, p->more, p->nmore) : rc;
}

static int
decode(struct place *p, const struct buf *b)
{
	struct ctl_body in = { b->p, b->n, false };
	uint32_t form = ctl_u32(&in);

	*p = (struct place){ .form = (enum form)(form & ~(uint32_t)PIPE),
			     .pipe = (form & PIPE) != 0 };
	p->line = ctl_u64(&in);
	p->offset = ctl_u64(&in);
	p->taken = ctl_u64(&in);
	p->id.hash = ctl_u64(&in);
	p->id.n = ctl_u32(&in);
	p->id.ino = ctl_u64(&in);
	if (p->form == TEXT)
		p->format = ctl_u32(&in);
	if (p->form == FRAMES) {
		p->seq = ctl_u64(&in);
		p->skip = ctl_u32(&in);
		p->ended = ctl_u32(&in);
	}
	if (p->form == KAFKA)
		p->until = ctl_u64(&in);
	p->more = ctl_bytes(&in, &p->nmore);
	if (in.bad || in.n > 0 || p->form > KAFKA || p->id.n > FILE_HEAD)
		return ferr(FERR_CORRUPT, "the place of a split is not one of this version");
	return 0;
}

/* ---- keeping it ---- */

/* A frame of which some rows are still to be given is read again. */
static void
frames_place(const struct split_in *in, struct place *p)
{
	bool begun = in->row < in->rows.n;

	p->form = FRAMES;
	p->seq = in->seq - begun;
	p->ended = in->ended;
	p->skip = in->skip;
	if (!begun)
		return;
	p->offset = in->frame_at;
	for (size_t at = 0; at < in->row; at += row_len(in->rows.p + at))
		p->skip++;
}

/* The place of a split that is open, or has it in itself. */
static int
place_now(const struct split *s, struct buf *out)
{
	const struct split_in *in = s->in;
	struct place p = { .form = NONE, .line = s->line };
	struct buf more = BUF_INIT;
	int rc = 0;

	if (s->kind == SPLIT_KAFKA) {
		p.form = KAFKA;
		p.offset = (uint64_t)s->next;
		p.until = (uint64_t)s->until;
		return encode(&p, out);
	}
	if (in->gen != NULL) {
		p.form = GEN;
	} else {
		p.pipe = s->kind == SPLIT_STDIN || file_live(in->file);
		p.offset = in->base + in->at;
		p.taken = file_taken(in->file);
		rc = file_id(in->file, &p.id);
	}
	if (in->frames) {
		frames_place(in, &p);
		rc = rc == 0 ? schema_encode(&in->schema, &more) : rc;
	} else if (in->reader != NULL && p.offset > 0) { /* else the format is seen anew */
		p.form = TEXT;
		p.format = in->kind;
		rc = rc == 0 ? fmt_reader_save(in->reader, &more) : rc;
	}
	p.more = more.p;
	p.nmore = more.n;
	if (rc == 0)
		rc = encode(&p, out);
	buf_fini(&more);
	return rc;
}

/* Has an open split, at its end, left a last line that has none? */
static bool
left_now(const struct split *s)
{
	return s->done && s->in->at < s->in->b.n;
}

int
split_park(struct split *s)
{
	int rc;

	s->parked.n = 0;
	if (s->kind != SPLIT_KAFKA && (rc = place_now(s, &s->parked)) != 0)
		return rc;
	s->left = left_now(s);
	split_close(s);
	return 0;
}

int
split_save(const struct split *s, struct buf *out)
{
	bool left = s->open ? left_now(s) : s->left;
	struct buf place = BUF_INIT;
	int rc;

	if ((rc = pack_u32(out, VERSION)) != 0 ||
	    (rc = pack_u32(out, (s->read ? READ : 0) | (s->done ? DONE : 0) | (left ? LEFT : 0))) !=
		0 ||
	    (rc = pack_u64(out, (uint64_t)s->max_ts)) != 0 ||
	    (rc = pack_u64(out, (uint64_t)s->disorder)) != 0 ||
	    (rc = pack_u64(out, (uint64_t)s->first)) != 0 ||
	    (rc = pack_u32(out, s->since_mark)) != 0)
		return rc;
	if (!s->open && s->kind != SPLIT_KAFKA)
		return pack_bytes(out, s->parked.p, s->parked.n);
	if ((rc = place_now(s, &place)) == 0)
		rc = pack_bytes(out, place.p, place.n);
	buf_fini(&place);
	return rc;
}

/* ---- going there ---- */

int
split_load(struct split *s, const uint8_t *p, size_t n)
{
	struct ctl_body in = { p, n, false };
	struct place place;
	const uint8_t *bytes;
	uint32_t version = ctl_u32(&in), flags = ctl_u32(&in);
	int rc;

	s->read = (flags & READ) != 0;
	s->done = (flags & DONE) != 0;
	s->left = (flags & LEFT) != 0;
	s->max_ts = (int64_t)ctl_u64(&in);
	s->disorder = (int64_t)ctl_u64(&in);
	s->first = (int64_t)ctl_u64(&in);
	s->since_mark = ctl_u32(&in);
	bytes = ctl_bytes(&in, &n);
	if (in.bad || in.n > 0 || version != VERSION)
		return ferr(FERR_CORRUPT, "the place of %s is not one of this version", s->name);
	s->parked.n = 0;
	if ((rc = buf_put(&s->parked, bytes, n)) != 0 || n == 0)
		return rc;
	if ((rc = decode(&place, &s->parked)) != 0)
		return ferr_prefix(rc, "%s", s->name);
	if (s->kind != SPLIT_KAFKA)
		return 0;
	s->parked.n = 0;
	s->next = (int64_t)place.offset;
	s->until = (int64_t)place.until;
	return 0;
}

/* A log may have been renamed, copied, and followed by others. */
static int
find_log(struct split *s, const struct place *p)
{
	struct split_in *in = s->in;
	struct follow_found f;
	int rc = follow_find(&f, s->follow ? s->name : s->family, &p->id, p->offset);

	if (rc != 0)
		return rc;
	in->file = f.file;
	in->b = f.ahead;
	if (!s->follow)
		return 0;
	in->finishing = f.copy;
	return follow_new(&in->follow, s->name, f.beside);
}

static int
resume_frames(struct split_in *in, const struct place *p)
{
	int rc = schema_decode(&in->schema, p->more, p->nmore);

	in->frames = true;
	in->seq = p->seq;
	in->skip = p->skip;
	in->ended = p->ended != 0;
	return rc == 0 ? split_map_fields(in) : rc;
}

static int
resume_text(struct split_in *in, const struct place *p)
{
	struct fmt_conf c = split_fmt_conf(in, (enum fmt_kind)p->format);
	int rc = fmt_reader_new(&in->reader, &c);

	in->kind = c.kind;
	return rc == 0 ? fmt_reader_load(in->reader, p->more, p->nmore) : rc;
}

int
split_resume(struct split *s)
{
	struct split_in *in = s->in;
	struct place p;
	int rc = decode(&p, &s->parked);

	if (rc == 0 && s->kind == SPLIT_GEN)
		rc = gen_seek(in->gen, p.line);
	else if (rc == 0 && (s->follow || s->family != NULL) && !s->placed && !p.pipe)
		rc = find_log(s, &p);
	else if (rc == 0 && s->kind == SPLIT_FILE && (rc = split_open_file(s)) == 0 &&
		 !file_live(in->file))
		rc = file_resume(in->file, &p.id, p.offset, &in->b);
	if (rc != 0)
		return rc;
	s->line = p.line;
	in->base = p.offset;
	if (p.form == TEXT)
		rc = resume_text(in, &p);
	else if (p.form == FRAMES)
		rc = resume_frames(in, &p);
	if (rc == 0)
		buf_fini(&s->parked);
	return rc;
}

/* ---- what has become of its file ---- */

/* The first bytes as they are; of a packed file none are told. */
static void
look(struct split_head *h, const char *path)
{
	ssize_t k = 0;
	int fd;

	h->n = 0;
	h->packed = false;
	if (fio_stat(path, &h->st) != 0 || !S_ISREG(h->st.st_mode) ||
	    (fd = fio_open(path, O_RDONLY, 0)) == -1)
		return;
	k = fio_pread(fd, h->p, FILE_HEAD, 0);
	fio_close(fd);
	h->packed = k > 0 && unpack_sniff(h->p, (size_t)k) != UNPACK_NONE;
	h->n = k > 0 && !h->packed ? (uint32_t)k : 0;
}

static void
look_inside(struct split_head *h, const char *path)
{
	struct file *file = NULL;
	struct buf b = BUF_INIT;

	if (file_open(&file, path) != 0)
		return;
	while (b.n < FILE_HEAD && file_read(file, &b) > 0)
		;
	h->n = b.n < FILE_HEAD ? (uint32_t)b.n : FILE_HEAD;
	if (h->n > 0)
		memcpy(h->p, b.p, h->n);
	file_close(file);
	buf_fini(&b);
}

void
split_look(struct split_head *h, const char *path)
{
	look(h, path);
	if (h->packed)
		look_inside(h, path);
}

/* Whoever packs a file writes another one, which may get an inode that has become free. */
static enum split_match
match(const struct place *p, const struct split_head *h)
{
	if (h->n < p->id.n || hash64(h->p, p->id.n) != p->id.hash)
		return SPLIT_NOT;
	if (h->st.st_ino == p->id.ino && (!h->packed || (uint64_t)h->st.st_size == p->taken))
		return SPLIT_SELF;
	return p->id.n > 0 ? SPLIT_ALIKE : SPLIT_NOT;
}

enum split_match
split_match(const struct split *s, const struct split_head *h)
{
	struct place p;

	return s->parked.n == 0 || decode(&p, &s->parked) != 0 ? SPLIT_NOT : match(&p, h);
}

enum split_change
split_changed(const struct split *s, bool hold)
{
	struct split_head h;
	struct place p;
	bool same;

	if (s->kind != SPLIT_FILE)
		return SPLIT_SAME;
	if (fio_stat(s->name, &h.st) != 0)
		return SPLIT_GONE;
	if (s->parked.n == 0 || decode(&p, &s->parked) != 0 || p.pipe)
		return SPLIT_SAME;
	look(&h, s->name);
	same = (uint64_t)h.st.st_size == p.taken && h.st.st_ino == p.id.ino;
	if (h.packed && !same)
		look_inside(&h, s->name);
	/* A log of records of one length may be cut and grow to the size it had; a packed one is
	 * written once. */
	if (!(h.packed && same) && match(&p, &h) != SPLIT_SELF)
		return SPLIT_OTHER;
	if (!h.packed && (uint64_t)h.st.st_size < p.offset)
		return SPLIT_OTHER;
	return same && (!s->left || hold) ? SPLIT_SAME : SPLIT_GROWN;
}

bool
split_blank(const struct split *s)
{
	struct place p;

	return s->parked.n == 0 || (decode(&p, &s->parked) == 0 && p.id.n == 0);
}

uint64_t
split_offset(const struct split *s)
{
	struct place p;

	return s->parked.n == 0 || decode(&p, &s->parked) != 0 ? 0 : p.offset;
}

/* The place is as it was, in the file as it is. */
static int
note_file(struct split *s, struct place *p, const struct file *file)
{
	struct buf now = BUF_INIT;
	ino_t ino;
	dev_t dev;
	off_t size;
	int rc = file_identity(file, &dev, &ino, &size);

	p->id.ino = ino;
	p->taken = (uint64_t)size;
	if (rc == 0 && (rc = encode(p, &now)) == 0) {
		buf_fini(&s->parked);
		s->parked = now;
	}
	return rc;
}

int
split_move(struct split *s, const char *path, bool *more)
{
	struct file *file = NULL;
	struct buf ahead = BUF_INIT;
	struct place p;
	ssize_t k = 0;
	char *name;
	int rc;

	if ((rc = decode(&p, &s->parked)) != 0 || (rc = file_open(&file, path)) != 0)
		return rc;
	if ((rc = file_resume(file, &p.id, p.offset, &ahead)) == 0 && ahead.n == 0)
		rc = (k = file_read(file, &ahead)) < 0 ? (int)k : 0;
	*more = ahead.n > 0;
	if (rc == 0 && (name = strdup(path)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	if (rc == 0) {
		free(s->name);
		s->name = name;
		rc = note_file(s, &p, file);
	}
	buf_fini(&ahead);
	file_close(file);
	return rc;
}
