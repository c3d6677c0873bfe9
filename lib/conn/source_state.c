/*
 * source_state: what a source keeps in the checkpoint, and going on from it; see source_internal.h.
 *
 * Each split stands under a key group: the k-th of the S known at the first start under k * G / S,
 * for life; one that is found later under the group of its name's hash (an older part of a log:
 * that of the log's name), and who has that group looks for it.  So that it knows what is new, the
 * names of all that were there at the first start are noted there as well.
 *
 * Value of a split, made when a barrier comes and it has moved:
 *	u32 version   u32 ordinal   text family   u64 records left of its batch
 *	i64 watermark of its channel   u32 flags, of that and of it   bytes split_save
 * Value of the fields, under the first group of who writes:
 *	bytes schema   bytes of --fields: 1 when the column has been seen
 */
#include <stdlib.h>

#include "base/hash.h"
#include "conn/source_internal.h"
#include "coord/ctl.h"

#define VERSION 1
#define KEY_NAME 7 /* u16 group, u8 kind, u32 twin, name */
enum { CHAN_IDLE = 1, CHAN_ENDED = 2, CHAN_BEHIND = 4, GAVE = 8, GONE = 16 };

/* ---- maps whose values are bytes ---- */

static void
bytes_fini(void *cookie, void *value)
{
	(void)cookie;
	buf_fini(value);
}

static int
bytes_encode(void *cookie, const void *value, struct buf *out)
{
	const struct buf *b = value;

	(void)cookie;
	return buf_put(out, b->p, b->n);
}

static int
bytes_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct buf *b = value;

	(void)cookie;
	b->n = 0;
	return buf_put(b, p, n);
}

static size_t
bytes_memory(void *cookie, const void *value)
{
	(void)cookie;
	return ((const struct buf *)value)->cap;
}

#define BYTES_MAP(NAME)                                                                        \
	{                                                                                      \
		.name = NAME, .size = sizeof(struct buf), .version = VERSION, .grouped = true, \
		.fini = bytes_fini, .encode = bytes_encode, .decode = bytes_decode,            \
		.memory = bytes_memory,                                                        \
	}
static const struct state_type splits_type = BYTES_MAP("splits");
static const struct state_type fields_type = BYTES_MAP("fields");
static const struct state_type listed_type = {
	.name = "listed", .size = 8, .version = VERSION, .grouped = true
};

static struct state_key
key_of(const struct buf *key)
{
	return (struct state_key){ hash64(key->p, key->n), key->p, (uint32_t)key->n };
}

/* The entry for s->kept.key; made when it is not there. */
static void *
entry(struct source *s, struct state_map *m, bool *fresh, int *rc)
{
	struct state_key k = key_of(&s->kept.key);
	void *v = state_put(m, 0, &k, fresh);

	*rc = 0;
	if (v == NULL && (*rc = state_error(s->kept.state)) == 0)
		*rc = FERR_NOMEM;
	return v;
}

/* Put s->kept.value under s->kept.key. */
static int
keep_bytes(struct source *s, struct state_map *m)
{
	const struct buf *value = &s->kept.value;
	struct buf *b;
	size_t before;
	bool fresh;
	int rc;

	if ((b = entry(s, m, &fresh, &rc)) == NULL)
		return rc;
	before = b->cap;
	b->n = 0;
	if ((rc = buf_put(b, value->p, value->n)) != 0)
		return rc;
	return state_account(s->kept.state, (int64_t)b->cap - (int64_t)before);
}

static int
group_key(struct buf *key, uint32_t group)
{
	uint8_t p[2];

	le16put(p, (uint16_t)group);
	key->n = 0;
	return buf_put(key, p, sizeof(p));
}

int
source_state_open(struct source *s, struct op *op)
{
	struct source_kept *k = &s->kept;
	int rc;

	if ((k->state = op_state(op)) == NULL)
		return FERR_NOMEM;
	if ((rc = state_map_open(k->state, &k->splits, &splits_type)) == 0 &&
	    (rc = state_map_open(k->state, &k->listed, &listed_type)) == 0 &&
	    (rc = state_map_open(k->state, &k->fields, &fields_type)) == 0 &&
	    (rc = op_number(op, "source.good", SNAP_SUM, &k->good)) == 0 &&
	    (rc = op_number(op, "source.nulls", SNAP_SUM, &k->nulls)) == 0 &&
	    (rc = op_number(op, "source.watermark", SNAP_MIN, &k->wm)) == 0 &&
	    (rc = op_number(op, "source.idle", SNAP_MIN, &k->idle)) == 0)
		rc = op_number(op, "source.ended", SNAP_MIN, &k->ended);
	if (rc == 0)
		rc = op_number(op, "source.held", SNAP_MIN, &k->held);
	return rc;
}

