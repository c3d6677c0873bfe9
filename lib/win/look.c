/* look: see look.h. */
#include "win/look.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/unit.h"
#include "op/zone.h"
#include "win/win_internal.h"

struct win_look {
	char *text; /* of the signature, cut into words; the spec's texts lie in it */
	struct win *win;
	int64_t pane;	   /* ms */
	bool whole;	   /* panes are windows */
	struct buf json;   /* of the value at hand */
	struct buf *names; /* `"NAME":` for each aggregate */
	int (*fn)(void *cookie, const struct win_item *it);
	void *cookie;
};

/* ---- the signature (progress.c makes it) ---- */

/* Take word and the blank behind it off *at. */
static bool
take(char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n) != 0 || (*at)[n] != ' ')
		return false;
	*at += n + 1;
	return true;
}

/* Cut off the word at *at. */
static char *
cut(char **at)
{
	char *word = *at;
	size_t n = strcspn(word, " ");

	*at += n + (word[n] != '\0');
	word[n] = '\0';
	return word;
}

/* KIND [SIZE]: the operands of fwindow. */
static int
take_kind(struct win_spec *s, char **at)
{
	char *argv[2] = { cut(at), NULL };
	bool top = strcmp(argv[0], "top") == 0, sized = true;
	static const char *const unsized[] = { "running", "global", "first", "last" };

	for (size_t i = 0; i < 4; i++)
		sized = sized && strcmp(argv[0], unsized[i]) != 0;
	if (top) { /* its expression is all the rest */
		argv[1] = *at;
		*at += strlen(*at);
	} else if (sized) {
		argv[1] = cut(at);
	}
	return win_parse_kind(s, sized ? 2 : 1, argv);
}

static int
take_duration(int64_t *to, char **at)
{
	const char *word = cut(at);

	return unit_duration(word, strlen(word), to);
}

static int
read_signature(struct win_spec *s, char *at)
{
	int rc;

	*s = (struct win_spec)WIN_SPEC_INIT;
	if ((rc = take_kind(s, &at)) != 0)
		return rc;
	if (take(&at, "by processing time"))
		s->proc = true;
	if (take(&at, "offset"))
		rc = take_duration(&s->offset, &at);
	if (rc == 0 && take(&at, "tz"))
		s->tz = cut(&at);
	if (rc == 0 && take(&at, "lateness"))
		rc = take_duration(&s->lateness, &at);
	if (rc == 0 && take(&at, "early"))
		rc = take_duration(&s->early, &at);
	if (*at != '\0')
		s->aggs = at;
	return rc;
}

/* ---- life ---- */

static int
name_aggs(struct win_look *l)
{
	unsigned n = aggs_n(l->win->aggs);
	int rc = 0;

	if ((l->names = calloc(n + 1, sizeof(*l->names))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < n && rc == 0; i++) {
		const char *name = aggs_name(l->win->aggs, i);

		if ((rc = val_json_str(name, strlen(name), &l->names[i])) == 0)
			rc = buf_putc(&l->names[i], ':');
	}
	return rc;
}

int
win_look_new(struct win_look **out, const char *signature)
{
	struct win_look *l = calloc(1, sizeof(*l));
	struct win_spec spec;
	int rc;

	if (l == NULL || (l->text = strdup(signature)) == NULL) {
		free(l);
		return ferr(FERR_NOMEM, "out of memory");
	}
	if ((rc = read_signature(&spec, l->text)) == 0)
		rc = win_new(&l->win, &spec);
	/* It must be what it was made from: else this is another version's. */
	if (rc == 0 && strcmp(l->win->signature, signature) != 0)
		rc = ferr(FERR_USAGE, "the signature '%s' is not one of this version", signature);
	if (rc == 0)
		rc = name_aggs(l);
	if (rc != 0) {
		win_look_free(l);
		return rc;
	}
	l->whole = spec.slide == spec.size || spec.early != 0;
	l->pane = spec.kind == WIN_CUMULATE ? spec.slide : gcd(spec.size, spec.slide);
	*out = l;
	return 0;
}

void
win_look_free(struct win_look *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; l->names != NULL && i < aggs_n(l->win->aggs); i++)
		buf_fini(&l->names[i]);
	free(l->names);
	win_free(l->win);
	buf_fini(&l->json);
	free(l->text);
	free(l);
}

bool
win_look_grouped(const char *map)
{
	return strcmp(map, "ahead") == 0;
}

/* ---- values ---- */

/* What the block says, as an object; the block is cleared. */
static int
put_block(struct win_look *l, void *block)
{
	struct aggs *a = l->win->aggs;
	unsigned n = aggs_n(a);
	struct val v;
	int rc;

	l->json.n = 0;
	rc = buf_putc(&l->json, '{');
	for (unsigned i = 0; i < n && rc == 0; i++) {
		if ((i > 0 && (rc = buf_putc(&l->json, ',')) != 0) ||
		    (rc = buf_put(&l->json, l->names[i].p, l->names[i].n)) != 0)
			break;
		rc = aggs_result(a, block, i, &v);
		if (rc == FERR_DATA)
			v = VAL_NULLV; /* the sum of what does not fit */
		if (rc == 0 || rc == FERR_DATA)
			rc = val_json(&v, &l->json);
	}
	aggs_arena_reset(a);
	if (!l->win->plain)
		aggs_fini(a, block);
	return rc != 0 ? rc : buf_putc(&l->json, '}');
}

