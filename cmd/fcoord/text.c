/* text: a job's text is read, its stages are asked what they are, and the plan is made. */
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "sup/describe.h"

#define TEXT_MAX (4u << 20)

static int
add_param(void *conf, const char *arg)
{
	struct text_conf *c = conf;
	const char *eq = strchr(arg, '=');
	char *name;

	if (eq == NULL || eq == arg)
		return ferr(FERR_USAGE, "needs NAME=VALUE");
	if (c->nparams == PARAMS_MAX)
		return ferr(FERR_USAGE, "%d are the most", PARAMS_MAX);
	if ((name = strndup(arg, (size_t)(eq - arg))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	c->param[c->nparams++] = (struct job_param){ name, eq + 1 };
	return 0;
}

static int
set_parallel(void *conf, const char *arg)
{
	return unit_int(arg, "the number of subtasks", 1, 32768,
			&((struct text_conf *)conf)->parallel);
}

const struct opt text_options[] = {
	{ "parallel", 'p', "N", "subtasks of every stage that can have several", set_parallel,
	  false },
	{ "param", 0, "NAME=VALUE", "what ${NAME} in the text means", add_param, false },
	OPT_END,
};

void
text_conf_fini(struct text_conf *c)
{
	while (c->nparams > 0)
		free((char *)(uintptr_t)c->param[--c->nparams].name);
}

int
text_read(const char *arg, struct buf *text, bool *file)
{
	struct stat st;

	*file = fio_stat(arg, &st) == 0 && S_ISREG(st.st_mode);
	if (*file)
		return fio_slurp(arg, TEXT_MAX, text);
	if (strpbrk(arg, " |\n") == NULL && (strchr(arg, '/') != NULL || strchr(arg, '.') != NULL))
		return ferr(FERR_USAGE, "there is no file '%s', and it is no pipeline text", arg);
	return buf_puts(text, arg);
}

int
text_plan(struct job **out, const char *arg, const struct text_conf *c)
{
	struct buf text = BUF_INIT;
	struct job *j = NULL;
	bool file;
	int rc;

	if ((rc = text_read(arg, &text, &file)) == 0)
		rc = job_parse(&j, file ? arg : "the text", (const char *)text.p, text.n, c->param,
			       c->nparams);
	buf_fini(&text);
	if (rc == 0 && (rc = describe_stages(j)) == 0)
		rc = job_plan(j, c->parallel, job_at_least_once(j));
	if (rc != 0) {
		job_free(j);
		return rc;
	}
	*out = j;
	return 0;
}
