/* test_job_text: pipeline text and what of a shell it has not. */
#include "t.h"
#include "manifest/job.h"

static int
parse(struct job **j, const char *text)
{
	static const struct job_param params[] = { { "user", "bob" }, { "file", "a b*.gz" } };

	return job_parse_text(j, "the text", text, strlen(text), params,
			      strstr(text, "${") ? 2 : 0);
}

/* A job in few words: "fsource a|fkey u|0>1" (words, then edges; side outputs with !). */
static void
show(const struct job *j, char *out, size_t cap)
{
	size_t n = 0;

	for (unsigned i = 0; i < j->nstages; i++)
		for (unsigned k = 0; k < j->stage[i].nwords; k++)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", j->stage[i].words[k],
					      k + 1 < j->stage[i].nwords ? " " : "|");
	for (unsigned i = 0; i < j->nedges; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%u>%u%s", i > 0 ? " " : "",
				      j->edge[i].from, j->edge[i].to,
				      j->edge[i].side != NULL ? "!" : "");
}

static void
check(const char *text, const char *want)
{
	struct job *j = NULL;
	char got[1000];

	if (parse(&j, text) != 0) {
		T_FAIL("'%s': %s", text, ferr_text());
		return;
	}
	show(j, got, sizeof(got));
	if (strcmp(got, want) != 0)
		T_FAIL("'%s' is '%s', not '%s'", text, got, want);
	job_free(j);
}

/* Refused at this place (line:col), and the message has `says`. */
static void
refuse(const char *text, const char *place, const char *says)
{
	struct job *j = NULL;
	int rc = parse(&j, text);
	char head[40];

	T_INT(rc, FERR_USAGE);
	if (rc == 0) {
		T_FAIL("'%s' was accepted", text);
		job_free(j);
		return;
	}
	snprintf(head, sizeof(head), "the text:%s: ", place);
	if (strncmp(ferr_text(), head, strlen(head)) != 0 || strstr(ferr_text(), says) == NULL)
		T_FAIL("'%s': no '%s' and '%s' in '%s'", text, place, says, ferr_text());
}

T(stages_are_joined_by_pipes)
{
	check("fsource a | fkey u | fsink b", "fsource a|fkey u|fsink b|0>1 1>2");
	check("fsource a|fkey u|fsink b", "fsource a|fkey u|fsink b|0>1 1>2");
	check("fsource a |\n\n  # why\n fkey u | # and\nfsink b\n",
	      "fsource a|fkey u|fsink b|0>1 1>2");
	check("fsource a \\\n  | fkey \\\nu | fsink b", "fsource a|fkey u|fsink b|0>1 1>2");
	check("#!/bin/sh\n\n fsource a | fsink b ; # end", "fsource a|fsink b|0>1");
	check("fsource a#b | fsink b", "fsource a#b|fsink b|0>1");
}

T(a_pipeline_without_a_sink_prints)
{
	check("fsource a", "fsource a|fsink -|0>1");
	check("fsource a | fkey u\n", "fsource a|fkey u|fsink -|0>1 1>2");
	check("fsource a | fcat", "fsource a|fcat|0>1");
	refuse("fsource a | fkey u\nfsource b", "2:1", "| fsink FILE");
}

T(words_are_quoted_as_in_bash)
{
	check("fsource 'a b' \"c d\" e\\ f 'g'\"h\"i | fsink b",
	      "fsource a b c d e f ghi|fsink b|0>1");
	check("fmap '$x `y` \\z' \"\\$x \\` \\\" \\\\ \\n it's\" 'it'\\''s'",
	      "fmap $x `y` \\z $x ` \" \\ \\n it's it's|fsink -|0>1");
	check("fmap '' \"\" x", "fmap   x|fsink -|0>1");
	check("fmap \"a\\\nb\" 'c\nd'", "fmap ab c\nd|fsink -|0>1");
	check("fmap 5$ \"5$ $.\" a=b x@y -p4", "fmap 5$ 5$ $. a=b x@y -p4|fsink -|0>1");
	check("fsource --until @1704448800", "fsource --until @1704448800|fsink -|0>1");
}

T(parameters_stand_in_words_and_double_quotes)
{
	check("fsource ${file} \"x ${user}!\" '${user}' a${user}b | fsink c",
	      "fsource a b*.gz x bob! ${user} abobb|fsink c|0>1");
}

T(patterns_are_passed_to_fsource_alone)
{
	check("fsource logs/*.gz a? [b]c 'd*' | fsink e",
	      "fsource logs/*.gz a? [b]c d*|fsink e|0>1");
	refuse("fsource a | fmap --where .a*2", "1:28", "quote the word");
	refuse("fsource a | fkey a?", "1:19", "quote the word");
	refuse("fsource a | fmap --where .a[0]", "1:28", "quote the word");
	refuse("fsource {a,b}", "1:9", "quote the word");
	refuse("f*", "1:2", "quote the word");
}

