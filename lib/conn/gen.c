/* gen: see gen.h; how records are drawn stands in gen_internal.h. */
#include "conn/gen_internal.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "base/unit.h"

static const struct gen_class *const classes[] = { &gen_tx, &gen_nexmark };

#define NCLASSES (sizeof(classes) / sizeof(classes[0]))
#define NAMES_MAX 16

/* Sets the text of the error; the caller's look-up has failed. */
static int
unknown(const char *what, const char *word, const char *const *names, size_t n)
{
	const char *near = near_word(word, names, n);
	struct buf all = BUF_INIT;
	char q[QUOTE_MAX];
	int rc;

	for (size_t i = 0; i < n && buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]) == 0; i++)
		;
	quote(word, strlen(word), q);
	if (near != NULL)
		rc = ferr(FERR_USAGE, "gen: unknown %s %s; did you mean '%s'?", what, q, near);
	else
		rc = ferr(FERR_USAGE, "gen: unknown %s %s; there are: %s", what, q, buf_cstr(&all));
	buf_fini(&all);
	return rc;
}

/* NULL with the error's text, here and below. */
static const struct gen_class *
find_class(const char *name)
{
	const char *names[NCLASSES];

	for (size_t i = 0; i < NCLASSES; i++) {
		names[i] = classes[i]->name;
		if (strcmp(names[i], name) == 0)
			return classes[i];
	}
	unknown("generator", name, names, NCLASSES);
	return NULL;
}

static const struct gen_param *
find_param(const struct gen_class *class, const char *name)
{
	const char *names[NAMES_MAX];
	size_t n = 0;

	for (const struct gen_param *p = class->params; p->name != NULL; p++) {
		names[n++] = p->name;
		if (strcmp(p->name, name) == 0)
			return p;
	}
	unknown("parameter", name, names, n);
	return NULL;
}

static int
set_time(const char *value, int64_t *out)
{
	char q[QUOTE_MAX];

	if (value[0] == '@') {
		int rc = unit_int(value + 1, "start", 0, TIME_MAX_MS / 1000, out);

		*out *= rc == 0 ? 1000 : 1;
		return rc;
	}
	if (time_parse(value, strlen(value), NULL, NULL, out))
		return 0;
	return ferr(FERR_USAGE,
		    "gen: start=%s is not a time; write 2024-01-01T00:00:00Z or @1704067200",
		    quote(value, strlen(value), q));
}

static int
set_choice(const struct gen_param *param, const char *value, int64_t *out)
{
	size_t n = 0;

	for (; param->choices[n] != NULL; n++) {
		if (strcmp(param->choices[n], value) == 0) {
			*out = (int64_t)n + 1;
			return 0;
		}
	}
	return unknown(param->name, value, param->choices, n);
}

static int
set_param(const struct gen_param *param, const char *value, struct gen_conf *conf)
{
	int64_t *out = (int64_t *)((char *)conf + param->at);

	switch (param->type) {
	case GEN_TIME: return set_time(value, out);
	case GEN_CHOICE: return set_choice(param, value, out);
	default: return unit_int(value, param->name, param->lo, param->hi, out);
	}
}

/* "seed=1&n=100"; text is ours to cut. */
static int
parse_params(const struct gen_class *class, char *text, struct gen_conf *conf)
{
	for (char *next, *p = text; p != NULL; p = next) {
		const struct gen_param *param;
		char *value;
		int rc;

		if ((next = strchr(p, '&')) != NULL)
			*next++ = '\0';
		if (*p == '\0')
			continue;
		if ((value = strchr(p, '=')) != NULL)
			*value++ = '\0';
		if ((param = find_param(class, p)) == NULL)
			return FERR_USAGE;
		if (value == NULL)
			return ferr(FERR_USAGE, "gen: '%s' needs a value: %s=...", p, p);
		if ((rc = set_param(param, value, conf)) != 0)
			return rc;
	}
	return 0;
}

int
gen_add_field(struct gen *g, struct schema *schema, unsigned i, const char *name)
{
	int f = schema_add(schema, name, strlen(name));

	if (f < 0)
		return f;
	g->slot[i] = (uint16_t)f;
	if ((unsigned)f >= g->nslots)
		g->nslots = (unsigned)f + 1;
	return 0;
}

static int
open_class(struct gen **out, const struct gen_class *class, const struct gen_conf *conf,
	   struct schema *schema)
{
	struct gen *g = calloc(1, class->size);
	int rc;

