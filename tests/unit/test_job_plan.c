/* test_job_plan: parallelism, edges and key groups (C35), and the graphs that are refused. */
#include "t.h"
#include "t_job.h"

static struct job *
parse(const char *text)
{
	struct job *j = NULL;

	if (job_parse(&j, "the text", text, strlen(text), NULL, 0) != 0 || t_describe(j) != 0) {
		T_FAIL("'%s': %s", text, ferr_text());
		job_free(j);
		exit(1);
	}
	return j;
}

static struct job *
plan(const char *text, int64_t parallel)
{
	struct job *j = parse(text);

	if (job_plan(j, parallel, false) != 0)
		T_FAIL("'%s': %s", text, ferr_text());
	return j;
}

static void
refuse(const char *text, int64_t parallel, const char *says)
{
	struct job *j = parse(text);

	T_INT(job_plan(j, parallel, false), FERR_USAGE);
	if (strstr(ferr_text(), says) == NULL)
		T_FAIL("'%s': no '%s' in '%s'", text, says, ferr_text());
	job_free(j);
}

/* Tasks of each stage and how each edge spreads: "2 2 1, forward global". */
static void
check(const char *text, int64_t parallel, const char *want)
{
	static const char *const by[] = { "forward",   "key",	 "rebalance",
					  "broadcast", "global", "unset" };
	struct job *j = plan(text, parallel);
	char got[400];
	size_t n = 0;

	for (unsigned i = 0; i < j->nstages; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%u", i > 0 ? " " : "",
				      j->stage[i].tasks);
	for (unsigned i = 0; i < j->nedges; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s %s", i == 0 ? "," : "",
				      by[j->edge[i].by]);
	if (strcmp(got, want) != 0)
		T_FAIL("'%s' -p %d is '%s', not '%s'", text, (int)parallel, got, want);
	job_free(j);
}

T(parallelism_comes_from_the_job_or_the_stage)
{
	check("fsource a | fmap | fsink b/", 0, "1 1 1, forward forward");
	check("fsource a | fmap | fsink b/", 3, "3 3 3, forward forward");
	check("fsource a -p 2 | fmap | fsink b/", 3, "2 3 3, rebalance forward");
	check("fsource a | fmap | fsink b", 3, "3 3 1, forward global");
	check("fsource a | fmap", 3, "3 3 1, forward global");
}

T(keyed_state_is_split_and_other_state_is_not)
{
	check("fsource a | fkey u | fwindow count 1 | fsink b/", 4, "4 4 4 4, forward key forward");
	check("fsource a | fwindow count 1 | fsink b/", 4, "4 1 4, global rebalance");
	check("fsource a | fkey u | fmap | fwindow count 1 | fsink b/", 4,
	      "4 4 4 4 4, forward key forward forward");
	check("fsource a | fkey u | fwindow count 1 -p 2 | fwindow count 2 | fsink b/", 4,
	      "4 4 2 4 4, forward key key forward");
	check("fsource a | fkey u | fwindow count 1 | fsink b", 4, "4 4 4 1, forward key global");
}

T(fkey_takes_a_key_away)
{
	check("fsource a | fkey u | fkey --global | fwindow count 1 | fsink b/", 4,
	      "4 4 4 1 4, forward key global rebalance");
	check("fsource a | fkey --rebalance | fwindow count 1 | fsink b/", 4,
	      "4 4 1 4, forward global rebalance");
	check("fsource a | fkey --rebalance | fmap | fsink b/", 4,
	      "4 4 4 4, forward rebalance forward");
	check("fsource a | fkey --broadcast | fmap | fsink b/", 4,
	      "4 4 4 4, forward broadcast forward");
	check("fsource a | fkey --global | fmap | fsink b/", 4,
	      "4 4 1 4, forward global rebalance");
}

T(joins_are_keyed_when_both_inputs_are)
{
	check("fsource a | fkey u | fjoin - <( fsource b | fkey u ) | fsink c/", 4,
	      "4 4 4 4 4 4, forward forward key key forward");
	check("fsource a | fkey u | fjoin - <( fsource b ) | fsink c/", 4,
	      "4 4 1 4 4, forward global global rebalance");
}

T(C35_groups)
{
	static const struct {
		const char *text;
		int64_t p;
		uint32_t groups;
	} in[] = {
		{ "fsource a | fkey u | fwindow count 1 | fsink b/", 1, 128 },
		{ "fsource a | fkey u | fwindow count 1 | fsink b/", 85, 128 },
		{ "fsource a | fkey u | fwindow count 1 | fsink b/", 86, 256 },
		{ "fsource a | fkey u | fwindow count 1 | fsink b/", 20000, 32768 },
		{ "fsource a | fkey u | fwindow count 1 | fsink b/", 40000, 32768 },
		{ "fsource a | fkey u | fwindow count 1 | fsink b/ -p 86", 2, 256 },
		{ "fsource a | fkey u --groups 7 | fwindow count 1 | fsink b/", 7, 7 },
		{ "fsource a -p 200 | fmap | fwindow count 1 | fsink b/", 7, 128 },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct job *j = plan(in[i].text, in[i].p);

		T_INT(j->stage[2].groups, in[i].groups);
		job_free(j);
	}
}

