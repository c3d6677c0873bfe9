/* test_job_json: manifests, and text -> plan -> manifest -> the same plan. */
#include "t.h"
#include "t_job.h"

static int
parse(struct job **j, const char *text)
{
	static const struct job_param param = { "user", "bob" };

	return job_parse(j, "job.json", text, strlen(text), &param,
			 strstr(text, "${user}") ? 1 : 0);
}

static void
refuse(const char *text, const char *place, const char *says)
{
	struct job *j = NULL;
	char head[40];

	if (parse(&j, text) != FERR_USAGE) {
		T_FAIL("'%s' was accepted", text);
		job_free(j);
		return;
	}
	snprintf(head, sizeof(head), "job.json:%s: ", place);
	if (strncmp(ferr_text(), head, strlen(head)) != 0 || strstr(ferr_text(), says) == NULL)
		T_FAIL("'%s': no '%s' and '%s' in '%s'", text, place, says, ferr_text());
}

static const char *
printed(const struct job *j, struct buf *b)
{
	b->n = 0;
	T_INT(job_print_json(j, b), 0);
	return buf_cstr(b);
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool
same_stage(const struct job_stage *a, const struct job_stage *b)
{
	bool same = same_text(a->name, b->name) && a->nwords == b->nwords && a->tasks == b->tasks &&
		    a->groups == b->groups && a->keyed == b->keyed && a->memory == b->memory &&
		    same_text(a->at, b->at);

	for (unsigned i = 0; same && i < a->nwords; i++)
		same = strcmp(a->words[i], b->words[i]) == 0;
	return same;
}

static bool
same_plan(const struct job *a, const struct job *b)
{
	bool same =
	    a->nstages == b->nstages && a->nedges == b->nedges && same_text(a->name, b->name);

	for (unsigned i = 0; same && i < a->nstages; i++)
		same = same_stage(&a->stage[i], &b->stage[i]);
	for (unsigned i = 0; same && i < a->nedges; i++)
		same = a->edge[i].from == b->edge[i].from && a->edge[i].to == b->edge[i].to &&
		       a->edge[i].by == b->edge[i].by && a->edge[i].input == b->edge[i].input &&
		       same_text(a->edge[i].side, b->edge[i].side);
	return same;
}

/* The plan of a text, printed, read, and planned with another -p, is the same plan. */
static void
round_trip(const char *text, int64_t parallel)
{
	struct job *a = NULL, *b = NULL;
	struct buf first = BUF_INIT, second = BUF_INIT;

	if (parse(&a, text) != 0 || t_describe(a) != 0 || job_plan(a, parallel, true) != 0) {
		T_FAIL("'%s': %s", text, ferr_text());
		goto out;
	}
	printed(a, &first);
	if (job_parse(&b, "again", (char *)first.p, first.n, NULL, 0) != 0 || t_describe(b) != 0 ||
	    job_plan(b, parallel + 5, true) != 0) {
		T_FAIL("'%s', again: %s", text, ferr_text());
		goto out;
	}
	printed(b, &second);
	T_MEM(first.p, first.n, second.p, second.n);
	if (!same_plan(a, b))
		T_FAIL("'%s': another plan from %s", text, buf_cstr(&first));
out:
	job_free(a);
	job_free(b);
	buf_fini(&first);
	buf_fini(&second);
}

T(a_plan_printed_and_read_is_the_same_plan)
{
	static const char *const texts[] = {
		"fsource a",
		"fsource a | fkey u | fwindow tumble 5m --agg 'n=count()' | fsink out/",
		"fsource a -p 2 | fkey u | fwindow count 1 -p 5 --late late | fmap | fsink out/",
		"fsource a | fkey u --groups 64 | fwindow count 1 --on-bad bad --late bad | fsink "
		"b",
		"fsource \"${user}\" 'it'\\''s' \"\\\"\\\\\" '${user}' '$${user}' '$$' "
		"'a\nb\tc\x01' '' | fsink 'ü'",
		"fsource a${user} | fsink b",
		"a = fsource x | fkey u\n@a | fsink y/\n@a | fkey --global | fmap | fsink z",
		"a = fsource x\nb = fsource y\nfjoin @a @b --on u | fsink z/",
		"a = fsource x | fkey u\nfjoin @a @a --on u | fsink z/",
		"a = fsource x | fkey u\n@a | fjoin @a - --on u | fsink z/",
		"fsource a | fkey u | fjoin - <( fsource b | fkey u ) --late >( fmap | fsink c ) | "
		"fsink d/",
		"fjoin <( fjoin <( fsource a ) - --on u ) <( fsource b ) | fsink c",
		"fsource a | fkey --broadcast | fmap | fkey --rebalance | fmap | fsink c/",
		"fsource a --mem 512 --at h1,h2 | fmap --name x | fmap --name=fmap-2 | fmap | "
		"fsink b/",
		"{\"version\": 1, \"name\": \"j\", \"stages\": [{\"run\": [\"fsource\", \"a\"], "
		"\"at\": "
		"[\"h1\", \"h2\"]}, {\"run\": [\"fmap\"], \"memory\": \"64MiB\"}, {\"run\": "
		"[\"fmap\"]}, "
		"{\"run\": [\"fsink\", \"b/\"], \"parallelism\": 3}], \"edges\": [{\"from\": "
		"\"fsource\", \"to\": \"fmap\"}, {\"from\": \"fsource\", \"to\": \"fmap-2\"}, "
		"{\"from\": "
		"\"fmap\", \"to\": \"fsink\"}, {\"from\": \"fmap-2\", \"to\": \"fsink\"}], "
		"\"checkpoint\": {\"every\": \"5s\", \"keep\": 2, \"dir\": \"true\", "
		"\"unaligned\": \"after:5s\"}, "
		"\"restart\": \"none\", \"hosts\": \"h1,h2\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (int64_t p = 0; p < 5; p++)
			round_trip(texts[i], p);
	round_trip(texts[1], 100);
}

T(join_inputs_follow_the_words_not_the_edges)
{
	static const char text[] =
	    "{\"version\": 1, \"stages\": [{\"name\": \"a\", \"run\": [\"fsource\", \"x\"]}, "
	    "{\"name\": \"b\", \"run\": [\"fsource\", \"y\"]}, {\"run\": [\"fjoin\", \"-\", "
	    "\"<b\"]}], "
	    "\"edges\": [{\"from\": \"b\", \"to\": \"fjoin\"}, {\"from\": \"a\", \"to\": "
	    "\"fjoin\"}]}";
	struct job *j = NULL;

	T_INT(parse(&j, text), 0);
	T_INT(j->edge[0].input, 1);
	T_INT(j->edge[1].input, 0);
	job_free(j);
}

T(every_key_is_read)
{
	static const char text[] =
	    "\n{\"version\": 1, \"name\": \"job-1\", \"stages\": [{\"name\": \"in\", \"run\": "
	    "[\"fsource\", \"${dir}/a\"], \"parallelism\": 2, \"at\": \"h1\", \"memory\": "
	    "\"1GiB\"}, "
	    "{\"run\": [\"fsink\", \"-\"]}], \"edges\": [{\"from\": \"in\", \"to\": \"fsink\", "
	    "\"by\": "
	    "\"global\"}], \"checkpoint\": {\"every\": \"2s\", \"timeout\": \"1m\", \"min_pause\": "
	    "\"100ms\", \"keep\": 5, \"dir\": \"${dir}\", \"unaligned\": true}, \"restart\": "
	    "\"fixed:3,10s\", \"hosts\": [\"h1\", \"me@h2\"], \"params\": {\"dir\": \"/data\"}}";
	static const struct job_param param = { "dir", "/other" };
	struct job *j = NULL;

	T_INT(job_parse(&j, "job.json", text, strlen(text), NULL, 0), 0);
	T_STR(j->name, "job-1");
	T_STR(j->stage[0].name, "in");
	T_STR(j->stage[0].words[1], "/data/a");
	T_INT(j->stage[0].parallel, 2);
	T_STR(j->stage[0].at, "h1");
	T_INT(j->stage[0].memory, 1 << 30);
	T_INT(j->edge[0].by, BY_GLOBAL);
	T_OK(j->edge[0].by_said);
	T_STR(j->every, "2s");
	T_STR(j->timeout, "1m");
	T_STR(j->min_pause, "100ms");
	T_STR(j->keep, "5");
	T_STR(j->dir, "/data");
	T_STR(j->unaligned, "true");
	T_STR(j->restart, "fixed:3,10s");
	T_STR(j->hosts, "h1,me@h2");
	job_free(j);
	T_INT(job_parse(&j, "job.json", text, strlen(text), &param, 1), 0);
	T_STR(j->stage[0].words[1], "/other/a");
	job_free(j);
}

#define STAGES "\"stages\": [{\"run\": [\"fsource\", \"a\"]}, {\"run\": [\"fsink\", \"b\"]}]"
#define EDGES "\"edges\": [{\"from\": \"fsource\", \"to\": \"fsink\"}]"

T(faults_have_their_place)
{
	refuse("{\"version\": 1,\n \"stages\": [,]}", "2:13", "near ','");
	refuse("{\"version\": 1,", "1:14", "end of file");
	refuse("{}", "1:1", "\"version\": 1");
	refuse("{\"version\": 2}", "1:13", "version 1");
	refuse("{\"version\": 1, \"version\": 1}", "1:24", "duplicate");
	refuse("{\"version\": 1}", "1:1", "\"stages\" is missing");
	refuse("{\"version\": 1,\n \"stagse\": []}", "2:2", "did you mean \"stages\"");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"rum\": []}]}", "3:4",
	       "did you mean \"run\"");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"name\": \"x\"}]}", "3:3",
	       "\"run\" is missing");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"run\": [\"fsource\", 5]}]}", "3:23",
	       "a text");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"run\": \"fsource a\"}]}", "3:11", "a list");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"run\": [\"fmpa\"]}]}", "3:12",
	       "did you mean fmap");
	refuse("{\"version\": 1,\n \"stages\": [\n  {\"run\": [\"sh\", \"-c\"]}]}", "3:12",
	       "not a stage");
	refuse("{\"version\": 1, " STAGES
	       ",\n \"edges\": [{\"from\": \"fsource\", \"to\": \"fsnik\"}]}",
	       "2:38", "did you mean fsink");
	refuse("{\"version\": 1, " STAGES ",\n \"edges\": [{\"from\": \"fsource\"}]}", "2:12",
	       "\"to\"");
	refuse("{\"version\": 1, " STAGES
	       ",\n \"edges\": [{\"from\": \"fsource\", \"to\": \"fsink\", "
	       "\"by\": \"keys\"}]}",
	       "2:53", "did you mean \"key\"");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"checkpoint\": {\"every\": \"5\"}}",
	       "2:26", "unit");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"checkpoint\": {\"kep\": 5}}", "2:17",
	       "did you mean \"keep\"");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"checkpoint\": {\"keep\": 0}}", "2:25",
	       "from 1");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"checkpoint\": {\"unaligned\": \"x\"}}",
	       "2:30", "after:D");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"hosts\": [\"a\", \"-b\"]}", "2:11",
	       "cannot be a host");
	refuse("{\"version\": 1, " STAGES ", " EDGES ",\n \"name\": \"../x\"}", "2:10",
	       "cannot be a name");
	refuse(
	    "{\"version\": 1, \"stages\": [\n{\"name\": \"x\", \"run\": [\"fmap\"]},\n{\"name\": "
	    "\"x\", \"run\": [\"fmap\"]}]}",
	    "3:1", "two stages are called x");
	refuse("{\"version\": 1, \"stages\": [\n{\"name\": \"x\", \"run\": [\"fmap\", \"--name\", "
	       "\"y\"]}]}",
	       "2:1", "keep one");
	refuse("{\"version\": 1, \"stages\": [\n{\"run\": [\"fmap\"], \"parallelism\": 0}]}",
	       "2:34", "from 1 to");
	refuse("{\"version\": 1, \"stages\": [\n{\"run\": [\"fmap\"], \"memory\": \"5\"}]}", "2:29",
	       "unit");
	refuse("{\"version\": 1, \"stages\": [\n{\"run\": [\"fmap\", \"${usr}\"]}]}", "2:18",
	       "--param usr");
	refuse("{\"version\": 1, \"stages\": [\n{\"run\": [\"fmap\", \"${usr\"]}]}", "2:18",
	       "only ${NAME}");
	refuse("{\"version\": 1,\n \"params\": {\"a-b\": \"x\"}}", "2:13", "a parameter is");
	refuse("{\"version\": 1,\n \"params\": {\"a\": 5}}", "2:13", "a parameter is");
	refuse("{\"version\": 1, " STAGES ",\n \"edges\": 5}", "2:11", "a list");
}

