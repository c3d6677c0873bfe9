/* look: see look.h. */
#include "conn/look.h"

#include "base/bytes.h"
#include "base/text.h"
#include "conn/lane_piece.h"
#include "coord/ctl.h"
#include "coord/wm.h"
#include "fmt/fmt.h"
#include "row/row.h"

/* ---- JSON ---- */

static int
member(struct buf *b, const char *name, struct val v)
{
	int rc = buf_printf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);

	return rc == 0 ? val_json(&v, b) : rc;
}

static struct val
number(uint64_t n)
{
	return n > INT64_MAX ? VAL_NULLV : val_i64((int64_t)n);
}

static struct val
time_of(int64_t ms)
{
	return ms == WM_MIN ? VAL_NULLV : ms == WM_MAX ? val_text(VAL_STR, "max", 3) : val_time(ms);
}

/* A file's name need not be UTF-8. */
static struct val
name_of(const uint8_t *p, size_t n)
{
	return val_text(utf8_ok(p, n) ? VAL_STR : VAL_BYTES, (const char *)p, n);
}

static int
damaged(const struct state_seen *s)
{
	return ferr(FERR_CORRUPT, "a value of state map '%s' is damaged", s->map);
}

/* ---- splits: source_state.c, split_place.c ---- */

#define SPLIT_NAME 7  /* of the key: u16 group, u8 kind, u32 twin, name */
#define LISTED_NAME 3 /* u16 group, u8 kind, name */
enum { CHAN_IDLE = 1, CHAN_ENDED = 2 };
enum { SPLIT_READ = 1, SPLIT_DONE = 2 };
enum { FORM_TEXT = 1, FORM_FRAMES = 2, FORM_GEN = 3, FORM_PIPE = 8 };

/* Where reading stands; nothing of it: it has not begun. */
static int
put_place(const uint8_t *p, size_t n, struct buf *out)
{
	struct ctl_body in = { p, n, false };
	uint32_t form = ctl_u32(&in) & ~(uint32_t)FORM_PIPE, format;
	uint64_t line = ctl_u64(&in), offset = ctl_u64(&in);
	const char *name = NULL;
	int rc;

	for (unsigned i = 0; i < 2; i++)
		ctl_u64(&in); /* bytes taken, hash of the beginning */
	ctl_u32(&in);
	ctl_u64(&in);
	format = form == FORM_TEXT ? ctl_u32(&in) : FMT_FRAMES;
	if (in.bad)
		return FERR_CORRUPT;
	if (form == FORM_GEN)
		return member(out, "record", number(line));
	if (form == FORM_FRAMES || (form == FORM_TEXT && format <= FMT_RAW))
		name = fmt_name((enum fmt_kind)format);
	if ((rc = member(out, "offset", number(offset))) == 0 && name != NULL)
		rc = member(out, "format", val_text(VAL_STR, name, strlen(name)));
	return rc;
}

/* What split_save has made. */
static int
put_saved(const uint8_t *p, size_t n, struct buf *out)
{
	struct ctl_body in = { p, n, false };
	uint32_t version = ctl_u32(&in), flags = ctl_u32(&in);
	int64_t max_ts = (int64_t)ctl_u64(&in);
	const uint8_t *place;
	int rc;

	ctl_u64(&in); /* disorder */
	ctl_u64(&in); /* first */
	ctl_u32(&in); /* since_mark */
	place = ctl_bytes(&in, &n);
	if (in.bad || in.n > 0 || version != 1)
		return FERR_CORRUPT;
	if ((rc = member(out, "ended", val_bool((flags & SPLIT_DONE) != 0))) == 0)
		rc = member(out, "max_time", time_of(max_ts));
	if (rc == 0 && (flags & SPLIT_READ) != 0 && n > 0)
		rc = put_place(place, n, out);
	return rc;
}

