/* job_json: a manifest (fmanifest(5)) becomes a job.  See job.h. */
#include <stdio.h>

#include <jansson.h>

#include "base/unit.h"
#include "manifest/manifest_internal.h"

#define VERSION 1
#define PATH_LEN 80

struct manifest {
	struct where w;
	struct params params;
	struct job_param *value; /* those of the command, then the manifest's own */
	struct job *job;
};

/* FERR_USAGE at the value of this path. */
#define FAIL(m, path, ...) \
	where_fail(&(m)->w, json_where((m)->w.s, (m)->w.n, (path), NULL), __VA_ARGS__)

/* Give the error of a function without a place the place of this path. */
static int
placed(struct manifest *m, const char *path, int rc)
{
	return rc == FERR_USAGE ? FAIL(m, path, "%s", ferr_text()) : rc;
}

/* Paths are of our own keys and of indexes, so they fit; one that would not is that of the whole.
 */
static const char *
join_path(char out[PATH_LEN], const char *path, const char *key)
{
	if (snprintf(out, PATH_LEN, "%s%s%s", path, path[0] != '\0' ? "." : "", key) >= PATH_LEN)
		out[0] = '\0';
	return out;
}

static const char *
index_path(char out[PATH_LEN], const char *path, size_t i)
{
	if (snprintf(out, PATH_LEN, "%s[%zu]", path, i) >= PATH_LEN)
		out[0] = '\0';
	return out;
}

/* ---- values ---- */

static int
check_keys(struct manifest *m, json_t *object, const char *path, const char *const *keys, size_t n)
{
	const char *key, *near;
	char shown[QUOTE_MAX];
	size_t k, at;
	json_t *v;

	if (!json_is_object(object))
		return FAIL(m, path, "an object { ... } belongs here");
	json_object_foreach(object, key, v)
	{
		for (k = 0; k < n && strcmp(keys[k], key) != 0; k++)
			;
		if (k < n)
			continue;
		at = json_where(m->w.s, m->w.n, path, key);
		quote(key, strlen(key), shown);
		if ((near = near_word(key, keys, n)) != NULL)
			return where_fail(&m->w, at, "%s is not known here; did you mean \"%s\"?",
					  shown, near);
		return where_fail(&m->w, at, "%s is not known here (fmanifest(5) lists the keys)",
				  shown);
	}
	return 0;
}
#define CHECK_KEYS(m, object, path, keys) \
	check_keys((m), (object), (path), (keys), sizeof(keys) / sizeof((keys)[0]))

/* Append s with ${NAME} replaced; $${ stands for ${. */
static int
expand(struct manifest *m, const char *path, const char *s, struct buf *out)
{
	const char *value;
	size_t n;
	int rc = 0;

	while (rc == 0 && *s != '\0') {
		if (strncmp(s, "$${", 3) == 0) {
			rc = buf_puts(out, "${");
			s += 3;
		} else if (strncmp(s, "${", 2) != 0) {
			rc = buf_putc(out, (uint8_t)*s++);
		} else {
			n = param_name_len(s + 2, strlen(s + 2));
			if (n == 0 || s[n + 2] != '}')
				return FAIL(m, path, "only ${NAME} is available (as text: $${)");
			if ((value = params_find(&m->params, s + 2, n)) == NULL)
				return placed(m, path, params_unknown(&m->params, s + 2, n));
			rc = buf_puts(out, value);
			s += n + 3;
		}
	}
	return rc;
}

/* A text, expanded; *to is the caller's copy. */
static int
text_value(struct manifest *m, json_t *v, const char *path, char **to)
{
	struct buf b = BUF_INIT;
	const char *text;
	int rc;

	if (!json_is_string(v))
		return FAIL(m, path, "a text \"...\" belongs here");
	if ((rc = expand(m, path, json_string_value(v), &b)) == 0 &&
	    ((text = buf_cstr(&b)) == NULL || (*to = strdup(text)) == NULL))
		rc = no_memory();
	buf_fini(&b);
	return rc;
}

/* The member `key`, if it is there. */
static int
text_member(struct manifest *m, json_t *object, const char *path, const char *key, char **to)
{
	json_t *v = json_object_get(object, key);
	char sub[PATH_LEN];

	return v == NULL ? 0 : text_value(m, v, join_path(sub, path, key), to);
}

/* *to stays as it is when the member is not there. */
static int
int_member(struct manifest *m, json_t *object, const char *path, const char *key, int64_t lo,
	   int64_t hi, int64_t *to)
{
	json_t *v = json_object_get(object, key);
	char sub[PATH_LEN];

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi)
		return FAIL(m, join_path(sub, path, key),
			    "a whole number from %lld to %lld belongs here", (long long)lo,
			    (long long)hi);
	*to = json_integer_value(v);
	return 0;
}

