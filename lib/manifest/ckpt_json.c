/* ckpt_json: see ckpt_json.h. */
#include "manifest/ckpt_json.h"

#include <inttypes.h>

#include <jansson.h>

#include "base/time.h"
#include "manifest/manifest_internal.h"
#include "manifest/sealed.h"

#define VERSION 1

static const char *const kinds[] = { "checkpoint", "savepoint", "stop", "drain", "final" };
static const char *const merges[] = { "min", "max", "sum" }; /* enum snap_merge */
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define MERGES (sizeof(merges) / sizeof(merges[0]))

static int
find(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

/* ---- life ---- */

void
ckpt_file_init(struct ckpt_file *f)
{
	*f = (struct ckpt_file){ 0 };
}

static void
stage_fini(struct ckpt_stage *s)
{
	for (uint32_t i = 0; s->sub != NULL && i < s->parallel; i++)
		snap_fini(&s->sub[i]);
	free(s->sub);
	free(s->name);
	free(s->tool);
	free(s->signature);
}

void
ckpt_file_fini(struct ckpt_file *f)
{
	for (unsigned i = 0; i < f->nstages; i++)
		stage_fini(&f->stage[i]);
	free(f->stage);
	free(f->job);
	ckpt_file_init(f);
}

/* ---- printing ---- */

static int
put_hex(struct buf *out, const uint8_t *p, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = buf_printf(out, "%02x", p[i]);
	return rc;
}

/* `"key":VALUE`, with what stands before it. */
static int
put_text(struct buf *out, const char *key, const char *s)
{
	int rc = buf_printf(out, "%s:", key);

	return rc != 0 ? rc : put_json_string(out, s);
}

/* The integers that JSON readers take are those of i64. */
static int
put_u64(struct buf *out, const char *key, uint64_t v)
{
	if (v > INT64_MAX)
		return ferr(FERR_CORRUPT, "%" PRIu64 " is too large for a manifest", v);
	return buf_printf(out, "%s:%" PRIu64, key, v);
}

static int
put_files(struct buf *out, const char *key, const struct snap_files *f)
{
	int rc = buf_printf(out, "%s:[", key);

	for (unsigned i = 0; rc == 0 && i < f->n; i++) {
		const struct snap_file *file = &f->v[i];

		if ((rc = put_text(out, i == 0 ? "{\"file\"" : ",{\"file\"", file->name)) == 0 &&
		    (rc = put_u64(out, ",\"start\"", file->start)) == 0 &&
		    (rc = put_u64(out, ",\"end\"", file->end)) == 0 &&
		    (rc = buf_printf(out, ",\"crc\":\"%08" PRIx32 "\"", file->crc)) == 0 &&
		    (rc = put_u64(out, ",\"epoch\"", file->epoch)) == 0)
			rc = buf_putc(out, '}');
	}
	return rc != 0 ? rc : buf_putc(out, ']');
}

static int
put_numbers(struct buf *out, const struct snap *s)
{
	int rc = buf_puts(out, ",\"numbers\":{");

	for (unsigned i = 0; rc == 0 && i < s->nnumber; i++) {
		const struct snap_number *n = &s->number[i];

		if (n->merge >= MERGES)
			return ferr(FERR_CORRUPT, "number %s: merge %u cannot be", n->name,
				    n->merge);
		if ((i == 0 || (rc = buf_putc(out, ',')) == 0) &&
		    (rc = put_json_string(out, n->name)) == 0)
			rc = buf_printf(out, ":{\"v\":%" PRId64 ",\"merge\":\"%s\"}", n->v,
					merges[n->merge]);
	}
	return rc != 0 ? rc : buf_putc(out, '}');
}

static int
put_subtask(struct buf *out, const struct snap *s)
{
	int rc;

	if ((rc = put_u64(out, "{\"published\"", s->published)) != 0 ||
	    (rc = put_files(out, ",\"state\"", &s->state)) != 0 ||
	    (rc = put_files(out, ",\"pending\"", &s->pending)) != 0 ||
	    (s->flight.n > 0 && (rc = put_files(out, ",\"flight\"", &s->flight)) != 0) ||
	    (rc = put_numbers(out, s)) != 0)
		return rc;
	if (s->schema != NULL &&
	    ((rc = buf_puts(out, ",\"schema\":\"")) != 0 ||
	     (rc = base64_put(s->schema, s->nschema, out)) != 0 || (rc = buf_putc(out, '"')) != 0))
		return rc;
	return buf_putc(out, '}');
}

static int
put_stage(struct buf *out, const struct ckpt_stage *s)
{
	int rc;

	if ((rc = put_text(out, "{\"name\"", s->name)) != 0 ||
	    (rc = put_text(out, ",\"tool\"", s->tool)) != 0 ||
	    (rc = buf_printf(out, ",\"parallelism\":%" PRIu32 ",\"groups\":%" PRIu32, s->parallel,
			     s->groups)) != 0 ||
	    (s->signature != NULL && (rc = put_text(out, ",\"signature\"", s->signature)) != 0) ||
	    (rc = buf_puts(out, ",\"subtasks\":[")) != 0)
		return rc;
	for (uint32_t i = 0; rc == 0 && i < s->parallel; i++)
		if ((rc = buf_puts(out, i == 0 ? "\n " : ",\n ")) == 0)
			rc = put_subtask(out, &s->sub[i]);
	return rc != 0 ? rc : buf_puts(out, "]}");
}

static int
put_head(const struct ckpt_file *f, struct buf *out)
{
	char time[TIME_PRINT_MAX];
	size_t n = time_print(f->time, time);
	int rc;

	if ((rc = buf_printf(out, "{\"version\":%d", VERSION)) != 0 ||
	    (rc = put_text(out, ",\"job\"", f->job)) != 0 ||
	    (rc = buf_puts(out, ",\"job_id\":\"")) != 0 ||
	    (rc = put_hex(out, f->job_id, sizeof(f->job_id))) != 0 ||
	    (rc = put_u64(out, "\",\"place\"", f->place)) != 0 ||
	    (rc = put_u64(out, ",\"epoch\"", f->epoch)) != 0 ||
	    (rc = buf_puts(out, ",\"barrier\":\"")) != 0 ||
	    (rc = put_hex(out, f->barrier, sizeof(f->barrier))) != 0 ||
	    (rc = put_u64(out, "\",\"attempt\"", f->attempt)) != 0)
		return rc;
	return buf_printf(out, ",\"kind\":\"%s\",\"time\":\"%.*s\",\"hash\":\"xxh3-64\"",
			  kinds[f->kind], (int)n, time);
}

int
ckpt_file_print(const struct ckpt_file *f, struct buf *out)
{
	size_t begin = out->n;
	int rc;

	if ((rc = put_head(f, out)) != 0 || (rc = buf_puts(out, ",\"stages\":[")) != 0)
		goto fail;
	for (unsigned i = 0; i < f->nstages; i++)
		if ((rc = buf_puts(out, i == 0 ? "\n" : ",\n")) != 0 ||
		    (rc = put_stage(out, &f->stage[i])) != 0)
			goto fail;
	if ((rc = buf_putc(out, ']')) != 0 || (rc = sealed_end(out, begin)) != 0)
		goto fail;
	return 0;
fail:
	out->n = begin;
	return rc;
}

/* ---- parsing ---- */

static int
corrupt(const json_error_t *e)
{
	return ferr(FERR_CORRUPT, "not a checkpoint's manifest: %s", e->text);
}

static int
get_hex(uint8_t *p, size_t n, const char *key, const char *s)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(s) != 2 * n || strspn(s, digits) != 2 * n)
		return ferr(FERR_CORRUPT, "%s is not of %zu hex digits", key, 2 * n);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((strchr(digits, s[2 * i]) - digits) << 4 |
				 (strchr(digits, s[2 * i + 1]) - digits));
	return 0;
}