static int
put_split(const struct state_seen *s, struct buf *out)
{
	struct ctl_body in = { s->value, s->n, false };
	uint32_t version = ctl_u32(&in), flags;
	const uint8_t *place, *family;
	uint64_t left;
	int64_t wm;
	size_t n, nfamily;
	int rc;

	ctl_u32(&in); /* ordinal */
	family = ctl_bytes(&in, &nfamily);
	left = ctl_u64(&in);
	wm = (int64_t)ctl_u64(&in);
	flags = ctl_u32(&in);
	place = ctl_bytes(&in, &n);
	if (in.bad || in.n > 0 || version != 1)
		return damaged(s);
	if ((rc = buf_putc(out, '{')) != 0 || (rc = put_saved(place, n, out)) != 0 ||
	    (rc = member(out, "watermark", time_of(wm))) != 0 ||
	    (rc = member(out, "idle", val_bool((flags & CHAN_IDLE) != 0))) != 0 ||
	    (rc = member(out, "batch_left", number(left))) != 0)
		return rc == FERR_CORRUPT ? damaged(s) : rc;
	if (nfamily > 0 && (rc = member(out, "log", name_of(family, nfamily))) != 0)
		return rc;
	return buf_putc(out, '}');
}

static int
put_fields(const struct state_seen *s, struct buf *out)
{
	struct ctl_body in = { s->value, s->n, false };
	struct schema fields;
	const uint8_t *p;
	size_t n;
	int rc;

	p = ctl_bytes(&in, &n);
	ctl_bytes(&in, &(size_t){ 0 }); /* which have been seen */
	if (in.bad || in.n > 0)
		return damaged(s);
	schema_init(&fields);
	if ((rc = schema_decode(&fields, p, n)) == 0)
		rc = buf_puts(out, "{\"fields\":[");
	for (unsigned i = 0; i < fields.n && rc == 0; i++) {
		if (i == 0 || (rc = buf_putc(out, ',')) == 0)
			rc = val_json_str(fields.f[i].name, fields.f[i].n, out);
	}
	schema_fini(&fields);
	return rc == 0 ? buf_puts(out, "]}") : rc;
}

static int
put_listed(const struct state_seen *s, struct buf *out)
{
	(void)s;
	return buf_puts(out, "{}");
}

/* ---- parts: lane_state.c ---- */

static int
put_part(const struct state_seen *s, struct buf *out)
{
	struct part_rec r;
	int rc;

	if ((rc = part_rec_decode(&r, s->value, s->n)) != 0)
		return rc;
	if ((rc = buf_putc(out, '{')) != 0 || (rc = member(out, "lane", val_i64(r.lane))) != 0 ||
	    (rc = member(out, "part", number(r.number))) != 0 ||
	    (rc = member(out, "maker", number(r.maker))) != 0 ||
	    (rc = member(out, "bytes", number(r.offset))) != 0 ||
	    (rc = member(out, "age_ms", val_i64(r.age))) != 0)
		return rc;
	return buf_putc(out, '}');
}

/* ---- maps ---- */

static const struct {
	const char *map;
	uint32_t name; /* where the name begins in the key; 0: the key is a group alone */
	int (*put)(const struct state_seen *s, struct buf *out);
} maps[] = {
	{ "splits", SPLIT_NAME, put_split },
	{ "listed", LISTED_NAME, put_listed },
	{ "fields", 0, put_fields },
	{ "parts", 2, put_part },
};

static int
find(const struct state_seen *s)
{
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && s->version == 1; i++) {
		if (strcmp(s->map, maps[i].map) == 0)
			return (int)i;
	}
	return ferr(FERR_NOTYET, "state map '%s' in version %u is not known here", s->map,
		    s->version);
}

int
conn_look_key(const struct state_seen *s, struct val *out)
{
	int i = find(s);

	if (i < 0)
		return i;
	if (s->key.n < 2 || s->key.n < maps[i].name)
		return ferr(FERR_CORRUPT, "a key of state map '%s' is damaged", s->map);
	*out = maps[i].name == 0 ? val_i64(le16get(s->key.p))
				 : name_of(s->key.p + maps[i].name, s->key.n - maps[i].name);
	return 0;
}

int
conn_look_value(const struct state_seen *s, struct buf *out)
{
	int i = find(s);

	return i < 0 ? i : maps[i].put(s, out);
}