void
source_state_close(struct source *s)
{
	buf_fini(&s->kept.key);
	buf_fini(&s->kept.value);
}

/* ---- which splits are ours ---- */

static bool
is_ours(const struct source *s, uint32_t group)
{
	return group >= s->task->lo && group <= s->task->hi;
}

/* The key of a file in `listed`; its group is that of its log. */
static int
listed_key(struct source *s, const struct split *sp, uint32_t *group)
{
	const char *root = sp->family != NULL ? sp->family : sp->name;
	uint8_t kind = (uint8_t)sp->kind;
	int rc;

	*group = (uint32_t)(hash64(root, strlen(root)) % s->task->groups);
	if ((rc = group_key(&s->kept.key, *group)) == 0 && (rc = buf_putc(&s->kept.key, kind)) == 0)
		rc = buf_puts(&s->kept.key, sp->name);
	return rc;
}

int
source_state_claim(struct source *s, struct split *sp)
{
	bool fresh = false;
	int rc;

	if ((rc = listed_key(s, sp, &sp->group)) != 0)
		return rc;
	if (!is_ours(s, sp->group))
		return 0;
	/* A name may have gone to another file; then it is for our splits to say what is known. */
	if (entry(s, s->kept.listed, &fresh, &rc) != NULL && !fresh &&
	    !(s->again && s->task->parallel == 1))
		return 0;
	sp->ordinal = s->n > 0 ? s->splits[s->n - 1]->ordinal + 1 : 0;
	sp->moved = true;
	return rc == 0 ? 1 : rc;
}

/* Take the list as it was found; the caller frees it. */
static struct split **
take_list(struct source *s, unsigned *n)
{
	struct split **list = s->splits;

	*n = s->n;
	free(s->chans);
	s->splits = NULL;
	s->chans = NULL;
	s->n = s->cap = 0;
	wm_init(&s->wm, NULL, 0);
	return list;
}

static void
free_list(struct split **list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		split_free(list[i]);
	free(list);
}

/* The first start: all subtasks must have seen the same list. */
int
source_state_begin(struct source *s, uint64_t *equal)
{
	uint32_t groups = s->task->groups, group;
	struct buf names = BUF_INIT;
	struct split **list, *sp;
	bool fresh;
	unsigned n;
	int rc = 0;

	if (s->missing != NULL)
		return ferr(FERR_USAGE, "%s", s->missing);
	*s->kept.wm = WM_MIN;
	list = take_list(s, &n);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		sp = list[i];
		if ((rc = buf_put(&names, sp->name, strlen(sp->name) + 1)) != 0 ||
		    (rc = listed_key(s, sp, &group)) != 0)
			break;
		if (is_ours(s, group))
			entry(s, s->kept.listed, &fresh, &rc);
		sp->ordinal = i;
		sp->group = (uint32_t)((uint64_t)i * groups / n);
		sp->moved = true;
		if (rc == 0 && is_ours(s, sp->group)) {
			list[i] = NULL;
			rc = source_add_split(s, sp);
		} else if (rc == 0 && sp->kind == SPLIT_FILE) {
			rc = source_add_other(s, sp->name);
		}
	}
	*equal = hash64(names.p, names.n);
	buf_fini(&names);
	free_list(list, n);
	return rc;
}

/* ---- at a barrier ---- */

static int
split_key(struct source *s, const struct split *sp)
{
	struct buf *key = &s->kept.key;
	int rc;

	if ((rc = group_key(key, sp->group)) == 0 && (rc = buf_putc(key, (uint8_t)sp->kind)) == 0 &&
	    (rc = pack_u32(key, sp->twin)) == 0)
		rc = buf_puts(key, sp->name);
	return rc;
}

int
source_state_forget(struct source *s, const struct split *sp)
{
	struct state_key k;
	void *v;
	int rc;

	if ((rc = split_key(s, sp)) != 0)
		return rc;
	k = key_of(&s->kept.key);
	v = state_find(s->kept.splits, 0, &k);
	return v != NULL ? state_drop(s->kept.splits, 0, v) : state_error(s->kept.state);
}