static int
duration_member(struct manifest *m, json_t *object, const char *path, const char *key, char **to)
{
	char sub[PATH_LEN];
	int64_t ms;
	int rc = text_member(m, object, path, key, to);

	if (rc != 0 || *to == NULL)
		return rc;
	join_path(sub, path, key);
	if ((rc = unit_duration(*to, strlen(*to), &ms)) != 0)
		return placed(m, sub, rc);
	return ms >= 0 ? 0 : FAIL(m, sub, "a duration cannot be negative here");
}

/* "a,b" or ["a", "b"], stored as "a,b". */
static int
hosts_member(struct manifest *m, json_t *object, const char *path, const char *key, char **to)
{
	json_t *v = json_object_get(object, key), *host;
	struct buf b = BUF_INIT;
	char sub[PATH_LEN];
	const char *text;
	size_t i;
	int rc = 0;

	if (v == NULL)
		return 0;
	join_path(sub, path, key);
	if (json_is_array(v)) {
		json_array_foreach(v, i, host)
		{
			if (!json_is_string(host))
				rc = FAIL(m, sub, "a list of texts belongs here");
			else if (i == 0 || (rc = buf_putc(&b, ',')) == 0)
				rc = expand(m, sub, json_string_value(host), &b);
			if (rc != 0)
				break;
		}
		if (rc == 0 && ((text = buf_cstr(&b)) == NULL || (*to = strdup(text)) == NULL))
			rc = no_memory();
		buf_fini(&b);
	} else {
		rc = text_value(m, v, sub, to);
	}
	return rc != 0 ? rc : placed(m, sub, job_check_hosts(*to));
}

/* ---- stages and edges ---- */

static int
run_words(struct manifest *m, json_t *run, unsigned s, const char *path)
{
	char sub[PATH_LEN], *word;
	size_t i;
	json_t *v;
	int rc;

	if (!json_is_array(run) || json_array_size(run) == 0)
		return FAIL(m, path, "a list of words belongs here: \"run\": [\"fkey\", \"user\"]");
	json_array_foreach(run, i, v)
	{
		index_path(sub, path, i);
		if ((rc = text_value(m, v, sub, &word)) != 0)
			return rc;
		rc = job_add_word(m->job, s, word, strlen(word));
		free(word);
		if (rc != 0)
			return rc;
		if (i == 0 && tool_find(m->job->stage[s].words[0]) == NULL)
			return placed(m, sub, tool_unknown(m->job->stage[s].words[0]));
	}
	return 0;
}

static int
parse_stage(struct manifest *m, json_t *v, unsigned i)
{
	static const char *const keys[] = { "name", "run", "parallelism", "at", "memory" };
	char path[PATH_LEN], run[PATH_LEN], *memory = NULL;
	struct job_stage *st;
	uint64_t bytes = 0;
	unsigned s;
	int rc;

	index_path(path, "stages", i);
	if ((rc = CHECK_KEYS(m, v, path, keys)) != 0)
		return rc;
	if (json_object_get(v, "run") == NULL)
		return FAIL(m, path, "\"run\" is missing: the words of the stage");
	if ((rc = job_add_stage(m->job, &s)) != 0)
		return placed(m, path, rc);
	if ((rc = run_words(m, json_object_get(v, "run"), s, join_path(run, path, "run"))) != 0)
		return rc;
	st = &m->job->stage[s];
	if ((rc = text_member(m, v, path, "name", &st->name)) != 0 ||
	    (rc = int_member(m, v, path, "parallelism", 1, 32768, &st->parallel)) != 0 ||
	    (rc = hosts_member(m, v, path, "at", &st->at)) != 0 ||
	    (rc = text_member(m, v, path, "memory", &memory)) != 0)
		return rc;
	if (memory != NULL && (rc = unit_size(memory, &bytes)) != 0)
		rc = placed(m, join_path(run, path, "memory"), rc);
	free(memory);
	if (rc == 0 && bytes > INT64_MAX)
		return FAIL(m, join_path(run, path, "memory"), "that is too much");
	st->memory = (int64_t)bytes;
	return rc;
}

static int
stage_member(struct manifest *m, json_t *v, const char *path, const char *key, unsigned *out)
{
	const char *name = json_string_value(json_object_get(v, key));
	char sub[PATH_LEN];
	int s;

	if (name == NULL)
		return FAIL(m, path, "\"%s\" is missing: the name of a stage", key);
	if ((s = job_find(m->job, name)) < 0)
		return placed(m, join_path(sub, path, key), job_no_stage(m->job, name));
	*out = (unsigned)s;
	return 0;
}