static int
give(struct win_look *l, struct win_item it, void *block)
{
	int rc = put_block(l, block);

	it.value = &l->json;
	return rc != 0 ? rc : l->fn(l->cookie, &it);
}

static const struct win_item nothing = {
	.start = ROW_NOTIME, .end = ROW_NOTIME, .time = ROW_NOTIME, .seen = -1, .fired = -1
};

/* An empty block. */
static void *
block_of(struct win_look *l)
{
	if (l->win->asize > 0) /* kinds that keep records aggregate nothing */
		memset(l->win->scratch, 0, l->win->asize);
	return l->win->scratch;
}

/* Where the window or pane begins that ends at local time end. */
static int64_t
start_of(const struct win_look *l, int64_t end)
{
	const struct win_spec *s = &l->win->spec;

	if (!l->whole)
		return end - l->pane;
	return s->kind == WIN_CUMULATE ? floor_to(end - 1, s->offset, s->size) : end - s->size;
}

static int
see_pane(struct win_look *l, const struct state_seen *s)
{
	struct win_item it = nothing;
	void *block = block_of(l);
	int rc;

	it.start = tz_edge(l->win->tz, start_of(l, s->ns), false);
	it.end = tz_edge(l->win->tz, s->ns, true);
	rc = aggs_decode(l->win->aggs, block, s->value, s->n);
	return rc != 0 ? rc : give(l, it, block);
}

static int
see_session(struct win_look *l, const struct state_seen *s)
{
	const uint8_t *p = s->value, *end = p + s->n;
	struct win_item it = nothing;
	void *block;
	int rc = 0;

	while (p < end && rc == 0) {
		if (end - p < 17)
			return ferr(FERR_CORRUPT, "the state of a session is too short");
		it.start = (int64_t)le64get(p);
		it.end = (int64_t)le64get(p + 8);
		it.fired = p[16];
		p += 17;
		block = block_of(l);
		if ((rc = win_block_get(l->win, block, &p, end)) == 0)
			rc = give(l, it, block);
	}
	return rc;
}

static int
see_keys(struct win_look *l, const struct state_seen *s)
{
	struct win_item it = nothing;
	void *block = block_of(l);
	int rc;

	if (s->n < 8)
		return ferr(FERR_CORRUPT, "the state of a key is too short");
	it.time = (int64_t)le64get(s->value);
	rc = aggs_decode(l->win->aggs, block, s->value + 8, s->n - 8);
	return rc != 0 ? rc : give(l, it, block);
}

static int
see_changes(struct win_look *l, const struct state_seen *s)
{
	struct win_item it = nothing;
	void *block = block_of(l);
	int rc;

	if (s->n < 24)
		return ferr(FERR_CORRUPT, "the state of a key is too short");
	it.time = (int64_t)le64get(s->value);
	it.seen = (int64_t)le64get(s->value + 16);
	rc = aggs_decode(l->win->aggs, block, s->value + 24, s->n - 24);
	return rc != 0 ? rc : give(l, it, block);
}

/* Its parts, put together: the last records of the key. */
static int
see_count(struct win_look *l, const struct state_seen *s)
{
	const uint8_t *p = s->value, *end = p + s->n;
	struct aggs *a = l->win->aggs;
	struct win_item it = nothing;
	void *all, *part = block_of(l);
	int rc = 0;

	if (s->n < 17)
		return ferr(FERR_CORRUPT, "the state of a count window is too short");
	if ((all = calloc(1, l->win->asize)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	it.time = (int64_t)le64get(p);
	it.seen = (int64_t)le64get(p + 8);
	for (p += 17; p < end && rc == 0;) {
		if ((rc = win_block_get(l->win, part, &p, end)) == 0)
			rc = aggs_merge(a, all, part);
		aggs_fini(a, part);
	}
	if (rc == 0)
		rc = give(l, it, all);
	aggs_fini(a, all);
	free(all);
	return rc;
}

static int
see_ahead(struct win_look *l, const struct state_seen *s)
{
	const struct val wm = s->n == 8 ? val_time((int64_t)le64get(s->value)) : VAL_NULLV;
	struct win_item it = nothing;
	int rc;

	l->json.n = 0;
	if ((rc = buf_puts(&l->json, "{\"watermark\":")) != 0 ||
	    (rc = val_json(&wm, &l->json)) != 0 || (rc = buf_putc(&l->json, '}')) != 0)
		return rc;
	it.value = &l->json;
	return l->fn(l->cookie, &it);
}

int
win_look(struct win_look *l, const struct state_seen *s,
	 int (*fn)(void *cookie, const struct win_item *it), void *cookie)
{
	static const struct {
		const char *map;
		int (*see)(struct win_look *l, const struct state_seen *s);
	} maps[] = {
		{ "pane", see_pane },	    { "session", see_session }, { "keys", see_keys },
		{ "changes", see_changes }, { "done", see_keys },	{ "count", see_count },
		{ "ahead", see_ahead },
	};

	l->fn = fn;
	l->cookie = cookie;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && s->version == 1; i++) {
		if (strcmp(s->map, maps[i].map) == 0)
			return maps[i].see(l, s);
	}
	return ferr(FERR_NOTYET, "state map '%s' in version %u is not known here", s->map,
		    s->version);
}