static int
note_split(struct source *s, unsigned i)
{
	const struct split *sp = s->splits[i];
	const struct wm_chan *c = &s->chans[chan_of(s, i)];
	struct buf *v = &s->kept.value;
	struct buf place = BUF_INIT;
	uint32_t flags = (c->idle ? CHAN_IDLE : 0) | (c->ended ? CHAN_ENDED : 0) |
			 (c->behind ? CHAN_BEHIND : 0) | (sp->gave ? GAVE : 0) |
			 (sp->gone ? GONE : 0);
	int rc;

	v->n = 0;
	if ((rc = split_key(s, sp)) != 0 || (rc = pack_u32(v, VERSION)) != 0 ||
	    (rc = pack_u32(v, sp->ordinal)) != 0 || (rc = pack_text(v, sp->family)) != 0 ||
	    (rc = pack_u64(v, s->cur == sp ? s->left : 0)) != 0 ||
	    (rc = pack_u64(v, (uint64_t)c->wm)) != 0 || (rc = pack_u32(v, flags)) != 0)
		return rc;
	if ((rc = split_save(sp, &place)) == 0 && (rc = pack_bytes(v, place.p, place.n)) == 0)
		rc = keep_bytes(s, s->kept.splits);
	buf_fini(&place);
	return rc;
}

static int
note_fields(struct source *s)
{
	struct source_kept *k = &s->kept;
	struct buf schema = BUF_INIT;
	int rc;

	k->value.n = 0;
	if ((rc = group_key(&k->key, s->task->lo)) == 0 &&
	    (rc = schema_encode(&s->schema, &schema)) == 0 &&
	    (rc = pack_bytes(&k->value, schema.p, schema.n)) == 0 &&
	    (rc = pack_bytes(&k->value, s->seen, s->nfields)) == 0)
		rc = keep_bytes(s, k->fields);
	buf_fini(&schema);
	k->nfields = s->schema.n;
	k->changing = s->schema.changing;
	k->unseen = s->unseen;
	return rc;
}

int
source_state_note(struct source *s, bool final)
{
	struct source_kept *k = &s->kept;
	int rc = 0;

	*k->good = s->good;
	*k->nulls = s->nulls;
	*k->wm = s->wm.out;
	*k->idle = s->wm.out_idle;
	*k->ended = final || s->finished;
	if (final)
		*k->held = s->spec.hold && !s->finished;
	if (s->schema.n != k->nfields || s->schema.changing != k->changing ||
	    s->unseen != k->unseen)
		rc = note_fields(s);
	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		if (!s->splits[i]->moved)
			continue;
		rc = note_split(s, i);
		s->splits[i]->moved = false;
	}
	return rc;
}

/* ---- going on ---- */

/* The fields of one entry, and which of --fields have been seen. */
static int
add_fields(struct source *s, struct schema *all, const struct buf *entry)
{
	struct ctl_body in = { entry->p, entry->n, false };
	size_t nold, nseen;
	const uint8_t *p = ctl_bytes(&in, &nold), *seen = ctl_bytes(&in, &nseen);
	struct schema old;
	int rc, i;

	if (in.bad || in.n > 0)
		return ferr(FERR_CORRUPT, "the fields of a source are not of this version");
	schema_init(&old);
	rc = schema_decode(&old, p, nold);
	all->changing = all->changing || old.changing;
	for (unsigned f = 0; rc == 0 && f < old.n; f++) {
		i = schema_add(all, old.f[f].name, old.f[f].n);
		rc = i < 0 ? i : 0;
	}
	schema_fini(&old);
	for (unsigned f = 0; f < s->nfields && nseen == s->nfields; f++) {
		if (!s->seen[f] && seen[f] != 0) {
			s->seen[f] = true;
			s->unseen--;
		}
	}
	return rc;
}

/* The fields as they were; those of a subtask that is no more come behind ours. */
static int
restore_fields(struct source *s)
{
	struct schema all;
	struct state_walk w = { 0 };
	const struct buf *b;
	int rc, i;

	schema_init(&all);
	rc = state_walk_begin(&w, s->kept.fields, 0, true);
	while (rc == 0 && (b = state_walk_next(&w, &rc)) != NULL)
		rc = add_fields(s, &all, b);
	state_walk_end(&w);
	s->kept.nfields = all.n;
	s->kept.changing = all.changing;
	s->kept.unseen = s->unseen;
	/* What the command line asks for is in there already, unless it has changed. */
	for (unsigned f = 0; f < s->nfields && rc == 0; f++) {
		i = schema_add(&all, s->fields[f].name, strlen(s->fields[f].name));
		if (i < 0)
			rc = i;
		else
			s->fields[f].to = (unsigned)i;
	}
	if (rc != 0) {
		schema_fini(&all);
		return rc;
	}
	schema_fini(&s->schema);
	s->schema = all;
	return s->spec.meta != NULL ? source_find_meta(s) : 0;
}