static int
get_u32_hex(uint32_t *v, const char *key, const char *s)
{
	uint8_t p[4];
	int rc = get_hex(p, 4, key, s);

	if (rc == 0)
		*v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return rc;
}

static int
get_u64(uint64_t *to, const char *key, json_int_t v)
{
	if (v < 0)
		return ferr(FERR_CORRUPT, "%s: %" JSON_INTEGER_FORMAT " cannot be", key, v);
	*to = (uint64_t)v;
	return 0;
}

static int
get_text(char **to, const char *s)
{
	if ((*to = strdup(s)) == NULL)
		return no_memory();
	return 0;
}

static int
get_file(struct snap_files *f, json_t *v)
{
	json_int_t start, end, epoch;
	uint64_t from = 0, to = 0, last = 0;
	const char *name, *hex;
	json_error_t e;
	uint32_t crc = 0;
	int rc;

	if (json_unpack_ex(v, &e, 0, "{s:s, s:I, s:I, s:s, s:I !}", "file", &name, "start", &start,
			   "end", &end, "crc", &hex, "epoch", &epoch) != 0)
		return corrupt(&e);
	if ((rc = get_u64(&from, "start", start)) != 0 || (rc = get_u64(&to, "end", end)) != 0 ||
	    (rc = get_u64(&last, "epoch", epoch)) != 0 || (rc = get_u32_hex(&crc, "crc", hex)) != 0)
		return rc;
	if (from > to)
		return ferr(FERR_CORRUPT, "%s: its end is before its start", name);
	return snap_add_file(f, name, from, to, crc, last);
}