	if (g == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	g->class = class;
	g->conf = *conf;
	g->root = gen_mix((uint64_t)conf->seed + GEN_G);
	if ((rc = class->open(g, schema)) != 0) {
		gen_free(g);
		return rc;
	}
	*out = g;
	return 0;
}

int
gen_new(struct gen **out, const char *uri, struct schema *schema)
{
	const struct gen_class *class;
	struct gen_conf conf;
	char *text = strdup(uri);
	char *params;
	int rc;

	if (text == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((params = strchr(text, '?')) != NULL)
		*params++ = '\0';
	if ((class = find_class(text)) == NULL) {
		rc = FERR_USAGE;
		goto out;
	}
	conf = class->defaults;
	if ((rc = parse_params(class, params, &conf)) != 0)
		goto out;
	rc = open_class(out, class, &conf, schema);
out:
	free(text);
	return rc;
}

void
gen_free(struct gen *g)
{
	if (g == NULL)
		return;
	if (g->class->close != NULL)
		g->class->close(g);
	free(g);
}

unsigned
gen_time_field(const struct gen *g)
{
	return g->time_field;
}

int64_t
gen_disorder(const struct gen *g)
{
	return g->class->disorder;
}

int
gen_next(struct gen *g, unsigned max, struct buf *out)
{
	unsigned made = 0;

	if (max > INT32_MAX)
		max = INT32_MAX;
	while (made < max && g->pos < (uint64_t)g->conf.n) {
		if (g->class->make(g, out) != 0)
			return made > 0 ? (int)made : FERR_NOMEM;
		g->pos++;
		made++;
	}
	return (int)made;
}

uint64_t
gen_position(const struct gen *g)
{
	return g->pos;
}

int
gen_seek(struct gen *g, uint64_t position)
{
	int rc;

	if (position > (uint64_t)g->conf.n)
		return ferr(FERR_USAGE, "gen:%s: position %llu is behind the end, n=%lld",
			    g->class->name, (unsigned long long)position, (long long)g->conf.n);
	if (g->class->seek != NULL && (rc = g->class->seek(g, position)) != 0)
		return rc;
	g->pos = position;
	return 0;
}

uint64_t
gen_pow10(uint64_t draw, unsigned decades)
{
	static const uint64_t a[16] = { 268435456,  309984429,	357964434,  413370879,
					477353244,  551238927,	636560782,  735088923,
					848867446,  980256834,	1131982932, 1307193497,
					1509523501, 1743170544, 2012981940, 2324555280 };
	static const uint64_t b[16] = { 1073741824, 1083443130, 1093232087, 1103109488,
					1113076131, 1123132824, 1133280380, 1143519619,
					1153851370, 1164276469, 1174795759, 1185410091,
					1196120324, 1206927325, 1217831968, 1228835134 };
	static const uint64_t c[16] = { 1073741824, 1074345603, 1074949721, 1075554178,
					1076158976, 1076764114, 1077369592, 1077975410,
					1078581570, 1079188070, 1079794911, 1080402093,
					1081009617, 1081617482, 1082225689, 1082834238 };
	static const uint64_t ten[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000 };
	uint64_t x = (draw >> 32) * decades;
	uint32_t f = (uint32_t)x >> 4;
	uint64_t p = a[f >> 24];

	p = p * b[f >> 20 & 15] >> 30;
	p = p * c[f >> 16 & 15] >> 30;
	p += (p * (f & 0xffff) >> 16) * 9431 >> 24;
	return (p * 100 * ten[x >> 32] + (1u << 27)) >> 28;
}

char *
gen_text(char *p, size_t len, char sep, uint64_t *stream)
{
	uint64_t d = 0;

	for (size_t i = 0; i < len; i++, d >>= 8) {
		unsigned v;

		if (i % 8 == 0)
			d = gen_draw(stream);
		v = (unsigned)(d & 255) * 26;
		p[i] = v % 256 < 20 && i != 0 && i + 1 != len ? sep : (char)('a' + v / 256);
	}
	return p + len;
}

char *
gen_decimal(char *p, uint64_t v, unsigned digits)
{
	char tmp[24];
	unsigned n = 0;

	do
		tmp[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	for (; digits > n; digits--)
		*p++ = '0';
	while (n > 0)
		*p++ = tmp[--n];
	return p;
}
