/* fcoord: run jobs, watch them, stop them.  See fcoord(1). */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "fcoord.h"
#include "sup/agent.h"

struct verb {
	const char *name;
	const char *args;
	const char *what; /* NULL: not shown */
	int (*fn)(int argc, char **argv);
};

static int
not_yet(int argc, char **argv)
{
	(void)argc;
	return verb_end(argv[0], ferr(FERR_NOTYET, "is not yet there in this version"));
}

static const struct verb verbs[] = {
	{ "run", "TEXT|FILE", "run a job, or go on with it", verb_run },
	{ "ls", "", "list the jobs", verb_ls },
	{ "status", "JOB", "what it is doing", verb_status },
	{ "stop", "JOB", "stop at a last barrier, so that it can go on", verb_stop },
	{ "checkpoint", "JOB", "take one now", verb_checkpoint },
	{ "savepoint", "JOB", "take one that can be copied away", verb_savepoint },
	{ "cancel", "JOB", "end it now; it goes on from its newest checkpoint", verb_cancel },
	{ "restart", "JOB", "stop at a barrier and begin again", verb_restart },
	{ "rescale", "JOB STAGE=N...", "the same with other parallelism", verb_rescale },
	{ "explain", "TEXT|FILE", "print the plan", verb_explain },
	{ "lint", "FILE", "check a job without running it", verb_lint },
	{ "logs", "JOB", "its messages", verb_logs },
	{ "history", "JOB", "its checkpoints", verb_history },
	{ "wait", "JOB", "until it runs, has a checkpoint, is done", verb_wait },
	{ "txn", "ls|abort JOB", "what its Kafka sinks have published, and have open", verb_txn },
	{ "doctor", "", "what could be wrong with this machine", verb_doctor },
	{ "agent", "", NULL, verb_agent },
	{ "top", "", NULL, not_yet },
	{ "tap", "", NULL, not_yet },
	{ "graph", "", NULL, not_yet },
	{ "test", "", NULL, not_yet },
	{ "serve", "", NULL, not_yet },
	{ "demo", "", NULL, not_yet },
};

#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
help(FILE *f)
{
	fprintf(
	    f,
	    "fcoord -- run jobs, watch them, stop them\n\n"
	    "  fcoord run 'fsource clicks.ndjson --time at | fkey user | fwindow tumble 1m | fsink "
	    "out/'\n      clicks per user and minute, exactly once, whatever is killed\n"
	    "  fcoord run -d job.json\n      in the background; fcoord status job shows it\n"
	    "  fcoord stop job\n      at a last barrier; fcoord run job.json goes on\n\n");
	for (size_t i = 0; i < NVERBS; i++) {
		char left[64];

		if (verbs[i].what == NULL)
			continue;
		snprintf(left, sizeof(left), "%s %s", verbs[i].name, verbs[i].args);
		fprintf(f, "  %-24s %s\n", left, verbs[i].what);
	}
	fprintf(f, "\n`fcoord VERB -h` tells more about each.  See fcoord(1).\n");
}

int
verb_end(const char *verb, int rc)
{
	if (rc < 0 && ferr_text()[0] != '\0')
		fprintf(stderr, "fcoord %s: %s\n", verb, ferr_text());
	return rc > 0 ? 0 : ferr_status(rc);
}

int
verb_agent(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "--stdio") != 0)
		return verb_end("agent", ferr(FERR_USAGE, "is started by fcoord run"));
	return verb_end("agent", agent_run());
}

int
main(int argc, char **argv)
{
	const char *names[NVERBS], *near;

	if (argc < 2 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("fcoord %s\n", FJORD_VERSION);
		return 0;
	}
	for (size_t i = 0; i < NVERBS; i++) {
		names[i] = verbs[i].name;
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].fn(argc - 1, argv + 1);
	}
	near = near_word(argv[1], names, NVERBS);
	fprintf(stderr, "fcoord: there is no verb '%s'%s%s%s; fcoord -h lists them\n", argv[1],
		near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
		near != NULL ? "'?" : "");
	return 2;
}
