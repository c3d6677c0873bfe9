/* plan: `fcoord explain` and `fcoord lint`. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcoord.h"
#include "fio/fio.h"

struct explain_opts {
	struct text_conf text;
	enum { AS_TEXT, AS_JSON, AS_DOT } as;
};

static int
set_out(void *c, const char *a)
{
	((struct explain_opts *)c)->as = a[0] == 'j' ? AS_JSON : a[0] == 'd' ? AS_DOT : AS_TEXT;
	return 0;
}

static const struct opt options[] = {
	{ "out", 'o', "text|json|dot", "for people, the canonical manifest, Graphviz", set_out,
	  false },
	OPT_END,
};
static const char *const explain_examples[] = {
	"fcoord explain 'fsource a.ndjson | fkey user | fwindow running | fsink out/'",
	"every process, every edge, the guarantee",
	"fcoord explain -o json job.txt >job.json",
	"the manifest of a text",
	"fcoord explain -o dot job.json | dot -Tsvg >job.svg",
	"a picture",
	NULL,
};
static const char *const see[] = { "fcoord(1)", "fmanifest(5)", NULL };
static const struct cmd explain = { .name = "fcoord explain",
				    .summary = "print the plan of a job",
				    .usage = "TEXT|FILE [option ...]",
				    .examples = explain_examples,
				    .see = see };
static const char *const lint_examples[] = { "fcoord lint job.json",
					     "says nothing when nothing is wrong", NULL };
static const struct cmd lint = { .name = "fcoord lint",
				 .summary = "check a job without running it",
				 .usage = "TEXT|FILE [option ...]",
				 .examples = lint_examples,
				 .see = see };

int
verb_explain(int argc, char **argv)
{
	struct explain_opts o = { .as = AS_TEXT };
	const struct opt_table tables[] = { { options, &o }, { text_options, &o.text } };
	struct buf b = BUF_INIT;
	struct job *j = NULL;
	int rc;

	if ((rc = opt_parse(&explain, tables, 2, &argc, argv)) != 0)
		return verb_end("explain", rc);
	if (argc != 2)
		rc = ferr(FERR_USAGE, "needs one text or file; put the pipeline in quotes");
	if (rc == 0 && (rc = text_plan(&j, argv[1], &o.text)) == 0)
		rc = o.as == AS_JSON  ? job_print_json(j, &b)
		     : o.as == AS_DOT ? job_print_dot(j, &b)
				      : job_print_text(j, &b);
	if (rc == 0 && fio_write_all(STDOUT_FILENO, b.p, b.n) == -1)
		rc = ferr_sys(FERR_IO, "stdout");
	job_free(j);
	buf_fini(&b);
	text_conf_fini(&o.text);
	return verb_end("explain", rc);
}

int
verb_lint(int argc, char **argv)
{
	struct text_conf c = { 0 };
	const struct opt_table tables[] = { { text_options, &c } };
	struct job *j = NULL;
	int rc;

	if ((rc = opt_parse(&lint, tables, 1, &argc, argv)) != 0)
		return verb_end("lint", rc);
	if (argc != 2)
		rc = ferr(FERR_USAGE, "needs one text or file");
	if (rc == 0)
		rc = text_plan(&j, argv[1], &c);
	job_free(j);
	text_conf_fini(&c);
	return verb_end("lint", rc);
}
