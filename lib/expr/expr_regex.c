/*
 * expr_regex: regular expressions by PCRE2.  The library is loaded when the first pattern is
 * compiled, so that commands do not link it and start without it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expr/expr_internal.h"

#include <dlfcn.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A pattern that backtracks more than this on one text is a bad record: some 50 ms. */
#define MATCH_LIMIT 1000000u
#define HEAP_LIMIT_KIB (16u << 10)

struct regex {
	pcre2_code *code;
	pcre2_match_data *md;
	unsigned groups;
	char *pattern;
	size_t n;
	struct regex *next; /* e->regexes */
};

/* PCRE2's functions under their own names without the prefix; filled once. */
static struct {
	__typeof__(pcre2_compile) *compile;
	__typeof__(pcre2_code_free) *code_free;
	__typeof__(pcre2_jit_compile) *jit_compile;
	__typeof__(pcre2_match) *match;
	__typeof__(pcre2_match_data_create_from_pattern) *match_data_create;
	__typeof__(pcre2_match_data_free) *match_data_free;
	__typeof__(pcre2_get_ovector_pointer) *ovector;
	__typeof__(pcre2_get_error_message) *error_message;
	__typeof__(pcre2_pattern_info) *info;
	__typeof__(pcre2_match_context_create) *context_create;
	__typeof__(pcre2_set_match_limit) *set_match_limit;
	__typeof__(pcre2_set_heap_limit) *set_heap_limit;
	pcre2_match_context *context; /* holds the limits; only read */
	char why[200];		      /* not empty: it cannot be used */
} lib;

static void
load(void)
{
	static const struct {
		const char *name;
		void *to;
	} wanted[] = {
		{ "pcre2_compile_8", &lib.compile },
		{ "pcre2_code_free_8", &lib.code_free },
		{ "pcre2_jit_compile_8", &lib.jit_compile },
		{ "pcre2_match_8", &lib.match },
		{ "pcre2_match_data_create_from_pattern_8", &lib.match_data_create },
		{ "pcre2_match_data_free_8", &lib.match_data_free },
		{ "pcre2_get_ovector_pointer_8", &lib.ovector },
		{ "pcre2_get_error_message_8", &lib.error_message },
		{ "pcre2_pattern_info_8", &lib.info },
		{ "pcre2_match_context_create_8", &lib.context_create },
		{ "pcre2_set_match_limit_8", &lib.set_match_limit },
		{ "pcre2_set_heap_limit_8", &lib.set_heap_limit },
	};
	void *so = dlopen("libpcre2-8.so.0", RTLD_NOW | RTLD_LOCAL), *sym;

	for (size_t i = 0; so != NULL && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if ((sym = dlsym(so, wanted[i].name)) == NULL)
			so = NULL;
		memcpy(wanted[i].to, &sym, sizeof(sym));
	}
	if (so == NULL) {
		snprintf(lib.why, sizeof(lib.why), "%s", dlerror());
		return;
	}
	if ((lib.context = lib.context_create(NULL)) == NULL) {
		snprintf(lib.why, sizeof(lib.why), "out of memory");
		return;
	}
	lib.set_match_limit(lib.context, MATCH_LIMIT);
	lib.set_heap_limit(lib.context, HEAP_LIMIT_KIB);
}

