/*
 * t_job -- jobs for tests: what each stage would say of itself, by its words.
 */
#ifndef T_JOB_H
#define T_JOB_H

#include <stdio.h>
#include <stdlib.h>

#include "manifest/job.h"

static const char *
t_option(const struct job_stage *s, const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 1; i < s->nwords; i++) {
		if (strncmp(s->words[i], name, n) == 0 && s->words[i][n] == '=')
			return s->words[i] + n + 1;
		if (strcmp(s->words[i], name) == 0)
			return i + 1 < s->nwords ? s->words[i + 1] : "";
	}
	return NULL;
}

static void
t_fact(struct buf *b, const struct job_stage *s, const char *key, const char *option)
{
	const char *value = t_option(s, option);

	if (value != NULL && strchr(value, '\n') == NULL)
		buf_printf(b, "%s %s\n", key, value);
}

/* A number: what a command would refuse is left out. */
static void
t_number(struct buf *b, const struct job_stage *s, const char *key, const char *option, long most)
{
	const char *value = t_option(s, option);
	char *end;
	long n = value != NULL ? strtol(value, &end, 10) : 0;

	if (n > 0 && n <= most && *end == '\0')
		buf_printf(b, "%s %ld\n", key, n);
}

static int
t_describe_stage(struct job *j, unsigned i)
{
	const struct job_stage *s = &j->stage[i];
	const char *tool = s->words[0], *operand = s->nwords > 1 ? s->words[1] : "";
	struct buf b = BUF_INIT;
	size_t n = strlen(operand);
	int rc;

	t_fact(&b, s, "name", "--name");
	t_fact(&b, s, "at", "--at");
	t_number(&b, s, "parallel", "-p", 32768);
	t_fact(&b, s, "side", "--late");
	if (t_option(s, "--on-bad") != NULL && strcmp(t_option(s, "--on-bad"), "skip") != 0)
		t_fact(&b, s, "side", "--on-bad");
	if (strcmp(tool, "fkey") == 0) {
		t_number(&b, s, "groups", "--groups", 32768);
		buf_printf(&b, "by %s\n",
			   t_option(s, "--global") != NULL	? "global"
			   : t_option(s, "--rebalance") != NULL ? "rebalance"
			   : t_option(s, "--broadcast") != NULL ? "broadcast"
								: "key");
	} else if (strcmp(tool, "fwindow") == 0 || strcmp(tool, "fjoin") == 0) {
		buf_puts(&b, "stateful\n");
	} else if (strcmp(tool, "fsource") == 0 && strcmp(operand, "-") == 0) {
		buf_puts(&b, "source\nnoreplay stdin cannot be read again: write it to a file\n");
	} else if (strcmp(tool, "fsink") == 0 && strcmp(operand, "-") == 0) {
		buf_puts(&b, "sink\nprint\nmost 1\nmost_why stdout is one stream\natleast a crash "
			     "may print an epoch again\n");
	} else if (strcmp(tool, "fsink") == 0) {
		buf_puts(&b, "sink\nlanes\n");
		if (n == 0 || operand[n - 1] != '/')
			buf_puts(&b, "most 1\nmost_why a file is one stream; DIR/ can be written "
				     "by many\n");
	}
	rc = job_facts(j, i, (const char *)b.p, b.n);
	buf_fini(&b);
	return rc;
}

static int
t_describe(struct job *j)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < j->nstages; i++)
		rc = t_describe_stage(j, i);
	return rc;
}

#endif
