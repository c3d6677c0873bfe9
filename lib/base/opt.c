/* opt: see opt.h. */
#include "base/opt.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define SCREEN_LINES 24
#define SCREEN_COLUMNS 80
#define NAME_COLUMNS 30 /* wider option heads get a line of their own */
#define NAMES_MAX 256

static int
set_nothing(void *conf, const char *arg)
{
	(void)conf;
	(void)arg;
	return 0;
}

/* Served by opt_parse itself; here for help, man pages and completion. */
static const struct opt builtin[] = {
	{ "help", 'h', NULL, "show all of this help (-h: one screen of it)", set_nothing, true },
	{ "version", 0, NULL, "show the version", set_nothing, true },
	OPT_END
};

/* What one call of opt_parse works on. */
struct parse {
	const struct cmd *cmd;
	const struct opt_table *tables;
	size_t ntables;
	int argc;
	char **argv;
	int at; /* the word that is looked at */
};

/* ---- walking the rows of all tables, the built-in ones last ---- */

struct walk {
	const struct opt_table *tables;
	size_t ntables, table, row;
	void *conf;
};

static const struct opt *
walk_next(struct walk *w)
{
	for (; w->table <= w->ntables; w->table++, w->row = 0) {
		const struct opt *opts = w->table < w->ntables ? w->tables[w->table].opts : builtin;

		if (opts[w->row].name != NULL) {
			w->conf = w->table < w->ntables ? w->tables[w->table].conf : NULL;
			return &opts[w->row++];
		}
	}
	return NULL;
}

/* The row of a name (n bytes) or, with n = 0, of a letter; *conf is what its setter gets. */
static const struct opt *
find(const struct parse *p, const char *name, size_t n, void **conf)
{
	struct walk w = { .tables = p->tables, .ntables = p->ntables };
	const struct opt *o;

	while ((o = walk_next(&w)) != NULL) {
		if (n == 0 ? o->letter != name[0]
			   : strlen(o->name) != n || memcmp(o->name, name, n) != 0)
			continue;
		*conf = w.conf;
		return o;
	}
	return NULL;
}

/* ---- errors ---- */

static int
unknown(const struct parse *p, const char *word, size_t n)
{
	struct walk w = { .tables = p->tables, .ntables = p->ntables };
	const char *names[NAMES_MAX], *near, *name = word + strspn(word, "-");
	int shown = n < 60 ? (int)n : 60;
	const struct opt *o;
	size_t count = 0;
	char bare[64];

	while ((o = walk_next(&w)) != NULL && count < NAMES_MAX)
		names[count++] = o->name;
	snprintf(bare, sizeof(bare), "%.*s", (int)(n - (size_t)(name - word)), name);
	if ((near = near_word(bare, names, count)) != NULL)
		return ferr(FERR_USAGE,
			    "%.*s is not an option; did you mean --%s? (%s -h shows them)", shown,
			    word, near, p->cmd->name);
	return ferr(FERR_USAGE, "%.*s is not an option; %s -h shows them", shown, word,
		    p->cmd->name);
}

/* Is arg a list like "json|csv"?  One with a part like FILE or field:NAME is for the setter. */
static bool
is_choice(const char *arg)
{
	return strchr(arg, '|') != NULL &&
	       strspn(arg, "abcdefghijklmnopqrstuvwxyz0123456789-_|") == strlen(arg);
}

static int
check_choice(const struct opt *o, const char *value)
{
	char list[256], shown[QUOTE_MAX], *save = NULL;
	const char *names[32], *near;
	size_t n = 0;

	snprintf(list, sizeof(list), "%s", o->arg);
	for (char *s = strtok_r(list, "|", &save); s != NULL && n < 32;
	     s = strtok_r(NULL, "|", &save)) {
		if (strcmp(s, value) == 0)
			return 0;
		names[n++] = s;
	}
	quote(value, strlen(value), shown);
	if ((near = near_word(value, names, n)) != NULL)
		return ferr(FERR_USAGE, "--%s is one of %s, not %s; did you mean %s?", o->name,
			    o->arg, shown, near);
	return ferr(FERR_USAGE, "--%s is one of %s, not %s", o->name, o->arg, shown);
}

/* ---- parsing ---- */

/* One line an option, for scripts/completion and scripts/check-man. */
static void
print_table(const struct parse *p)
{
	struct walk w = { .tables = p->tables, .ntables = p->ntables };
	const struct opt *o;

	while ((o = walk_next(&w)) != NULL)
		printf("%s\t%.1s\t%s\t%s\t%d\n", o->name, &o->letter, o->arg != NULL ? o->arg : "",
		       o->help, o->common);
}