int
regex_new(struct regex **out, const char *s, size_t n, bool jit, size_t *at)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	struct regex *re;
	char msg[200];
	uint32_t groups = 0;
	int code;

	*at = 0;
	if (n > EXPR_TEXT_MAX)
		return ferr(FERR_USAGE, "the regular expression is longer than %u bytes",
			    EXPR_TEXT_MAX);
	pthread_once(&once, load);
	if (lib.why[0] != '\0')
		return ferr(FERR_USAGE,
			    "regular expressions need the library PCRE2 (package libpcre2-8-0): "
			    "%s",
			    lib.why);
	if ((re = calloc(1, sizeof(*re))) == NULL || (re->pattern = malloc(n + 1)) == NULL)
		goto nomem;
	memcpy(re->pattern, s, n);
	re->n = n;
	re->code = lib.compile((PCRE2_SPTR)re->pattern, n, flags, &code, at, NULL);
	if (re->code == NULL && code == PCRE2_ERROR_NOMEMORY)
		goto nomem;
	if (re->code == NULL) {
		lib.error_message(code, (PCRE2_UCHAR *)msg, sizeof(msg));
		regex_free(re);
		return ferr(FERR_USAGE, "regular expression: %s", msg);
	}
	if (jit)
		lib.jit_compile(re->code, PCRE2_JIT_COMPLETE); /* else it is interpreted */
	lib.info(re->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	re->groups = groups;
	if ((re->md = lib.match_data_create(re->code, NULL)) == NULL)
		goto nomem;
	*out = re;
	return 0;
nomem:
	regex_free(re);
	return ferr(FERR_NOMEM, "out of memory");
}

void
regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	if (re->md != NULL)
		lib.match_data_free(re->md);
	if (re->code != NULL)
		lib.code_free(re->code);
	free(re->pattern);
	free(re);
}

unsigned
regex_groups(const struct regex *re)
{
	return re->groups;
}

int
regex_match(struct regex *re, const char *s, size_t n, unsigned g, size_t *from, size_t *to)
{
	char msg[200];
	size_t *ov;
	int rc;

	rc = lib.match(re->code, (PCRE2_SPTR)s, n, 0, 0, re->md, lib.context);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has its own, larger one */
		rc = lib.match(re->code, (PCRE2_SPTR)s, n, 0, PCRE2_NO_JIT, re->md, lib.context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc == PCRE2_ERROR_NOMEMORY)
		return ferr(FERR_NOMEM, "out of memory");
	if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT ||
	    rc == PCRE2_ERROR_DEPTHLIMIT)
		return ferr(FERR_DATA, "the regular expression takes too many steps on this text");
	if (rc < 0) {
		lib.error_message(rc, (PCRE2_UCHAR *)msg, sizeof(msg));
		return ferr(FERR_DATA, "regular expression: %s", msg);
	}
	ov = lib.ovector(re->md);
	*from = g < (unsigned)rc ? ov[2 * g] : PCRE2_UNSET;
	*to = g < (unsigned)rc ? ov[2 * g + 1] : PCRE2_UNSET;
	if (*from != PCRE2_UNSET && *from > *to) /* \K in a lookahead */
		*from = *to;
	return 1;
}

int
expr_regex(struct expr *e, const struct node *n, const struct val *v, struct regex **out)
{
	struct regex **slot;
	size_t at;
	int rc;

	if (n->re != NULL) {
		*out = n->re;
		return 0;
	}
	for (unsigned i = 0; i < EXPR_REGEX_CACHE; i++) {
		struct regex *re = e->cache[i];

		if (re != NULL && re->n == v->n && memcmp(re->pattern, v->s, v->n) == 0) {
			*out = re;
			return 0;
		}
	}
	slot = &e->cache[e->cache_next];
	if ((rc = regex_new(out, v->s, v->n, false, &at)) != 0)
		return rc == FERR_USAGE ? expr_bad(e, n, "%s", ferr_text()) : rc;
	regex_free(*slot);
	*slot = *out;
	e->cache_next = (e->cache_next + 1) % EXPR_REGEX_CACHE;
	return 0;
}

void
expr_regex_keep(struct expr *e, struct regex *re)
{
	re->next = e->regexes;
	e->regexes = re;
}

void
expr_regex_fini(struct expr *e)
{
	struct regex *re;

	while ((re = e->regexes) != NULL) {
		e->regexes = re->next;
		regex_free(re);
	}
	for (unsigned i = 0; i < EXPR_REGEX_CACHE; i++)
		regex_free(e->cache[i]);
}
