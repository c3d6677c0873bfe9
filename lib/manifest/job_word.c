/* job_word: words of a pipeline's text, quoted as in bash; what else a shell would do is refused.
 */
#include "manifest/job_text.h"

#define FAIL(t, at, ...) where_fail(&(t)->w, (at), __VA_ARGS__)

/* ---- what we do not have ---- */

int
text_refuse(const struct text *t, size_t at)
{
	static const struct {
		const char *sign, *says;
	} no[] = {
		{ "||", "|| runs one command when another fails, and here is no shell: stages are "
			"joined by |" },
		{ "|&", "|& is not available: messages of stages go to the job's log" },
		{ "&&", "&& runs commands one after another, and here is no shell: give each job "
			"its own text" },
		{ "&", "& is not available: fcoord run -d runs a job in the background (as text: "
		       "'&')" },
		{ "<<", "<< is not available: fsource FILE reads a file" },
		{ "<", "< is not available: fsource FILE reads a file (as text: '<')" },
		{ ">>", ">> is not available: fsink FILE appends to a file" },
		{ ">", "> is not available: fsink FILE writes a file (as text: '>')" },
		{ "(", "( ... ) is not available: quote the word ('...'); <( ... ) is an input of "
		       "fjoin, >( ... ) stands behind --late and --on-bad" },
		{ ")", "this ) closes nothing (as text: ')')" },
		{ "`", "`...` is not available: fsource 'exec:CMD' reads the output of a command "
		       "(as text: '`')" },
		{ "$(", "$( ... ) is not available: fsource 'exec:CMD' reads the output of a "
			"command (as text: '$(')" },
	};

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		size_t n = strlen(no[i].sign);

		if (t->w.n - at >= n && memcmp(t->w.s + at, no[i].sign, n) == 0)
			return FAIL(t, at, "%s", no[i].says);
	}
	return FAIL(t, at, "this cannot stand here: a pipeline ends in a new line or ;");
}

int
text_not_a_tool(const struct text *t, size_t at, const char *word)
{
	static const char *const shell[] = { "if",     "for",  "while",	 "until",    "case",
					     "select", "time", "export", "function", "then",
					     "do",     "set",  "source", "eval",     "exec",
					     "cd",     "env",  "sudo" };
	const char *sign = strchr(word, '=');
	size_t n = param_name_len(word, strlen(word));

	if (sign != NULL && n > 0 && sign == word + n)
		return FAIL(t, at,
			    "assignments are not available: %.*s = STAGE | STAGE (with blanks) "
			    "defines a stream, --param %.*s=VALUE gives ${%.*s} its value",
			    (int)n, word, (int)n, word, (int)n, word);
	for (size_t i = 0; i < sizeof(shell) / sizeof(shell[0]); i++)
		if (strcmp(shell[i], word) == 0)
			return FAIL(t, at, "`%s` is not available: a job's text is pipelines alone",
				    word);
	tool_unknown(word);
	return FAIL(t, at, "%s", ferr_text());
}

/* ---- parts of a word ---- */

/* Here is a $: ${NAME}, what a shell would expand (an error), or a dollar. */
static int
dollar(struct text *t, bool quoted, struct buf *out)
{
	const char *s = t->w.s + t->at + 1, *value;
	size_t left = t->w.n - t->at - 1, n;
	char c = text_at(t, 1);

	if (c == '{') {
		n = param_name_len(s + 1, left - 1);
		if (n == 0 || n + 1 >= left || s[n + 1] != '}')
			return FAIL(t, t->at,
				    "only ${NAME} is available, without operators (as text: '${')");
		if ((value = params_find(&t->params, s + 1, n)) == NULL) {
			int rc = params_unknown(&t->params, s + 1, n);

			return rc == FERR_USAGE ? FAIL(t, t->at, "%s", ferr_text()) : rc;
		}
		t->at += n + 3;
		return buf_puts(out, value);
	}
	if ((n = param_name_len(s, left)) > 0)
		return FAIL(t, t->at,
			    "$%.*s is not expanded, and here is no shell: write ${%.*s} and give "
			    "--param %.*s=VALUE (as text: '$%.*s')",
			    (int)n, s, (int)n, s, (int)n, s, (int)n, s);
	if (c == '(')
		return text_refuse(t, t->at);
	if (!quoted && (c == '\'' || c == '"'))
		return FAIL(t, t->at, "$%c...%c is not available: use '...'", c, c);
	if (c != '\0' && strchr("0123456789?*@#!-$", c) != NULL)
		return FAIL(t, t->at,
			    "$%c is a variable of a shell, and here is none (as text: "
			    "'$%c')",
			    c, c);
	t->at++;
	return buf_putc(out, '$');
}

