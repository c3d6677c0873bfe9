/* Option tables: parsing, its messages, and the help made from them. */
#include "t.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/unit.h"

struct conf {
	int64_t lateness, offset;
	int parallel, quiet, verbose, calls;
	const char *format, *on_bad, *last;
};

static int
set_lateness(void *conf, const char *arg)
{
	return unit_duration(arg, strlen(arg), &((struct conf *)conf)->lateness);
}

static int
set_offset(void *conf, const char *arg)
{
	return unit_duration(arg, strlen(arg), &((struct conf *)conf)->offset);
}

static int
set_parallel(void *conf, const char *arg)
{
	int64_t n;
	int rc;

	if ((rc = unit_int(arg, "--parallel", 1, 128, &n)) == 0)
		((struct conf *)conf)->parallel = (int)n;
	return rc;
}

static int
set_quiet(void *conf, const char *arg)
{
	if (arg != NULL)
		return ferr(FERR_USAGE, "a flag got a value");
	((struct conf *)conf)->quiet++;
	return 0;
}

static int
set_verbose(void *conf, const char *arg)
{
	(void)arg;
	((struct conf *)conf)->verbose++;
	return 0;
}

static int
set_format(void *conf, const char *arg)
{
	((struct conf *)conf)->format = arg;
	return 0;
}

static int
set_on_bad(void *conf, const char *arg)
{
	((struct conf *)conf)->on_bad = arg;
	return 0;
}

static int
set_property(void *conf, const char *arg)
{
	((struct conf *)conf)->last = arg;
	((struct conf *)conf)->calls++;
	return 0;
}

static const struct opt own[] = {
	{ "lateness", 0, "DUR", "hold a fired window DUR longer", set_lateness, false },
	{ "offset", 0, "DUR", "shift the windows by DUR", set_offset, false },
	{ "property", 'X', "NAME=VALUE", "set a property", set_property, false },
	OPT_END
};

static const struct opt common[] = {
	{ "parallel", 'p', "N", "run N subtasks", set_parallel, true },
	{ "quiet", 'q', NULL, "say less", set_quiet, true },
	{ "verbose", 'v', NULL, "say more", set_verbose, true },
	{ "output", 'o', "json|csv|tsv|frames", "write in this format", set_format, true },
	{ "on-bad", 0, "fail|skip|PATH", "what to do with a bad record", set_on_bad, true },
	OPT_END
};

static const char *const examples[] = { "ftest tumble 5m", "count by five minutes", NULL };
static const char *const see[] = { "fsource(1)", "fsink(1)", NULL };
static const struct cmd cmd = { "ftest",  "do it for a test",	     "KIND [OPTION]...\n--list",
				examples, "Much more is said here.", see };

static struct conf conf;
static char *argv[16];
static int argc;

/* Parse the words (up to a NULL) behind the command's name. */
static int
run(const char *first, ...)
{
	const struct opt_table tables[] = { { own, &conf }, { common, &conf } };
	va_list ap;

	memset(&conf, 0, sizeof(conf));
	ferr_clear();
	argc = 0;
	argv[argc++] = "ftest";
	va_start(ap, first);
	for (const char *s = first; s != NULL; s = va_arg(ap, const char *))
		argv[argc++] = (char *)s;
	va_end(ap);
	argv[argc] = NULL;
	return opt_parse(&cmd, tables, 2, &argc, argv);
}

#define RUN(...) run(__VA_ARGS__, NULL)

T(names_letters_and_operands)
{
	T_INT(RUN("tumble", "--lateness", "5s", "5m", "--output=csv", "-", "-qv", "-p", "4"), 0);
	T_INT(argc, 4);
	T_STR(argv[1], "tumble");
	T_STR(argv[2], "5m");
	T_STR(argv[3], "-");
	T_OK(argv[4] == NULL);
	T_INT(conf.lateness, 5000);
	T_STR(conf.format, "csv");
	T_INT(conf.quiet, 1);
	T_INT(conf.verbose, 1);
	T_INT(conf.parallel, 4);
	T_INT(RUN("-p4", "-o", "json"), 0);
	T_INT(conf.parallel, 4);
	T_STR(conf.format, "json");
	T_INT(RUN("-p=8", "-ojson", "-X", "a=b", "-Xc=d"), 0);
	T_INT(conf.parallel, 8);
	T_STR(conf.last, "c=d");
	T_INT(conf.calls, 2);
	T_INT(argc, 1);
	T_INT(run(NULL), 0);
	T_INT(argc, 1);
}

T(negative_values_are_values)
{
	T_INT(RUN("--offset", "-8h"), 0);
	T_INT(conf.offset, -28800000);
	T_INT(RUN("--offset=-8h"), 0);
	T_INT(conf.offset, -28800000);
	T_INT(RUN("-5m..5m", "--offset", "-8h"), 0);
	T_INT(argc, 2);
	T_STR(argv[1], "-5m..5m");
}

T(two_dashes_end_the_options)
{
	T_INT(RUN("-q", "--", "--quiet", "-q", "--"), 0);
	T_INT(conf.quiet, 1);
	T_INT(argc, 4);
	T_STR(argv[1], "--quiet");
	T_STR(argv[3], "--");
	T_INT(RUN("--property", "--"), 0);
	T_STR(conf.last, "--");
}

#define T_ERROR(text, ...)                           \
	do {                                         \
		T_INT(RUN(__VA_ARGS__), FERR_USAGE); \
		T_STR(ferr_text(), text);            \
	} while (0)