static int
by_member(struct manifest *m, json_t *v, const char *path, struct job_edge *e)
{
	json_t *by = json_object_get(v, "by");
	const char *text = json_string_value(by), *near;
	char sub[PATH_LEN];

	if (by == NULL)
		return 0;
	for (unsigned i = 0; text != NULL && i < JOB_BY_NAMES; i++) {
		if (strcmp(job_by_names[i], text) == 0) {
			e->by = (enum job_by)i;
			e->by_said = true;
			return 0;
		}
	}
	join_path(sub, path, "by");
	if (text != NULL && (near = near_word(text, job_by_names, JOB_BY_NAMES)) != NULL)
		return FAIL(m, sub, "records are not spread like that; did you mean \"%s\"?", near);
	return FAIL(m, sub, "one of forward, key, rebalance, broadcast, global belongs here");
}

static int
parse_edge(struct manifest *m, json_t *v, unsigned i)
{
	static const char *const keys[] = { "from", "to", "by", "side", "input" };
	int64_t input = INPUT_UNSAID;
	char path[PATH_LEN];
	unsigned from, to;
	struct job_edge *e;
	int rc;

	index_path(path, "edges", i);
	if ((rc = CHECK_KEYS(m, v, path, keys)) != 0 ||
	    (rc = stage_member(m, v, path, "from", &from)) != 0 ||
	    (rc = stage_member(m, v, path, "to", &to)) != 0 ||
	    (rc = int_member(m, v, path, "input", 0, 1000, &input)) != 0 ||
	    (rc = job_add_edge(m->job, from, to)) != 0)
		return rc;
	e = &m->job->edge[m->job->nedges - 1];
	e->input = (unsigned)input;
	if ((rc = text_member(m, v, path, "side", &e->side)) != 0)
		return rc;
	return by_member(m, v, path, e);
}

static int
parse_graph(struct manifest *m, json_t *root)
{
	json_t *stages = json_object_get(root, "stages"), *edges = json_object_get(root, "edges");
	char path[PATH_LEN];
	unsigned s;
	size_t i;
	json_t *v;
	int rc;

	if (!json_is_array(stages) || json_array_size(stages) == 0)
		return FAIL(m, stages != NULL ? "stages" : "",
			    "\"stages\" is missing: a list of {\"run\": [\"fkey\", \"user\"]}");
	json_array_foreach(stages, i, v)
	{
		if ((rc = parse_stage(m, v, (unsigned)i)) != 0)
			return rc;
	}
	if ((rc = job_name(m->job, &s)) != 0)
		return placed(m, index_path(path, "stages", s), rc);
	if (edges != NULL && !json_is_array(edges))
		return FAIL(m, "edges", "a list of {\"from\": NAME, \"to\": NAME} belongs here");
	json_array_foreach(edges, i, v)
	{
		if ((rc = parse_edge(m, v, (unsigned)i)) != 0)
			return rc;
	}
	if ((rc = job_wire(m->job, &s)) != 0)
		return placed(m, index_path(path, "stages", s), rc);
	return 0;
}

/* ---- the rest ---- */

/* true, false, or "after:D" */
static int
parse_unaligned(struct manifest *m, json_t *v)
{
	static const char path[] = "checkpoint.unaligned";
	int64_t ms;
	int rc;

	if (v == NULL)
		return 0;
	if (json_is_boolean(v)) {
		m->job->unaligned = strdup(json_is_true(v) ? "true" : "false");
		return m->job->unaligned != NULL ? 0 : no_memory();
	}
	if ((rc = text_value(m, v, path, &m->job->unaligned)) != 0)
		return rc;
	if (strncmp(m->job->unaligned, "after:", 6) != 0)
		return FAIL(m, path, "true, false or \"after:D\" belongs here, as \"after:5s\"");
	return placed(m, path,
		      unit_duration(m->job->unaligned + 6, strlen(m->job->unaligned + 6), &ms));
}

