/*
 * t -- the smallest test kit that is useful.  A test program has
 *
 *	T(name_of_rule) { T_INT(f(2), 4); T_STR(g(), "x"); }
 *	T_MAIN
 *
 * Tests run in the order of the file; each prints "ok NAME" or "not ok NAME" with the place and
 *both values. The last line is "N passed, N failed"; status 1 if any failed.
 */
#ifndef T_H
#define T_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct t_case {
	const char *name;
	void (*fn)(void);
	struct t_case *next;
};
static struct t_case *t_first, **t_last = &t_first;
static int t_bad; /* failed checks of the running test */

#define T(fn)                                                     \
	static void fn(void);                                     \
	static struct t_case t_case_##fn = { #fn, fn, NULL };     \
	__attribute__((constructor)) static void t_reg_##fn(void) \
	{                                                         \
		*t_last = &t_case_##fn;                           \
		t_last = &t_case_##fn.next;                       \
	}                                                         \
	static void fn(void)

#define T_FAIL(...)                                      \
	do {                                             \
		t_bad++;                                 \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
	} while (0)

#define T_OK(c)                                     \
	do {                                        \
		if (!(c))                           \
			T_FAIL("not true: %s", #c); \
	} while (0)

#define T_INT(a, b)                                                            \
	do {                                                                   \
		int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                  \
		if (a_ != b_)                                                  \
			T_FAIL("%s is %" PRId64 ", not %" PRId64, #a, a_, b_); \
	} while (0)

#define T_MEM(a, an, b, bn)                                                                 \
	do {                                                                                \
		const char *a_ = (const char *)(a), *b_ = (const char *)(b);                \
		size_t an_ = (an), bn_ = (bn);                                              \
		if (an_ != bn_ || (an_ != 0 && memcmp(a_, b_, an_) != 0))                   \
			T_FAIL("%s is '%.*s', not '%.*s'", #a, (int)an_, a_, (int)bn_, b_); \
	} while (0)

#define T_STR(a, b)                                    \
	do {                                           \
		const char *s_ = (a), *u_ = (b);       \
		T_MEM(s_, strlen(s_), u_, strlen(u_)); \
	} while (0)

#define T_MAIN                                                                    \
	int main(void)                                                            \
	{                                                                         \
		int ok = 0, no = 0;                                               \
		for (struct t_case *c = t_first; c != NULL; c = c->next) {        \
			t_bad = 0;                                                \
			c->fn();                                                  \
			printf("%s %s\n", t_bad == 0 ? "ok" : "not ok", c->name); \
			t_bad == 0 ? ok++ : no++;                                 \
		}                                                                 \
		printf("%d passed, %d failed\n", ok, no);                         \
		return no != 0;                                                   \
	}

#endif