T(typos_are_understood)
{
	T_ERROR("--latenes is not an option; did you mean --lateness? (ftest -h shows them)",
		"--latenes", "5s");
	T_ERROR("--latenes is not an option; did you mean --lateness? (ftest -h shows them)",
		"--latenes=5s");
	T_ERROR("--late is not an option; did you mean --lateness? (ftest -h shows them)", "--late",
		"5s");
	T_ERROR("-lateness is not an option; did you mean --lateness? (ftest -h shows them)",
		"-lateness", "5s");
	T_ERROR("--hlep is not an option; did you mean --help? (ftest -h shows them)", "--hlep");
	T_ERROR("--watermark is not an option; ftest -h shows them", "--watermark");
	T_ERROR("-z is not an option; ftest -h shows them", "-z");
	T_ERROR("-- is not an option; ftest -h shows them", "--=x");
}

T(values_are_checked)
{
	T_ERROR("--lateness: \"5\" needs a unit: 5s, 5m", "--lateness", "5");
	T_ERROR("--parallel must be a whole number from 1 to 128, not \"0\"", "-p", "0");
	T_ERROR("--lateness needs a value: --lateness DUR (ftest -h shows more)", "--lateness");
	T_ERROR("--parallel needs a value: --parallel N (ftest -h shows more)", "-qp");
	T_ERROR("--quiet takes no value; leave out '=yes'", "--quiet=yes");
	T_ERROR("--output is one of json|csv|tsv|frames, not \"jsno\"; did you mean json?", "-o",
		"jsno");
	T_ERROR("--output is one of json|csv|tsv|frames, not \"parquet\"", "--output=parquet");
	T_ERROR("--output is one of json|csv|tsv|frames, not \"\"", "--output=");
	/* a choice that is open is left to the setter */
	T_INT(RUN("--on-bad", "dead.ndjson"), 0);
	T_STR(conf.on_bad, "dead.ndjson");
}

/* What a command line prints on stdout. */
static const char *
output(const char *word)
{
	static char text[8192];
	FILE *f = tmpfile();
	int rc, old, n;

	if (f == NULL)
		abort();
	fflush(stdout);
	old = dup(1);
	dup2(fileno(f), 1);
	rc = RUN(word);
	fflush(stdout);
	dup2(old, 1);
	close(old);
	rewind(f);
	n = (int)fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	T_INT(rc, 1);
	return text;
}

T(short_help_is_one_screen)
{
	T_STR(output("-h"), "Usage: ftest KIND [OPTION]...\n"
			    "       ftest --list\n"
			    "\n"
			    "Examples:\n"
			    "  ftest tumble 5m    # count by five minutes\n"
			    "\n"
			    "Options:\n"
			    "      --lateness DUR          hold a fired window DUR longer\n"
			    "      --offset DUR            shift the windows by DUR\n"
			    "  -X, --property NAME=VALUE   set a property\n"
			    "\n"
			    "See ftest --help for all of it.\n");
	T_STR(output("-qh"), output("-h"));
}

T(many_options_still_fit_on_a_screen)
{
	static char names[60][20];
	struct opt many[61];
	const struct opt_table table = { many, NULL };
	char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");
	int lines = 0, column = 0;

	if (f == NULL)
		abort();
	for (int i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "option-%d", i);
		many[i] = (struct opt){ names[i],	  0,	     i % 2 ? "ARG" : NULL,
					"does something", set_quiet, false };
	}
	many[60] = (struct opt)OPT_END;
	opt_short_help(&cmd, &table, 1, f);
	fclose(f);
	for (const char *s = text; *s != '\0'; s++) {
		column = *s == '\n' ? 0 : column + 1;
		lines += *s == '\n';
		T_OK(column <= 80);
	}
	T_OK(lines <= 24);
	T_OK(strstr(text, "--option-59 ARG") != NULL);
}

T(long_help_has_everything)
{
	static const char *const parts[] = { "Usage: ftest KIND",
					     "ftest: do it for a test",
					     "ftest tumble 5m",
					     "--lateness DUR",
					     "Common options:",
					     "-p, --parallel N",
					     "-o, --output json|csv|tsv|frames",
					     "-h, --help",
					     "--version",
					     "Much more is said here.",
					     "Exit status:",
					     "  0 ",
					     "  1 ",
					     "  2 ",
					     "  3 ",
					     "  4 ",
					     "  5 ",
					     "  6 ",
					     "  7 ",
					     "  128+n ",
					     "See also: fsource(1), fsink(1)\n" };
	const char *text = output("--help");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(text, parts[i]) == NULL)
			T_FAIL("'%s' is missing", parts[i]);
}

T(version_and_table)
{
	T_STR(output("--version"), "ftest " FJORD_VERSION "\n");
	T_STR(output("--opt-table"), "lateness\t\tDUR\thold a fired window DUR longer\t0\n"
				     "offset\t\tDUR\tshift the windows by DUR\t0\n"
				     "property\tX\tNAME=VALUE\tset a property\t0\n"
				     "parallel\tp\tN\trun N subtasks\t1\n"
				     "quiet\tq\t\tsay less\t1\n"
				     "verbose\tv\t\tsay more\t1\n"
				     "output\to\tjson|csv|tsv|frames\twrite in this format\t1\n"
				     "on-bad\t\tfail|skip|PATH\twhat to do with a bad record\t1\n"
				     "help\th\t\tshow all of this help (-h: one screen of it)\t1\n"
				     "version\t\t\tshow the version\t1\n");
}

T_MAIN
