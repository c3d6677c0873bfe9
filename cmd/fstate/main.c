/* fstate: a look inside checkpoints.  See fstate(1). */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "base/unit.h"
#include "fstate.h"
#include "place.h"

#define BIT(o) (1u << (o))
#define READS (BIT(OPT_STATE) | BIT(OPT_AT) | BIT(OPT_MEM))
#define SHOWS (READS | BIT(OPT_STAGE) | BIT(OPT_KEY) | BIT(OPT_WINDOW) | BIT(OPT_FORMAT))

/* Words are what stands behind DIR, which may be left out but for diff. */
static const struct verb {
	const char *name;
	int words, most;
	unsigned options;
	int (*fn)(const struct conf *c, const char *dir, char **word);
} verbs[] = {
	{ "ls", 0, 0, BIT(OPT_STATE) | BIT(OPT_FORMAT), verb_ls },
	{ "show", 0, 0, BIT(OPT_STATE) | BIT(OPT_AT) | BIT(OPT_STAGE) | BIT(OPT_FORMAT),
	  verb_show },
	{ "get", 2, 2, READS | BIT(OPT_WINDOW) | BIT(OPT_FORMAT), verb_get },
	{ "scan", 0, 0, SHOWS, verb_scan },
	{ "diff", 1, 2, SHOWS & ~BIT(OPT_AT), verb_diff },
	{ "verify", 0, 0, BIT(OPT_STATE) | BIT(OPT_AT) | BIT(OPT_FORMAT), verb_verify },
	{ "export", 0, 0, (SHOWS & ~BIT(OPT_FORMAT)) | BIT(OPT_OUT), verb_export },
};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

/* ---- options ---- */

static int
set_text(struct conf *c, enum option o, const char **to, const char *arg)
{
	c->given |= BIT(o);
	*to = arg;
	return 0;
}

static int
set_state(void *conf, const char *arg)
{
	struct conf *c = conf;

	return arg[0] == '\0' ? ferr(FERR_USAGE, "needs a directory")
			      : set_text(c, OPT_STATE, &c->state, arg);
}

static int
set_at(void *conf, const char *arg)
{
	return set_text(conf, OPT_AT, &((struct conf *)conf)->at, arg);
}

static int
set_stage(void *conf, const char *arg)
{
	return set_text(conf, OPT_STAGE, &((struct conf *)conf)->stage, arg);
}

static int
set_key(void *conf, const char *arg)
{
	return set_text(conf, OPT_KEY, &((struct conf *)conf)->key, arg);
}

static int
set_out(void *conf, const char *arg)
{
	return set_text(conf, OPT_OUT, &((struct conf *)conf)->out, arg);
}

static int
read_time(const char *s, size_t n, int64_t *ms)
{
	char text[32], shown[QUOTE_MAX];

	if (n > 1 && s[0] == '@' && n < sizeof(text)) {
		memcpy(text, s + 1, n - 1);
		text[n - 1] = '\0';
		if (unit_int(text, "a time", 0, INT64_MAX / 1000000, ms) != 0)
			return FERR_USAGE;
		return time_of_i64(*ms, ms) ? 0 : ferr(FERR_USAGE, "@%s is not a time", text);
	}
	if (time_parse(s, n, NULL, NULL, ms))
		return 0;
	return ferr(FERR_USAGE, "%s is not a time; write 2024-01-05T10:00:00Z or @1704448800",
		    quote(s, n, shown));
}

/* TIME or TIME..TIME */
static int
set_window(void *conf, const char *arg)
{
	struct conf *c = conf;
	const char *dots = strstr(arg, "..");
	int rc = read_time(arg, dots != NULL ? (size_t)(dots - arg) : strlen(arg), &c->from);

	if (rc == 0 && dots != NULL)
		rc = read_time(dots + 2, strlen(dots + 2), &c->to);
	else if (rc == 0)
		c->to = c->from + 1;
	if (rc == 0 && c->to <= c->from)
		return ferr(FERR_USAGE, "%s ends before it begins", arg);
	return rc != 0 ? rc : set_text(c, OPT_WINDOW, &c->window, arg);
}

static int
set_format(void *conf, const char *arg)
{
	struct conf *c = conf;

	c->given |= BIT(OPT_FORMAT);
	c->format = strcmp(arg, "table") == 0 ? FMT_TABLE : (enum fmt_kind)fmt_by_name(arg);
	return 0;
}

static int
set_mem(void *conf, const char *arg)
{
	struct conf *c = conf;
	uint64_t n = 0;
	int rc = unit_size(arg, &n);

	if (rc == 0 && (n < 1 << 20 || n > 1LL << 60))
		return ferr(FERR_USAGE, "from 1MiB on");
	c->given |= BIT(OPT_MEM);
	c->mem = (int64_t)n;
	return rc;
}