T(inputs_of_joins_need_their_edges)
{
#define ABJ(words)                                                                         \
	"{\"version\": 1, \"stages\": [{\"name\": \"a\", \"run\": [\"fsource\", \"x\"]}, " \
	"{\"name\": "                                                                      \
	"\"b\", \"run\": [\"fsource\", \"y\"]},\n {\"run\": [\"fjoin\", " words            \
	"]}], \"edges\": ["                                                                \
	"{\"from\": \"a\", \"to\": \"fjoin\"}]}"
	refuse(ABJ("\"<a\", \"<b\""), "2:2", "add {\"from\": \"b\", \"to\": \"fjoin\"}");
	refuse(ABJ("\"<a\", \"<bb\""), "2:2", "did you mean b");
	refuse(ABJ("\"x\", \"y\""), "2:2", "more inputs than its words name");
	refuse("{\"version\": 1, " STAGES
	       ", \"edges\": [{\"from\": \"fsource\", \"to\": \"fsink\", "
	       "\"input\": 1}]}",
	       "1:54", "one input");
}

T(keys_with_escapes_and_odd_texts_are_found_or_missed_in_peace)
{
	refuse("{\"\\u0076ersion\": 2}", "1:1", "version 1");
	refuse("{\"version\": 1, \"a\\\"b\": 1}", "1:1", "is not known");
	refuse("{\"version\": 1, \"\": [[{}, \"]\"], 1e5], \"stages\": 5}", "1:16", "is not known");
	refuse("{\"version\": 1, \"stages\": {}, \"params\": {}}", "1:26", "\"stages\" is missing");
}

