/* known: see known.h. */
#include "manifest/known.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest/sealed.h"

void
known_fini(struct known *k)
{
	free(k->name);
	free(k->text);
	free(k->adopted);
	*k = (struct known){ 0 };
}

int
known_print(const struct known *k, struct buf *out)
{
	char id[33], *text;
	size_t begin = out->n;
	json_t *o;
	int rc;

	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * i, 3, "%02x", k->id[i]);
	o = json_pack("{s:i, s:s, s:s, s:s}", "version", 1, "name", k->name, "id", id, "text",
		      k->text);
	if (o != NULL && ((k->plain && json_object_set_new(o, "plain", json_true()) != 0) ||
			  (k->adopted != NULL &&
			   json_object_set_new(o, "adopted", json_string(k->adopted)) != 0))) {
		json_decref(o);
		o = NULL;
	}
	text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (text == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = buf_put(out, text, strlen(text) - 1)) == 0) /* its end is the seal's */
		rc = sealed_end(out, begin);
	free(text);
	return rc;
}

static bool
parse_id(const char *hex, uint8_t id[16])
{
	unsigned v;

	if (strlen(hex) != 32)
		return false;
	for (int i = 0; i < 16; i++) {
		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return false;
		id[i] = (uint8_t)v;
	}
	return true;
}

/* What o says, into k, which is empty. */
static int
get_all(struct known *k, json_t *o, const uint8_t *p, size_t n)
{
	const char *name, *id, *text, *adopted = NULL, *sum = NULL;
	int version, plain = 0, rc;

	if (json_unpack(o, "{s:i, s:s, s:s, s:s, s?b, s?s, s?s !}", "version", &version, "name",
			&name, "id", &id, "text", &text, "plain", &plain, "adopted", &adopted,
			"crc32c", &sum) != 0 ||
	    version != 1 || !parse_id(id, k->id))
		return ferr(FERR_CORRUPT, "job.json is damaged");
	if (sum != NULL && (rc = sealed_check("job.json", p, n)) != 0)
		return rc;
	k->plain = plain != 0;
	if ((k->name = strdup(name)) == NULL || (k->text = strdup(text)) == NULL ||
	    (adopted != NULL && (k->adopted = strdup(adopted)) == NULL))
		return ferr(FERR_NOMEM, "out of memory");
	return 0;
}

int
known_parse(struct known *k, const uint8_t *p, size_t n)
{
	json_error_t e;
	json_t *o = json_loadb((const char *)p, n, JSON_REJECT_DUPLICATES, &e);
	int rc;

	*k = (struct known){ 0 };
	if (o == NULL && json_error_code(&e) == json_error_out_of_memory)
		return ferr(FERR_NOMEM, "out of memory");
	rc = o != NULL ? get_all(k, o, p, n) : ferr(FERR_CORRUPT, "job.json is damaged");
	json_decref(o);
	if (rc != 0)
		known_fini(k);
	return rc;
}