static const struct opt options[] = {
	{ "at", 0, "EPOCH|place:N", "which checkpoint (default: the newest; verify: all of them)",
	  set_at, false },
	{ "stage", 0, "NAME", "this stage alone", set_stage, false },
	{ "key", 0, "KEY", "this key alone, written as it is printed", set_key, false },
	{ "window", 0, "TIME[..TIME]", "windows that hold TIME, or that touch the range",
	  set_window, false },
	{ "format", 'o', "table|json|csv|tsv",
	  "for people (default), or one line each for programs", set_format, false },
	{ "out", 0, "DIR", "export: write STAGE.ndjson for each stage there", set_out, false },
	{ "state", 0, "DIR", "where jobs lie (default $FSTATE, else $XDG_STATE_HOME/fjord)",
	  set_state, true },
	{ "mem", 0, "SIZE", "most memory (default 1GiB); more goes to a file under $TMPDIR",
	  set_mem, true },
	OPT_END,
};

static const char *const examples[] = {
	"fstate ls clicks",
	"the checkpoints of a job",
	"fstate scan clicks -o json | jq -c 'select(.value.count > 9)'",
	"every key, window and value in the newest",
	"fstate get clicks fwindow alice",
	"what one key holds",
	"fstate diff clicks 41 42",
	"what an epoch has changed",
	"fstate verify /backup/clicks",
	"is every byte as it was written?",
	NULL,
};
static const char *const see[] = { "fcoord(1)", "fcheckpoint(5)", NULL };
static const struct cmd cmd = {
	.name = "fstate",
	.summary = "a look inside checkpoints, savepoints and local state",
	.usage = "ls [DIR] [option ...]\n"
		 "show [DIR] [option ...]\n"
		 "get [DIR] STAGE KEY [option ...]\n"
		 "scan [DIR] [option ...]\n"
		 "diff DIR EPOCH EPOCH [option ...]\n"
		 "diff DIR DIR [option ...]\n"
		 "verify [DIR] [option ...]\n"
		 "export [DIR] [option ...]",
	.examples = examples,
	.more = "DIR is the store of a job, a savepoint, a local copy (STORE/local/STAGE-N), a "
		"directory\n"
		"that holds one store, or the name of a job.  Nothing in it is written, synced or\n"
		"locked, also while the job runs.",
	.see = see,
};

/* ---- verbs ---- */

void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fstate: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

static const struct verb *
find_verb(const char *name)
{
	const char *names[NVERBS], *near;

	for (size_t i = 0; i < NVERBS; i++) {
		names[i] = verbs[i].name;
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	}
	near = near_word(name, names, NVERBS);
	ferr(FERR_USAGE, "there is no verb '%s'%s%s%s; fstate -h lists them", name,
	     near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	     near != NULL ? "'?" : "");
	return NULL;
}

static int
check_options(const struct verb *v, const struct conf *c)
{
	static const char *const names[] = { "state",  "at",  "stage",	"key",
					     "window", "out", "format", "mem" };

	for (unsigned o = 0; o < sizeof(names) / sizeof(names[0]); o++) {
		if ((c->given & BIT(o)) != 0 && (v->options & BIT(o)) == 0)
			return ferr(FERR_USAGE, "--%s has no meaning with %s", names[o], v->name);
	}
	return 0;
}

/* The operands are not what the verb takes. */
static int
wrong_operands(const char *verb)
{
	const char *line = cmd.usage;
	size_t n = strlen(verb);

	while (strncmp(line, verb, n) != 0 || line[n] != ' ')
		line = strchr(line, '\n') + 1;
	return ferr(FERR_USAGE, "it is called so: fstate %.*s", (int)strcspn(line, "\n"), line);
}

/* [DIR] WORD... */
static int
run(const struct verb *v, const struct conf *c, int n, char **word)
{
	struct buf dir = BUF_INIT;
	bool named = n > v->words || v->fn == verb_diff;
	int rc;

	if ((rc = check_options(v, c)) != 0)
		return rc;
	if (n - (int)named < v->words || n - (int)named > v->most)
		return wrong_operands(v->name);
	if ((rc = place_find(c, named ? word[0] : NULL, &dir)) == 0)
		rc = v->fn(c, (const char *)dir.p, word + named);
	buf_fini(&dir);
	return rc;
}

int
main(int argc, char **argv)
{
	struct conf conf = { .format = FMT_TABLE, .mem = 1LL << 30 };
	const struct opt_table tables[] = { { options, &conf } };
	const struct verb *v;
	int rc;

	signal(SIGPIPE, SIG_IGN); /* a reader that has left ends us quietly */
	if (argc < 2) {
		opt_short_help(&cmd, tables, 1, stderr);
		return 2;
	}
	if ((rc = opt_parse(&cmd, tables, 1, &argc, argv)) == 0 && argc < 2)
		rc = ferr(FERR_USAGE, "which verb?  fstate -h lists them");
	if (rc == 0)
		rc = (v = find_verb(argv[1])) != NULL ? run(v, &conf, argc - 2, argv + 2)
						      : FERR_USAGE;
	if (rc < 0 && rc != FERR_CLOSED && ferr_text()[0] != '\0')
		fprintf(stderr, "fstate: %s\n", ferr_text());
	return rc > 0 ? 0 : ferr_status(rc);
}