T(definitions_are_taken_up_by_name)
{
	check("a = fsource x | fkey u\n@a | fsink y\n@a | fmap | fsink z",
	      "fsource x|fkey u|fsink y|fmap|fsink z|0>1 1>2 1>3 3>4");
	check("my-a = fsource x; b = @my-a | fkey u; @b", "fsource x|fkey u|fsink -|0>1 1>2");
	check("a = fsource x\nb = fsource y\nfjoin @a @b --on u | fsink z",
	      "fsource x|fsource y|fjoin <fsource <fsource-2 --on u|fsink z|0>2 1>2 2>3");
	check("a = fsource x\nfjoin @a @a --on u | fsink z",
	      "fsource x|fjoin <fsource <fsource --on u|fsink z|0>1 0>1 1>2");
	check("fsource a | fsink x\nfsource b | fsink y",
	      "fsource a|fsink x|fsource b|fsink y|0>1 2>3");
}

T(definitions_are_checked)
{
	refuse("@a | fsink x", "1:1", "a = STAGE");
	refuse("abc = fsource x\n@abd | fsink x", "2:1", "did you mean @abc");
	refuse("@a | fsink x\na = fsource y", "1:1", "move");
	refuse("a = fsource x\na = fsource y\n@a", "2:1", "already");
	refuse("a = fsource x\nfsource y", "1:1", "never taken up");
	refuse("a = fsource x | fsink y\n@a", "1:1", "no output");
	refuse("a = fsource x\nfsource y | fmap @a", "2:18", "only fjoin");
	refuse("a=fsource x", "1:1", "assignments");
	refuse("FSTATE=st fsource x", "1:1", "--param FSTATE");
	refuse("a = ", "1:5", "a stage is missing");
}

T(inputs_of_joins)
{
	struct job *j = NULL;

	check("fsource a | fjoin - <( fsource b | fkey u ) --on u | fsink c",
	      "fsource a|fjoin - <fkey --on u|fsource b|fkey u|fsink c|2>3 3>1 0>1 1>4");
	check("fjoin <(fsource a) <(\n fjoin <(fsource b) <(fsource c);\n) --on u",
	      "fjoin <fsource <fjoin-2 --on u|fsource a|fjoin <fsource-2 <fsource-3|fsource "
	      "b|fsource "
	      "c|fsink -|1>0 3>2 4>2 2>0 0>5");
	check("a = fsource a\nfsource b | fjoin @a - --late -",
	      "fsource a|fsource b|fjoin <fsource - "
	      "--late -|fsink -|0>2 1>2 2>3");
	T_INT(parse(&j, "fsource a | fjoin <( fsource b ) - --on u"), 0);
	T_INT(j->edge[0].from, 2); /* the order of words counts, not that of edges */
	T_INT(j->edge[0].input, 0);
	T_INT(j->edge[1].from, 0);
	T_INT(j->edge[1].input, 1);
	job_free(j);
	refuse("fsource a | fjoin <( fsource b )", "1:13", "write -");
	refuse("fsource a | fmap <( fsource b )", "1:18", "only fjoin");
	refuse("fjoin <( fsource b ", "1:7", "not closed");
	refuse("fjoin <( fsource b \n fsource c )", "1:7", "not closed");
	refuse("fjoin <( )", "1:10", "a stage is missing");
	refuse("fjoin x<( fsource a )", "1:8", "blank");
}

T(side_outputs_into_pipelines)
{
	struct job *j = NULL;

	check("fsource a | fwindow count 1 --late >(fsink late/) | fsink b",
	      "fsource a|fwindow count 1 --late >fsink|fsink late/|fsink b|1>2! 0>1 1>3");
	T_INT(parse(&j, "fsource a | fmap --on-bad >( fmap | fsink c ) | fsink b"), 0);
	T_STR(j->edge[1].side, ">fmap-2");
	T_STR(j->stage[1].words[2], ">fmap-2");
	job_free(j);
	refuse("fsource a | fmap >( fsink c ) | fsink b", "1:18", "--late and --on-bad");
	refuse("fsource a | fmap --late=>( fsink c ) | fsink b", "1:25", "blank");
	refuse("b = fsource b\nfsource a | fmap --late >(@b)", "2:27", "not with @NAME");
}