T(the_plan_for_people)
{
	static const char text[] =
	    "fsource a | fkey u | fwindow count 1 --agg 'n=count()' --late l | "
	    "fsink b/\nfsource \"it's\" --at h1 | fsink -";
	static const char want[] =
	    "stages\n"
	    "  fsource       x2    fsource a\n"
	    "  fkey          x2    fkey u\n"
	    "  fwindow       x2    fwindow count 1 --agg 'n=count()' --late l  # keyed, 128 key "
	    "groups\n"
	    "  fsink         x2    fsink b/  # keyed, 128 key groups\n"
	    "  fsource-2     x2    fsource 'it'\\''s' --at h1  # at h1\n"
	    "  fsink-2       x1    fsink -\n"
	    "  fwindow-late  x1    fsink l\n"
	    "edges\n"
	    "  fsource      -> fkey          forward, 2 to 2\n"
	    "  fkey         -> fwindow       key, 2 to 2\n"
	    "  fwindow      -> fsink         forward, 2 to 2\n"
	    "  fsource-2    -> fsink-2       global, 2 to 1\n"
	    "  fwindow      -> fwindow-late  global, 2 to 1, what goes to l\n"
	    "guarantees\n"
	    "  fsink         exactly once\n"
	    "  fsink-2       at least once: a crash may print an epoch again\n"
	    "  fwindow-late  exactly once\n";
	struct buf b = BUF_INIT;
	struct job *j = NULL;

	T_INT(parse(&j, text), 0);
	T_INT(t_describe(j), 0);
	T_INT(job_plan(j, 2, false), 0);
	T_INT(job_print_text(j, &b), 0);
	T_STR(buf_cstr(&b), want);
	b.n = 0;
	T_INT(job_print_dot(j, &b), 0);
	T_OK(strstr(buf_cstr(&b), "\"fkey\" -> \"fwindow\" [label=\"key\"];") != NULL);
	T_OK(strstr(buf_cstr(&b), "label=\"fsource-2 x2\\nfsource 'it'\\\\''s' --at h1\"") != NULL);
	buf_fini(&b);
	job_free(j);
}

T_MAIN