static int
parse_checkpoint(struct manifest *m, json_t *v)
{
	static const char *const keys[] = { "every", "timeout", "min_pause",
					    "keep",  "dir",	"unaligned" };
	static const char path[] = "checkpoint";
	struct job *j = m->job;
	int64_t keep = 0;
	int rc;

	if (v == NULL)
		return 0;
	if ((rc = CHECK_KEYS(m, v, path, keys)) != 0 ||
	    (rc = duration_member(m, v, path, "every", &j->every)) != 0 ||
	    (rc = duration_member(m, v, path, "timeout", &j->timeout)) != 0 ||
	    (rc = duration_member(m, v, path, "min_pause", &j->min_pause)) != 0 ||
	    (rc = int_member(m, v, path, "keep", 1, 1000000, &keep)) != 0 ||
	    (rc = text_member(m, v, path, "dir", &j->dir)) != 0)
		return rc;
	if (keep != 0 && asprintf(&j->keep, "%lld", (long long)keep) < 0) {
		j->keep = NULL;
		return no_memory();
	}
	return parse_unaligned(m, json_object_get(v, "unaligned"));
}

/* The values of ${NAME}: those of the command go before those of "params". */
static int
take_params(struct manifest *m, json_t *own, const struct job_param *params, unsigned nparams)
{
	size_t n = own != NULL ? json_object_size(own) : 0;
	const char *name;
	json_t *v;

	if (own != NULL && !json_is_object(own))
		return FAIL(m, "params", "an object { \"NAME\": \"VALUE\" } belongs here");
	if ((m->value = calloc(n + nparams + 1, sizeof(*m->value))) == NULL)
		return no_memory();
	n = 0;
	json_object_foreach(own, name, v)
	{
		if (param_name_len(name, strlen(name)) != strlen(name) || name[0] == '\0' ||
		    !json_is_string(v))
			return where_fail(
			    &m->w, json_where(m->w.s, m->w.n, "params", name),
			    "a parameter is \"NAME\": \"VALUE\", its name of letters, "
			    "digits and _");
		m->value[n++] = (struct job_param){ name, json_string_value(v) };
	}
	for (unsigned i = 0; i < nparams; i++)
		m->value[n + i] = params[i];
	return params_init(&m->params, m->value, (unsigned)n + nparams);
}

static int
check_version(struct manifest *m, json_t *root)
{
	json_t *v = json_object_get(root, "version");

	if (v == NULL)
		return FAIL(m, "", "\"version\": %d is missing", VERSION);
	if (!json_is_integer(v) || json_integer_value(v) != VERSION)
		return FAIL(m, "version", "this program reads version %d", VERSION);
	return 0;
}

static int
parse_root(struct manifest *m, json_t *root, const struct job_param *params, unsigned nparams)
{
	static const char *const keys[] = { "version",	  "name",    "stages", "edges",
					    "checkpoint", "restart", "hosts",  "params" };
	struct job *j = m->job;
	int rc;

	if ((rc = CHECK_KEYS(m, root, "", keys)) != 0 || (rc = check_version(m, root)) != 0 ||
	    (rc = take_params(m, json_object_get(root, "params"), params, nparams)) != 0 ||
	    (rc = text_member(m, root, "", "name", &j->name)) != 0 ||
	    (j->name != NULL && (rc = placed(m, "name", job_check_name(j->name))) != 0) ||
	    (rc = parse_graph(m, root)) != 0 ||
	    (rc = parse_checkpoint(m, json_object_get(root, "checkpoint"))) != 0 ||
	    (rc = text_member(m, root, "", "restart", &j->restart)) != 0 ||
	    (rc = hosts_member(m, root, "", "hosts", &j->hosts)) != 0)
		return rc;
	/* The manifest's own may be there for no use. */
	for (unsigned i = 0; i + nparams < m->params.n; i++)
		m->params.used[i] = true;
	return params_all_used(&m->params, m->w.what);
}

int
job_parse_json(struct job **out, const char *what, const char *text, size_t n,
	       const struct job_param *params, unsigned nparams)
{
	struct manifest m = { .w = { what, text, n } };
	json_t *root;
	json_error_t e;
	int rc;

	if ((root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e)) == NULL) {
		if (json_error_code(&e) == json_error_out_of_memory)
			return no_memory();
		if (!utf8_ok((const uint8_t *)text, n))
			return ferr(FERR_USAGE, "%s: byte %zu is not UTF-8", what,
				    utf8_span((const uint8_t *)text, n) + 1);
		/* jansson stands behind what it stumbled over */
		return where_fail(&m.w, e.position > 0 ? (size_t)e.position - 1 : 0, "%s", e.text);
	}
	if ((rc = job_new(&m.job)) == 0)
		rc = parse_root(&m, root, params, nparams);
	if (rc == 0) {
		*out = m.job;
		m.job = NULL;
	}
	job_free(m.job);
	params_fini(&m.params);
	free(m.value);
	json_decref(root);
	return rc;
}