T(C35_the_keys_of_a_join_have_the_same_groups)
{
	struct job *j =
	    plan("fsource a | fkey u --groups 64 | fjoin - <( fsource b | fkey u ) | fsink "
		 "c/",
		 4);

	for (unsigned i = 0; i < j->nstages; i++)
		if (j->stage[i].keyed)
			T_INT(j->stage[i].groups, 64);
	job_free(j);
	j = plan("a = fsource a | fkey u\n@a | fwindow count 1 -p 100 | fsink b/\n"
		 "fjoin @a <( fsource b | fkey u ) | fsink c/",
		 4);
	T_INT(j->stage[2].groups, 256);
	T_INT(j->stage[4].groups, 256);
	job_free(j);
	refuse("fsource a | fkey u --groups 64 | fjoin - <( fsource b | fkey u --groups 32 ) | "
	       "fsink c/",
	       4, "the same --groups");
}

T(C35_a_second_key_has_groups_of_its_own)
{
	struct job *j =
	    plan("fsource a | fkey u --groups 64 | fwindow count 1 | fkey v --groups 32 | "
		 "fwindow count 1 | fsink b/",
		 4);

	T_INT(j->stage[2].groups, 64);
	T_INT(j->stage[3].groups, 64);
	T_INT(j->stage[4].groups, 32);
	job_free(j);
}

T(C35_groups_are_kept_for_the_life_of_the_state)
{
	struct job *j = plan("fsource a | fkey u | fwindow count 1 | fsink b/", 4);

	T_INT(job_plan(j, 100, false), 0);
	T_INT(j->stage[2].groups, 128);
	T_INT(j->stage[2].tasks, 100);
	T_INT(job_plan(j, 200, false), FERR_USAGE);
	T_OK(strstr(ferr_text(), "128") != NULL);
	job_free(j);
	j = parse("fsource a | fkey u | fwindow count 1 | fsink b/");
	j->stage[2].groups = 1024;
	T_INT(job_plan(j, 2, false), 0);
	T_INT(j->stage[3].groups, 1024);
	job_free(j);
	refuse("fsource a | fkey u --groups 4 | fwindow count 1 | fsink b/", 5,
	       "-p 5 is more than");
}

T(side_outputs_get_a_sink_of_their_own)
{
	struct job *j =
	    plan("fsource a --on-bad bad | fkey u | fwindow count 1 --late late --on-bad bad "
		 "| fsink b/",
		 4);

	T_INT(j->nstages, 6);
	T_STR(j->stage[4].name, "fsource-bad");
	T_STR(j->stage[5].name, "fwindow-late");
	T_STR(j->stage[5].words[1], "late");
	T_OK(j->stage[5].implicit && j->stage[5].facts.lanes);
	T_INT(j->stage[5].tasks, 1);
	T_INT(j->nedges, 6); /* both bad ones go into one sink */
	T_STR(j->edge[4].side, "late");
	T_INT(j->edge[4].by, BY_GLOBAL);
	T_INT(j->edge[5].to, 4);
	T_INT(job_plan(j, 1, false), 0);
	T_INT(j->nstages, 6);
	T_INT(j->edge[4].by, BY_FORWARD);
	job_free(j);
	check("fsource a | fwindow count 1 --late >( fmap | fsink c/ ) | fsink b/", 2,
	      "2 1 2 2 2, forward rebalance global rebalance");
}

T(a_stage_cannot_have_more_than_it_can)
{
	refuse("fsource a | fsink b -p 2", 1, "DIR/ can be written");
	refuse("fsource a | fsink - -p 2", 1, "stdout is one stream");
	refuse("fsource a | fwindow count 1 -p 2 | fsink b/", 1, "put fkey FIELD before it");
	refuse("fsource a | fkey --global | fmap -p 2 | fsink b/", 1, "by global");
}

T(graphs_that_cannot_be_are_refused)
{
	struct job *j = parse("fsource - | fsink b");

	refuse("fsource - | fsink b", 1, "cannot be read again");
	T_INT(job_plan(j, 1, true), 0);
	job_free(j);
	refuse("fmap | fsink b", 1, "nothing flows into it");
	refuse("fmap | fsink b", 1, "(line 1, column 1)");
	refuse("fsource a | fsource b", 1, "a source reads no other stage");
	refuse("fsource a | fsink b | fmap", 1, "a sink has no output");
	refuse("fjoin a b --on u", 1, "nothing flows into it");
	refuse(
	    "{\"version\": 1, \"stages\": [{\"run\": [\"fsource\", \"a\"]}, {\"run\": [\"fmap\"]}, "
	    "{\"run\": [\"fsink\", \"b\"]}], \"edges\": [{\"from\": \"fsource\", \"to\": "
	    "\"fsink\"}, "
	    "{\"from\": \"fsource\", \"to\": \"fmap\"}]}",
	    1, "nobody reads its output");
	refuse("{\"version\": 1, \"stages\": [{\"run\": [\"fmap\"]}, {\"run\": [\"fmap\"]}], "
	       "\"edges\": [{\"from\": \"fmap\", \"to\": \"fmap-2\"}, "
	       "{\"from\": \"fmap-2\", \"to\": \"fmap\"}]}",
	       1, "cycle");
	refuse("fsource a | fmap --at '-oProxyCommand=x' | fsink b", 1, "cannot be a host");
}