/* --help, --version, --opt-table. */
static bool
serve(const struct parse *p, const char *word)
{
	if (strcmp(word, "--help") == 0)
		opt_long_help(p->cmd, p->tables, p->ntables, stdout);
	else if (strcmp(word, "--version") == 0)
		printf("%s %s\n", p->cmd->name, FJORD_VERSION);
	else if (strcmp(word, "--opt-table") == 0)
		print_table(p);
	else
		return false;
	return true;
}

static int
apply(const struct opt *o, void *conf, const char *value)
{
	int rc;

	if (value != NULL && is_choice(o->arg) && (rc = check_choice(o, value)) != 0)
		return rc;
	ferr_clear();
	if ((rc = o->set(conf, value)) != 0 && strncmp(ferr_text(), "--", 2) != 0)
		ferr_prefix(rc, "--%s", o->name);
	return rc;
}

/* The word behind an option that wants a value; NULL with the error set. */
static const char *
next_word(struct parse *p, const struct opt *o)
{
	if (p->at + 1 < p->argc)
		return p->argv[++p->at];
	ferr(FERR_USAGE, "--%s needs a value: --%s %s (%s -h shows more)", o->name, o->name, o->arg,
	     p->cmd->name);
	return NULL;
}

/* `--name`, `--name value`, `--name=value`; 1 when it was served. */
static int
parse_long(struct parse *p, const char *word)
{
	size_t n = strcspn(word + 2, "=");
	const char *value = word[2 + n] == '=' ? word + 2 + n + 1 : NULL;
	const struct opt *o;
	void *conf;

	if (serve(p, word))
		return 1;
	if (n == 0 || (o = find(p, word + 2, n, &conf)) == NULL)
		return unknown(p, word, 2 + n);
	if (o->arg == NULL && value != NULL)
		return ferr(FERR_USAGE, "--%s takes no value; leave out '=%.40s'", o->name, value);
	if (o->arg != NULL && value == NULL && (value = next_word(p, o)) == NULL)
		return FERR_USAGE;
	return apply(o, conf, value);
}

/* `-q`, `-p 4`, `-p4`, `-p=4`, `-qv`; 1 when it was -h. */
static int
parse_letters(struct parse *p, const char *word)
{
	const struct opt *o;
	const char *value;
	void *conf;
	int rc;

	for (const char *s = word + 1; *s != '\0'; s++) {
		if ((o = find(p, s, 0, &conf)) == NULL)
			return unknown(p, word, strcspn(word, "="));
		if (*s == 'h') {
			opt_short_help(p->cmd, p->tables, p->ntables, stdout);
			return 1;
		}
		value = NULL;
		if (o->arg != NULL) {
			value = s[1] == '=' ? s + 2 : s[1] != '\0' ? s + 1 : next_word(p, o);
			if (value == NULL)
				return FERR_USAGE;
		}
		if ((rc = apply(o, conf, value)) != 0 || value != NULL)
			return rc;
	}
	return 0;
}

int
opt_parse(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, int *argc,
	  char **argv)
{
	struct parse p = { cmd, tables, ntables, *argc, argv, 1 };
	int n = 1, rc;

	for (; p.at < p.argc; p.at++) {
		char *word = argv[p.at];
		bool number = word[0] == '-' && word[1] >= '0' && word[1] <= '9';

		if (strcmp(word, "--") == 0) {
			while (++p.at < p.argc)
				argv[n++] = argv[p.at];
			break;
		}
		if (word[0] != '-' || word[1] == '\0' || number) {
			argv[n++] = word;
			continue;
		}
		rc = word[1] == '-' ? parse_long(&p, word) : parse_letters(&p, word);
		if (rc != 0)
			return rc;
	}
	if (n < p.argc)
		argv[n] = NULL;
	*argc = n < p.argc ? n : p.argc;
	return 0;
}

/* ---- help ---- */

/* `Usage: fwindow KIND ...`: each line of usage is one way to call it.  Returns the lines. */
static unsigned
print_usage(const struct cmd *cmd, FILE *f)
{
	const char *s = cmd->usage;
	unsigned lines = 0;

	for (;; lines++) {
		size_t n = strcspn(s, "\n");

		fprintf(f, "%s %s%s%.*s\n", lines == 0 ? "Usage:" : "      ", cmd->name,
			n > 0 ? " " : "", (int)n, s);
		if (s[n] == '\0')
			return lines + 1;
		s += n + 1;
	}
}