static int
get_files(struct snap_files *f, json_t *list)
{
	size_t i;
	json_t *v;
	int rc;

	if (!json_is_array(list))
		return ferr(FERR_CORRUPT, "a list of files is missing");
	json_array_foreach(list, i, v)
	{
		if ((rc = get_file(f, v)) != 0)
			return rc;
	}
	return 0;
}

static int
get_numbers(struct snap *s, json_t *numbers)
{
	const char *name, *merge;
	json_error_t e;
	json_int_t n;
	json_t *v;
	int rc, m;

	if (!json_is_object(numbers))
		return ferr(FERR_CORRUPT, "numbers is not an object");
	json_object_foreach(numbers, name, v)
	{
		if (json_unpack_ex(v, &e, 0, "{s:I, s:s !}", "v", &n, "merge", &merge) != 0)
			return corrupt(&e);
		if ((m = find(merges, MERGES, merge)) < 0)
			return ferr(FERR_CORRUPT, "number %s: unknown merge", name);
		if ((rc = snap_add_number(s, name, n, (enum snap_merge)m)) != 0)
			return rc;
	}
	return 0;
}

static int
get_schema(struct snap *s, const char *text, size_t n)
{
	struct buf b = BUF_INIT;
	int rc = base64_get(text, n, &b);

	if (rc != 0) {
		buf_fini(&b);
		return rc == FERR_NOMEM ? rc : ferr_prefix(FERR_CORRUPT, "schema");
	}
	s->schema = b.p; /* taken over; nothing is an absent one */
	s->nschema = (uint32_t)b.n;
	return b.n != 0 ? 0 : ferr(FERR_CORRUPT, "schema is empty");
}

static int
get_subtask(struct snap *s, json_t *v, const struct ckpt_stage *st, uint32_t i)
{
	json_t *state, *pending, *flight = NULL, *numbers;
	const char *schema = NULL;
	json_int_t published;
	json_error_t e;
	size_t n = 0;
	int rc;

	if (json_unpack_ex(v, &e, 0, "{s:I, s:o, s:o, s?o, s:o, s?s% !}", "published", &published,
			   "state", &state, "pending", &pending, "flight", &flight, "numbers",
			   &numbers, "schema", &schema, &n) != 0)
		return corrupt(&e);
	s->subtask = i;
	s->parallel = st->parallel;
	s->groups = st->groups;
	if ((rc = get_u64(&s->published, "published", published)) != 0 ||
	    (rc = get_files(&s->state, state)) != 0 ||
	    (rc = get_files(&s->pending, pending)) != 0 ||
	    (flight != NULL && (rc = get_files(&s->flight, flight)) != 0) ||
	    (rc = get_numbers(s, numbers)) != 0 ||
	    (st->signature != NULL && (rc = get_text(&s->signature, st->signature)) != 0))
		return rc;
	return schema != NULL ? get_schema(s, schema, n) : 0;
}

static int
get_stage(struct ckpt_stage *s, json_t *v)
{
	const char *name, *tool, *signature = NULL;
	json_int_t parallel, groups;
	json_t *subtasks;
	json_error_t e;
	int rc;

	if (json_unpack_ex(v, &e, 0, "{s:s, s:s, s:I, s:I, s?s, s:o !}", "name", &name, "tool",
			   &tool, "parallelism", &parallel, "groups", &groups, "signature",
			   &signature, "subtasks", &subtasks) != 0)
		return corrupt(&e);
	if (!json_is_array(subtasks) || parallel < 1 ||
	    json_array_size(subtasks) != (size_t)parallel || groups < parallel || groups > 32768)
		return ferr(FERR_CORRUPT, "stage %s: its parallelism, groups and subtasks disagree",
			    name);
	if ((rc = get_text(&s->name, name)) != 0 || (rc = get_text(&s->tool, tool)) != 0 ||
	    (signature != NULL && (rc = get_text(&s->signature, signature)) != 0))
		return rc;
	if ((s->sub = calloc((size_t)parallel, sizeof(*s->sub))) == NULL)
		return no_memory();
	s->parallel = (uint32_t)parallel;
	s->groups = (uint32_t)groups;
	for (uint32_t i = 0; i < s->parallel; i++)
		snap_init(&s->sub[i]);
	for (uint32_t i = 0; i < s->parallel; i++)
		if ((rc = get_subtask(&s->sub[i], json_array_get(subtasks, i), s, i)) != 0)
			return rc;
	return 0;
}