static int
single_quoted(struct text *t, struct buf *out)
{
	size_t at = t->at++, n = 0;

	while (t->at + n < t->w.n && t->w.s[t->at + n] != '\'')
		n++;
	if (t->at + n == t->w.n)
		return FAIL(t, at, "this ' is not closed");
	t->at += n + 1;
	return buf_put(out, t->w.s + t->at - n - 1, n);
}

static int
double_quoted(struct text *t, struct buf *out)
{
	size_t at = t->at++;
	char c, next;
	int rc = 0;

	while (rc == 0 && t->at < t->w.n && (c = text_at(t, 0)) != '"') {
		next = text_at(t, 1);
		if (c == '$') {
			rc = dollar(t, true, out);
		} else if (c == '`') {
			rc = text_refuse(t, t->at);
		} else if (c == '\\' && next == '\n') {
			t->at += 2;
		} else if (c == '\\' && next != '\0' && strchr("\"\\$`", next) != NULL) {
			rc = buf_putc(out, (uint8_t)next);
			t->at += 2;
		} else {
			rc = buf_putc(out, (uint8_t)c);
			t->at++;
		}
	}
	if (rc != 0)
		return rc;
	if (t->at == t->w.n)
		return FAIL(t, at, "this \" is not closed");
	t->at++;
	return 0;
}

/* A character outside of quotes that a shell takes as more than itself. */
static int
bare(struct text *t, bool begin, bool globs, struct buf *out)
{
	char c = text_at(t, 0);

	if (c == '\\' && text_at(t, 1) == '\0')
		return FAIL(t, t->at, "a \\ at the end joins nothing");
	if (c == '\\') { /* the caller knows of \ newline */
		t->at += 2;
		return buf_putc(out, (uint8_t)t->w.s[t->at - 1]);
	}
	if ((c == '<' || c == '>') && text_at(t, 1) == '(')
		return FAIL(t, t->at, "write a blank before %c( ... )", c);
	if (strchr("&<>()`", c) != NULL)
		return text_refuse(t, t->at);
	if (strchr("*?[", c) != NULL && !globs)
		return FAIL(t, t->at, "%c is a pattern to a shell: quote the word ('...')", c);
	if (c == '{' || c == '}')
		return FAIL(t, t->at, "%c is a sign of a shell: quote the word ('...')", c);
	if (begin && c == '~')
		return FAIL(t, t->at,
			    "~ is not expanded: write the directory out, or quote the "
			    "word ('...')");
	if (begin && c == '!' && (text_at(t, 1) == ' ' || text_at(t, 1) == '\t'))
		return FAIL(t, t->at, "! is not available (as text: '!')");
	if ((uint8_t)c < ' ' || c == 0x7f)
		return FAIL(t, t->at,
			    c == '\r' ? "a carriage return: save the text with Unix line ends"
				      : "a control character outside of quotes");
	t->at++;
	return buf_putc(out, (uint8_t)c);
}

int
text_word(struct text *t, bool globs, struct buf *out)
{
	size_t begin = t->at;
	int rc = 0;
	char c;

	while (rc == 0 && t->at < t->w.n) {
		c = text_at(t, 0);
		if (c == ' ' || c == '\t' || c == '\n' || c == '|' || c == ';' ||
		    (c == ')' && t->depth > 0))
			break;
		if (c == '\\' && text_at(t, 1) == '\n')
			t->at += 2;
		else if (c == '\'')
			rc = single_quoted(t, out);
		else if (c == '"')
			rc = double_quoted(t, out);
		else if (c == '$')
			rc = dollar(t, false, out);
		else
			rc = bare(t, t->at == begin, globs, out);
	}
	return rc;
}