/* The manifest's own ways to spread, with stages fsource, fkey, fwindow, fsink. */
static char *
with_by(const char *key, const char *by)
{
	static char text[600];

	snprintf(
	    text, sizeof(text),
	    "{\"version\": 1, \"stages\": [{\"run\": [\"fsource\", \"a\"]}, {\"run\": [\"%s\", "
	    "\"u\"]}, {\"run\": [\"fwindow\", \"count\", \"1\"]}, {\"run\": [\"fsink\", \"b/\"]}], "
	    "\"edges\": [{\"from\": \"fsource\", \"to\": \"%s\"}, {\"from\": \"%s\", \"to\": "
	    "\"fwindow\", \"by\": \"%s\"}, {\"from\": \"fwindow\", \"to\": \"fsink\"}]}",
	    key, key, key, by);
	return text;
}

T(what_the_manifest_says_of_edges_is_checked)
{
	check(with_by("fkey", "key"), 2, "2 2 2 2, forward key forward");
	check(with_by("fkey", "global"), 2, "2 2 1 2, forward global key");
	check(with_by("fkey", "rebalance"), 2, "2 2 1 2, forward rebalance rebalance");
	refuse(with_by("fkey", "forward"), 2, "goes by key");
	check(with_by("fkey", "forward"), 1, "1 1 1 1, forward forward forward");
	refuse(with_by("fmap", "key"), 2, "has no key");
	refuse(with_by("fmap", "forward"), 2, "equal parallelism");
}

T(facts_are_read_line_by_line)
{
	struct job *j = parse("fsource a | fmap | fsink b");
	static const char good[] =
	    "source\nstateful\nlanes\nprint\nnoreplay it is gone\nname x y\n"
	    "parallel 3\nmost 4\nmost_why so\nby broadcast\ngroups 12\nmem 1024\n"
	    "at h,i\nside a b\nside c\nside c";
	const struct job_facts *f = &j->stage[1].facts;

	T_INT(job_facts(j, 1, good, strlen(good)), 0);
	T_OK(f->known && f->source && f->stateful && f->lanes && f->print && !f->sink);
	T_STR(f->noreplay, "it is gone");
	T_STR(f->name, "x y");
	T_STR(f->most_why, "so");
	T_STR(f->at, "h,i");
	T_STR(f->sides.v[0], "a b");
	T_INT(f->sides.n, 2);
	T_INT(f->parallel, 3);
	T_INT(f->most, 4);
	T_INT(f->by, BY_BROADCAST);
	T_INT(f->groups, 12);
	T_INT(f->mem, 1024);
	T_OK(f->atleast == NULL);
	T_INT(job_facts(j, 1, "", 0), 0);
	T_OK(f->known && !f->source && f->sides.n == 0 && f->by == BY_UNSET);
	T_INT(job_facts(j, 1, "colour red", 10), FERR_USAGE);
	T_OK(!f->known && strstr(ferr_text(), "fmap") != NULL);
	T_INT(job_facts(j, 1, "by magic", 8), FERR_USAGE);
	T_INT(job_facts(j, 1, "most x", 6), FERR_USAGE);
	job_free(j);
}

/* What stage i needs of its input, or a source must give out: "k v", or "all". */
static void
needs(const struct job *j, unsigned i, const char *want)
{
	char got[200] = "";
	size_t n = 0;

	for (unsigned k = 0; k < j->stage[i].reads.n; k++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s", k > 0 ? " " : "",
				      j->stage[i].reads.v[k]);
	T_STR(j->stage[i].selects ? got : "all", want);
}

static void
says(struct job *j, unsigned i, const char *facts)
{
	T_INT(job_facts(j, i, facts, strlen(facts)), 0);
}

T(fields_that_nobody_reads_need_not_leave_their_source)
{
	struct job *j = parse("a = fsource a\n@a | fkey k | fwindow global | fsink b\n"
			      "@a | fmap | fwindow global | fsink c");

	says(j, 1, "by key\nselects\npasses\nreads k");
	says(j, 2, "stateful\nselects\nreads v\nreads k");
	says(j, 4, "selects\npasses\nreads w\nmakes x\nmakes w");
	says(j, 5, "stateful\nselects\nreads x\nreads y");
	T_INT(job_plan(j, 1, false), 0);
	needs(j, 0, "k v w y");
	needs(j, 1, "k v");
	needs(j, 2, "v k");
	needs(j, 3, "all");
	needs(j, 4, "w y");
	needs(j, 5, "x y");
	says(j, 4, "passes\nreads w"); /* it does not say that it reads no others */
	T_INT(job_plan(j, 1, false), 0);
	needs(j, 0, "all");
	says(j, 4, "selects\nreads w\nside late");
	T_INT(job_plan(j, 1, false), 0);
	needs(j, 0, "all");
	job_free(j);
}

T_MAIN