static unsigned
print_examples(const struct cmd *cmd, FILE *f)
{
	unsigned lines = 0;

	if (cmd->examples == NULL || cmd->examples[0] == NULL)
		return 0;
	fprintf(f, "\nExamples:\n");
	for (const char *const *e = cmd->examples; e[0] != NULL && e[1] != NULL; e += 2) {
		bool fits = strlen(e[0]) + strlen(e[1]) + 8 <= SCREEN_COLUMNS;

		if (fits)
			fprintf(f, "  %s    # %s\n", e[0], e[1]);
		else
			fprintf(f, "  # %s\n  %s\n", e[1], e[0]);
		lines += fits ? 1 : 2;
	}
	return lines + 2;
}

/* `-o, --output json|csv`; returns its length. */
static int
option_head(const struct opt *o, char *out, size_t cap)
{
	char letter[] = "    ";

	if (o->letter != 0) {
		letter[0] = '-';
		letter[1] = o->letter;
		letter[2] = ',';
	}
	return snprintf(out, cap, "%s--%s%s%s", letter, o->name, o->arg != NULL ? " " : "",
			o->arg != NULL ? o->arg : "");
}

static void
print_options(const struct opt_table *tables, size_t ntables, bool common, const char *title,
	      FILE *f)
{
	struct walk w = { .tables = tables, .ntables = ntables };
	const struct opt *o;
	bool any = false;
	char head[256];

	while ((o = walk_next(&w)) != NULL) {
		if (o->common != common)
			continue;
		if (!any)
			fprintf(f, "\n%s:\n", title);
		any = true;
		if (option_head(o, head, sizeof(head)) > NAME_COLUMNS - 4)
			fprintf(f, "  %s\n%*s%s\n", head, NAME_COLUMNS, "", o->help);
		else
			fprintf(f, "  %-*s%s\n", NAME_COLUMNS - 2, head, o->help);
	}
}

/* Lines that print_options takes for the own options. */
static unsigned
count_options(const struct opt_table *tables, size_t ntables)
{
	struct walk w = { .tables = tables, .ntables = ntables };
	const struct opt *o;
	unsigned lines = 0;
	char head[256];

	while ((o = walk_next(&w)) != NULL)
		if (!o->common)
			lines += option_head(o, head, sizeof(head)) > NAME_COLUMNS - 4 ? 2 : 1;
	return lines != 0 ? lines + 2 : 0;
}

/* Names and arguments alone, for commands whose options do not fit on one screen. */
static void
print_option_names(const struct opt_table *tables, size_t ntables, FILE *f)
{
	struct walk w = { .tables = tables, .ntables = ntables };
	const struct opt *o;
	int column = SCREEN_COLUMNS, n;
	char head[256];

	fprintf(f, "\nOptions:");
	while ((o = walk_next(&w)) != NULL) {
		if (o->common)
			continue;
		n = snprintf(head, sizeof(head), "--%s%s%s", o->name, o->arg != NULL ? " " : "",
			     o->arg != NULL ? o->arg : "");
		if (column + 2 + n >= SCREEN_COLUMNS)
			column = fprintf(f, "\n") + 1;
		column += fprintf(f, "  %s", head);
	}
	fprintf(f, "\n");
}

void
opt_short_help(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, FILE *f)
{
	unsigned lines = print_usage(cmd, f) + print_examples(cmd, f) + 2;

	if (lines + count_options(tables, ntables) <= SCREEN_LINES)
		print_options(tables, ntables, false, "Options", f);
	else
		print_option_names(tables, ntables, f);
	fprintf(f, "\nSee %s --help for all of it.\n", cmd->name);
}

void
opt_long_help(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, FILE *f)
{
	print_usage(cmd, f);
	fprintf(f, "\n%s: %s\n", cmd->name, cmd->summary);
	print_examples(cmd, f);
	print_options(tables, ntables, false, "Options", f);
	print_options(tables, ntables, true, "Common options", f);
	if (cmd->more != NULL)
		fprintf(f, "\n%s\n", cmd->more);
	fprintf(f, "\nExit status:\n"
		   "  0      done, all output committed\n"
		   "  1      a transient failure: the system failed, or a stage before died\n"
		   "  2      usage: options, expressions, a file that is not there\n"
		   "  3      bad data under --on-bad fail\n"
		   "  4      state or checkpoint damaged, or of another pipeline\n"
		   "  5      fenced: a newer attempt runs\n"
		   "  6      refused by an outside system\n"
		   "  7      commit outcome unknown\n"
		   "  128+n  ended by signal n\n");
	if (cmd->see != NULL && cmd->see[0] != NULL) {
		fprintf(f, "\nSee also:");
		for (const char *const *s = cmd->see; *s != NULL; s++)
			fprintf(f, "%s %s", s == cmd->see ? "" : ",", *s);
		fprintf(f, "\n");
	}
}
