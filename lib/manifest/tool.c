/* tool: the programs that can be stages, and what stands for those of a shell. */
#include "manifest/manifest_internal.h"

static const struct tool tools[] = {
	{ "fsource", true, false, false }, { "fkey", false, false, false },
	{ "fmap", false, false, false },   { "fwindow", false, false, false },
	{ "fjoin", false, false, true },   { "fsink", false, true, false },
	{ "fcat", false, true, false },
};
#define TOOLS (sizeof(tools) / sizeof(tools[0]))

const struct tool *
tool_find(const char *name)
{
	for (size_t i = 0; i < TOOLS; i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

/* What people reach for, and what does it here. */
static const struct {
	const char *word, *instead;
} others[] = {
	{ "cat", "fsource FILE reads files" },
	{ "zcat", "fsource FILE unpacks .gz and .zst by itself" },
	{ "tail", "fsource --follow FILE waits for growth" },
	{ "head", "fsource --limit N takes the first N records" },
	{ "grep", "fmap --where EXPR filters" },
	{ "jq", "fmap --where EXPR filters, fmap --set LIST computes" },
	{ "awk", "fmap --where EXPR filters, fmap --set LIST computes" },
	{ "sed", "fmap --set LIST computes" },
	{ "cut", "fmap --keep A,B takes fields" },
	{ "sort", "fwindow with --top orders results" },
	{ "uniq", "fwindow aggregates by key" },
	{ "wc", "fwindow --agg 'n=count()' counts" },
	{ "tee", "NAME = STAGE | STAGE defines a stream, @NAME takes it up as often as needed" },
	{ "join", "fjoin joins" },
	{ "curl", "fsource http://HOST/PATH reads, fsink http://HOST/PATH writes" },
	{ "kcat", "fsource kafka://HOST/TOPIC reads, fsink kafka://HOST/TOPIC writes" },
	{ "fcoord", "a job's text holds its stages alone" },
	{ "fstate", "it looks at checkpoints and is no stage" },
};

int
tool_unknown(const char *word)
{
	const char *names[TOOLS], *near, *slash = strrchr(word, '/');
	char shown[QUOTE_MAX];

	quote(word, strlen(word), shown);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i].word, word) == 0)
			return ferr(FERR_USAGE, "%s cannot be a stage: %s", word,
				    others[i].instead);
	if (slash != NULL && tool_find(slash + 1) != NULL)
		return ferr(FERR_USAGE,
			    "write %s without its directory: all stages come from one place",
			    slash + 1);
	for (size_t i = 0; i < TOOLS; i++)
		names[i] = tools[i].name;
	if ((near = near_word(word, names, TOOLS)) != NULL)
		return ferr(FERR_USAGE, "%s is not a stage; did you mean %s?", shown, near);
	return ferr(FERR_USAGE,
		    "%s is not a stage: use fsource, fkey, fmap, fwindow, fjoin or fsink (of other "
		    "programs fsource 'exec:CMD' reads the output)",
		    shown);
}