/* A split and the channel's state from its entry. */
struct restored {
	struct split *split;
	struct wm_chan chan;
	uint64_t left;
};

static int
decode_split(struct source *s, struct restored *r, const struct state_key *k, const struct buf *v)
{
	struct ctl_body in = { v->p, v->n, false };
	uint32_t version, flags, ordinal;
	const uint8_t *place;
	char *family, *name;
	size_t n;
	int rc = FERR_NOMEM;

	version = ctl_u32(&in);
	ordinal = ctl_u32(&in);
	family = ctl_text(&in);
	r->left = ctl_u64(&in);
	r->chan.wm = (int64_t)ctl_u64(&in);
	flags = ctl_u32(&in);
	place = ctl_bytes(&in, &n);
	name = k->n > KEY_NAME ? strndup((const char *)k->p + KEY_NAME, k->n - KEY_NAME) : NULL;
	if (in.bad || in.n > 0 || version != VERSION || k->n <= KEY_NAME || k->p[2] > SPLIT_KAFKA)
		rc = ferr(FERR_CORRUPT, "an entry of a split is not one of this version");
	else if (name != NULL && family != NULL)
		rc = split_new(&r->split, (enum split_kind)k->p[2], name,
			       s->spec.follow && k->p[2] == SPLIT_FILE && family[0] == '\0');
	free(name);
	if (rc == 0 && family[0] != '\0') {
		r->split->family = family;
		family = NULL;
	}
	free(family);
	if (rc != 0)
		return rc;
	r->split->group = le16get(k->p);
	r->split->twin = le32get(k->p + 3);
	r->split->ordinal = ordinal;
	r->chan.idle = (flags & CHAN_IDLE) != 0;
	r->chan.ended = (flags & CHAN_ENDED) != 0;
	r->chan.behind = (flags & CHAN_BEHIND) != 0 && r->chan.wm < s->wm.out;
	r->split->gave = (flags & GAVE) != 0;
	r->split->gone = (flags & GONE) != 0;
	rc = split_load(r->split, place, n);
	return rc == 0 && r->split->kind == SPLIT_KAFKA ? source_kafka_attach(s, r->split) : rc;
}

static int
in_order(const void *a, const void *b)
{
	const struct split *x = ((const struct restored *)a)->split;
	const struct split *y = ((const struct restored *)b)->split;

	if (x->ordinal != y->ordinal)
		return x->ordinal < y->ordinal ? -1 : 1;
	return x->group != y->group ? (x->group < y->group ? -1 : 1) : strcmp(x->name, y->name);
}

/* Make the splits of v our list.  With --sequence all have one channel: the furthest counts. */
static int
put_splits(struct source *s, struct restored *v, size_t n)
{
	struct wm_chan *c;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct split *sp = v[i].split;

		v[i].split = NULL;
		if ((rc = source_add_split(s, sp)) != 0)
			break;
		c = &s->chans[chan_of(s, s->n - 1)];
		if (!s->spec.sequence || i == 0 || v[i].chan.wm >= c->wm)
			*c = v[i].chan;
		if (v[i].left > 0 && s->cur == NULL) {
			s->cur = sp;
			s->left = (unsigned)v[i].left;
		}
	}
	return rc;
}

static int
restore_splits(struct source *s)
{
	struct restored *v = NULL, *grown;
	struct state_walk w = { 0 };
	const struct buf *b;
	struct state_key k;
	size_t n = 0, cap = 0;
	int rc = state_walk_begin(&w, s->kept.splits, 0, false);

	while (rc == 0 && (b = state_walk_next(&w, &rc)) != NULL) {
		if (n == cap) {
			cap = cap != 0 ? 2 * cap : 16;
			if ((grown = realloc(v, cap * sizeof(*v))) == NULL) {
				rc = ferr(FERR_NOMEM, "out of memory");
				break;
			}
			v = grown;
		}
		v[n] = (struct restored){ 0 };
		k = state_key_of(s->kept.splits, b);
		rc = decode_split(s, &v[n++], &k, b);
	}
	state_walk_end(&w);
	if (n > 1)
		qsort(v, n, sizeof(*v), in_order);
	if (rc == 0)
		rc = put_splits(s, v, n);
	for (size_t i = 0; i < n; i++)
		split_free(v[i].split);
	free(v);
	return rc;
}

