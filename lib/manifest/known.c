/* known: see known.h. */
#include "manifest/known.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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
	if ((rc = buf_puts(out, text)) == 0)
		rc = buf_putc(out, '\n');
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

int
known_parse(struct known *k, const uint8_t *p, size_t n)
{
	const char *name, *id, *text, *adopted = NULL;
	json_t *o = json_loadb((const char *)p, n, 0, NULL);
	int version, plain = 0, rc = 0;

	*k = (struct known){ 0 };
	if (o == NULL ||
	    json_unpack(o, "{s:i, s:s, s:s, s:s, s?b, s?s}", "version", &version, "name", &name,
			"id", &id, "text", &text, "plain", &plain, "adopted", &adopted) != 0 ||
	    version != 1 || !parse_id(id, k->id))
		rc = ferr(FERR_CORRUPT, "job.json is damaged");
	else if ((k->name = strdup(name)) == NULL || (k->text = strdup(text)) == NULL ||
		 (adopted != NULL && (k->adopted = strdup(adopted)) == NULL))
		rc = ferr(FERR_NOMEM, "out of memory");
	k->plain = plain != 0;
	json_decref(o);
	if (rc != 0)
		known_fini(k);
	return rc;
}