T(what_a_shell_would_do_is_refused)
{
	refuse("fsource a | fmap --set $x", "1:24", "${x}");
	refuse("fsource a | fmap \"a $x\"", "1:21", "--param x=VALUE");
	refuse("fsource $(ls)", "1:9", "exec:CMD");
	refuse("fsource \"`ls`\"", "1:10", "exec:CMD");
	refuse("fsource `ls`", "1:9", "exec:CMD");
	refuse("fsource ${x:-y}", "1:9", "only ${NAME}");
	refuse("fsource ${x", "1:9", "only ${NAME}");
	refuse("fsource ${usr}", "1:9", "did you mean ${user}");
	refuse("fsource ${other}", "1:9", "--param other=VALUE");
	refuse("fsource $1", "1:9", "variable");
	refuse("fsource $'a'", "1:9", "'...'");
	refuse("fsource a > b", "1:11", "fsink FILE");
	refuse("fsource a >> b", "1:11", ">>");
	refuse("fsource < b", "1:9", "fsource FILE");
	refuse("fsource a 2>&1", "1:12", "fsink FILE");
	refuse("fsource a && fsource b", "1:11", "&&");
	refuse("fsource a || fsource b", "1:11", "||");
	refuse("fsource a |& fsink b", "1:11", "|&");
	refuse("fsource a &", "1:11", "-d");
	refuse("fsource a | fwindow count 1 --agg n=count()", "1:42", "quote");
	refuse("(fsource a)", "1:1", "( ... )");
	refuse("fsource a )", "1:11", "closes nothing");
	refuse("fsource ~/a", "1:9", "~");
	refuse("! fsource a", "1:1", "!");
	refuse("fsource a\r\n", "1:10", "Unix line ends");
	refuse("fsource 'a", "1:9", "not closed");
	refuse("fsource \"a", "1:9", "not closed");
	refuse("fsource a\\", "1:10", "joins nothing");
	refuse("if true", "1:1", "not available");
}

T(only_our_programs_are_stages)
{
	refuse("fsource a | fmpa", "1:13", "did you mean fmap");
	refuse("cat a | fkey u", "1:1", "fsource FILE");
	refuse("fsource a | tee b | fsink c", "1:13", "@NAME");
	refuse("rm -rf x", "1:1", "not a stage");
	refuse("bin/fsource a", "1:1", "without its directory");
	refuse("fsource a | 'ls -l'", "1:13", "not a stage");
	refuse("''", "1:1", "not a stage");
}

T(places_are_shown)
{
	refuse("fsource a |\n  fkey u | | fsink b", "2:12", "a stage is missing");
	refuse("| fsink b", "1:1", "a stage is missing");
	refuse("fsource a |", "1:12", "a stage is missing");
	refuse("; fsource a", "1:1", "nothing before");
	refuse("fsource a;; fsource b", "1:11", "nothing before");
	refuse("fsource 'größer' > x", "1:18", "\n  fsource 'größer' > x\n                   ^");
	refuse("fmap '\nx\n' > y", "3:3", "\n  ' > y\n    ^");
}

T(names_come_from_the_tool_or_are_given)
{
	struct job *j = NULL;

	T_INT(parse(&j, "fsource a | fmap | fmap --name x | fmap | fsink b --name=fmap-2"), 0);
	T_STR(j->stage[0].name, "fsource");
	T_STR(j->stage[1].name, "fmap");
	T_STR(j->stage[2].name, "x");
	T_STR(j->stage[3].name, "fmap-3");
	T_STR(j->stage[4].name, "fmap-2");
	T_INT(j->stage[3].line, 1);
	T_INT(j->stage[3].col, 36);
	job_free(j);
	refuse("fsource a | fmap --name x | fmap --name x", "1:29", "two stages are called x");
	refuse("fsource a | fmap --name ../x", "1:13", "cannot be a name");
	refuse("fsource a | fmap --name ''", "1:13", "cannot be a name");
}

T(texts_that_hold_nothing_or_no_text)
{
	struct job *j = NULL;

	T_INT(parse(&j, ""), FERR_USAGE);
	T_OK(strstr(ferr_text(), "is empty") != NULL);
	T_INT(parse(&j, " \n # x\n"), FERR_USAGE);
	T_OK(strstr(ferr_text(), "is empty") != NULL);
	T_INT(job_parse(&j, "t", "fsource a\0b", 11, NULL, 0), FERR_USAGE);
	T_OK(strstr(ferr_text(), "byte 10") != NULL);
	T_INT(job_parse(&j, "t", "fsource \xff", 9, NULL, 0), FERR_USAGE);
	T_OK(strstr(ferr_text(), "byte 9") != NULL);
	T_INT(job_parse(&j, "t", NULL, 0, NULL, 0), FERR_USAGE);
}

T(a_parameter_that_nothing_asks_for_is_misspelt)
{
	static const struct job_param params[] = { { "user", "bob" }, { "usr", "x" } };
	static const char text[] = "fsource ${user}";
	struct job *j = NULL;

	T_INT(job_parse(&j, "t", text, strlen(text), params, 2), FERR_USAGE);
	T_OK(strstr(ferr_text(), "--param usr") != NULL);
}

T(depth_and_size_have_bounds)
{
	struct buf b = BUF_INIT;
	struct job *j = NULL;

	for (int i = 0; i < 100; i++)
		buf_puts(&b, "fjoin <( ");
	T_INT(job_parse(&j, "t", (char *)b.p, b.n, NULL, 0), FERR_USAGE);
	T_OK(strstr(ferr_text(), "too many (") != NULL);
	b.n = 0;
	buf_puts(&b, "fsource a");
	for (int i = 0; i < 1100; i++)
		buf_puts(&b, "|fmap");
	T_INT(job_parse(&j, "t", (char *)b.p, b.n, NULL, 0), FERR_USAGE);
	T_OK(strstr(ferr_text(), "at most 1000 stages") != NULL);
	buf_fini(&b);
}

T_MAIN