/* ---- what is new since ---- */

/* All was read to its end, and who gives nothing from now on is not waited for. */
static void
begin_run(struct source *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct wm_chan *c = &s->chans[chan_of(s, i)];

		if (!s->spec.sequence && s->splits[i]->done && !c->ended)
			c->ended = s->splits[i]->moved = true;
		if (s->splits[i]->gave)
			s->splits[i]->moved = true;
		s->splits[i]->gave = false;
	}
}

static bool
in_this_pass(const struct source *s, const char *name)
{
	for (unsigned i = s->pass; i < s->n; i++) {
		if (strcmp(s->splits[i]->name, name) == 0)
			return true;
	}
	return false;
}

/* Of the present listing: what nobody knows yet.  A list that is not followed was complete at the
 * first start, but what is named is read. */
static int
look_for_new(struct source *s, struct split **list, unsigned n, struct news *news)
{
	bool more;
	int rc = 0;

	for (unsigned i = 0; i < n && rc >= 0; i++) {
		struct split *sp = list[i];

		if (sp->family != NULL && !in_this_pass(s, sp->family))
			continue; /* who follows the log reads it */
		more = !sp->found || s->spec.follow || s->again;
		if (!more || (s->again && source_has(s, sp)) ||
		    (rc = source_state_claim(s, sp)) != 1)
			continue;
		if (sp->kind == SPLIT_KAFKA && source_kafka_skip(s, sp))
			continue;
		if (s->finished) {
			rc = source_tell_news(news, sp->name, "is new");
			continue;
		}
		list[i] = NULL;
		rc = source_add_split(s, sp);
	}
	return rc < 0 ? rc : 0;
}

static int
refuse_news(const struct source *s, const struct news *news)
{
	char more[32] = "";

	if (news->n > 3)
		snprintf(more, sizeof(more), " and %u more", news->n - 3);
	return ferr(
	    FERR_USAGE, "the job is finished%s, but its input has changed since: %.*s%s; %s%s",
	    s->spec.hold ? ": a run without --at-end hold has closed all its windows" : "",
	    (int)news->names.n, (const char *)news->names.p, more, task_anew(s->task->plain),
	    s->spec.hold ? "" : "; a job that shall come back for more has fsource --at-end hold");
}

/* With --sequence all is one split, in as many pieces as there are files: what is read first goes
 * on where the others ended. */
static void
join_sequence(struct source *s)
{
	unsigned next = source_undone(s, 0);

	for (unsigned i = 0; i < s->n && next < s->n; i++) {
		if (s->splits[i]->max_ts > s->splits[next]->max_ts)
			s->splits[next]->max_ts = s->splits[i]->max_ts;
	}
}

/*
 * Our splits are those of the checkpoint, in the same order; nothing is opened.  FERR_USAGE: the
 * job was finished and there is new input.
 */
int
source_state_restore(struct source *s)
{
	struct news news = { 0 };
	struct split **list;
	bool over, ended; /* --limit is reached; all was read */
	unsigned n;
	int rc;

	if (*s->kept.held != 0 && s->task->parallel > 1)
		return ferr(FERR_USAGE, "what --at-end hold has kept open goes on with one "
					"subtask: fsource -p 1");
	list = take_list(s, &n);
	s->good = *s->kept.good;
	s->nulls = *s->kept.nulls;
	s->wm.out = *s->kept.wm;
	s->wm.out_idle = *s->kept.idle != 0;
	rc = restore_fields(s);
	if (rc == 0)
		rc = restore_splits(s);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		if (list[i]->kind == SPLIT_FILE)
			rc = source_add_other(s, list[i]->name);
	}
	s->pass = s->n;
	over = s->good == s->spec.limit;
	ended = *s->kept.ended != 0;
	s->finished = !source_endless(s) && ended && *s->kept.held == 0;
	s->again = !source_endless(s) && (ended || s->spec.hold || *s->kept.held != 0);
	if (ended)
		begin_run(s);
	if (rc == 0 && !over && (s->again || ended))
		rc = source_again(s, list, n, &news);
	if (rc == 0 && !over)
		rc = look_for_new(s, list, n, &news);
	if (rc == 0 && news.n > 0)
		rc = refuse_news(s, &news);
	if (rc == 0 && s->spec.sequence)
		join_sequence(s);
	buf_fini(&news.names);
	free_list(list, n);
	return rc;
}