static int
get_file_head(struct ckpt_file *f, json_t *v, json_t **stages)
{
	const char *job, *id, *barrier, *kind, *time, *hash, *sum;
	json_int_t version, place, epoch, attempt;
	json_error_t e;
	int rc, k;

	if (json_unpack_ex(v, &e, 0, "{s:I}", "version", &version) != 0)
		return corrupt(&e);
	if (version != VERSION)
		return ferr(FERR_CORRUPT,
			    "the manifest is of version %" JSON_INTEGER_FORMAT
			    ", and this program reads version %d: use the one that wrote it",
			    version, VERSION);
	if (json_unpack_ex(v, &e, 0,
			   "{s:I, s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:s, s:s, s:o, s:s !}",
			   "version", &version, "job", &job, "job_id", &id, "place", &place,
			   "epoch", &epoch, "barrier", &barrier, "attempt", &attempt, "kind", &kind,
			   "time", &time, "hash", &hash, "stages", stages, "crc32c", &sum) != 0)
		return corrupt(&e);
	if ((k = find(kinds, KINDS, kind)) < 0 || strcmp(hash, "xxh3-64") != 0 ||
	    !json_is_array(*stages) || !time_parse(time, strlen(time), NULL, NULL, &f->time))
		return ferr(FERR_CORRUPT, "kind, time, hash or stages cannot be");
	f->kind = (enum ckpt_file_kind)k;
	if ((rc = get_hex(f->job_id, sizeof(f->job_id), "job_id", id)) != 0 ||
	    (rc = get_hex(f->barrier, sizeof(f->barrier), "barrier", barrier)) != 0 ||
	    (rc = get_u64(&f->place, "place", place)) != 0 ||
	    (rc = get_u64(&f->epoch, "epoch", epoch)) != 0 ||
	    (rc = get_u64(&f->attempt, "attempt", attempt)) != 0)
		return rc;
	return get_text(&f->job, job);
}

static int
get_all(struct ckpt_file *f, json_t *v)
{
	json_t *stages;
	size_t n;
	int rc;

	if ((rc = get_file_head(f, v, &stages)) != 0)
		return rc;
	n = json_array_size(stages);
	if ((f->stage = calloc(n + 1, sizeof(*f->stage))) == NULL)
		return no_memory();
	f->nstages = (unsigned)n;
	for (size_t i = 0; i < n; i++)
		if ((rc = get_stage(&f->stage[i], json_array_get(stages, i))) != 0)
			return rc;
	return 0;
}

int
ckpt_file_parse(struct ckpt_file *f, const uint8_t *p, size_t n)
{
	struct ckpt_file made;
	json_error_t e;
	json_t *v;
	int rc;

	if ((rc = sealed_check("the manifest", p, n)) != 0)
		return rc;
	if ((v = json_loadb((const char *)p, n, JSON_REJECT_DUPLICATES, &e)) == NULL)
		return json_error_code(&e) == json_error_out_of_memory ? no_memory() : corrupt(&e);
	ckpt_file_init(&made);
	rc = get_all(&made, v);
	json_decref(v);
	if (rc != 0) {
		ckpt_file_fini(&made);
		return rc;
	}
	ckpt_file_fini(f);
	*f = made;
	return 0;
}

/* ---- names ---- */

static int
each_of(const struct snap_files *f, int (*fn)(void *cookie, const char *name), void *cookie)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < f->n; i++)
		rc = fn(cookie, f->v[i].name);
	return rc;
}

int
ckpt_file_each(const struct ckpt_file *f, int (*fn)(void *cookie, const char *name), void *cookie)
{
	int rc;

	for (unsigned i = 0; i < f->nstages; i++)
		for (uint32_t k = 0; k < f->stage[i].parallel; k++)
			if ((rc = each_of(&f->stage[i].sub[k].state, fn, cookie)) != 0 ||
			    (rc = each_of(&f->stage[i].sub[k].pending, fn, cookie)) != 0 ||
			    (rc = each_of(&f->stage[i].sub[k].flight, fn, cookie)) != 0)
				return rc;
	return 0;
}

uint64_t
ckpt_file_size(const struct ckpt_file *f)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < f->nstages; i++) {
		for (unsigned k = 0; k < f->stage[i].parallel; k++)
			n += snap_files_size(&f->stage[i].sub[k].state) +
			     snap_files_size(&f->stage[i].sub[k].pending) +
			     snap_files_size(&f->stage[i].sub[k].flight);
	}
	return n;
}
