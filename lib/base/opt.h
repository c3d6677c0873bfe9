/*
 * opt -- option tables: one row gives the parser, -h, --help, the man page's list and the
 * completion.
 *
 * A command has a struct cmd with its texts and a list of tables; each table's setters get its
 * conf. Names are whole words (no abbreviations).  `--name value` and `--name=value`; a word that
 * begins with '-' right behind an option that takes a value is its value.  `--` ends options.  "-"
 * is an operand.
 * `-p 4`, `-p4`, `-p=4` for letters.  `-5` where an option could stand is an operand.
 * -h, --help, --version are built in; a typo gets "did you mean --...".
 * A setter's text gets "--name: " in front, unless it begins with "--" itself.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FJORD_VERSION "0.1.0"

struct opt {
	const char *name; /* without dashes; NULL ends the table */
	char letter;	  /* short form, or 0 */
	const char *arg;  /* "DUR", "FILE", ... or NULL for a flag; "a|b|c" (lower case only) is a
			     choice and is checked here */
	const char *help; /* one line, no full stop */
	int (*set)(void *conf,
		   const char *arg); /* 0 or FERR_USAGE with its text (without the option's name) */
	bool common;		     /* shown by --help, not by -h */
};
#define OPT_END                                  \
	{                                        \
		NULL, 0, NULL, NULL, NULL, false \
	}

struct opt_table {
	const struct opt *opts;
	void *conf;
};

struct cmd {
	const char *name;
	const char *summary; /* one line */
	const char
	    *usage; /* operands and words behind the name; each \n begins another way to call it */
	const char *const
	    *examples;	  /* "command line\0", pairs: command, what it does; NULL-terminated */
	const char *more; /* paragraphs for --help and the man page, or NULL */
	const char *const *see; /* names for SEE ALSO, NULL-terminated, or NULL */
};

#define OPT_TABLES_MAX 4

/*
 * Parse argv[1..).  Operands are collected in place: on return argv[0..*argc) holds argv[0] and the
 * operands.  Returns 0; 1 when -h, --help, --version or --opt-table was served on stdout (the
 * command exits 0); FERR_USAGE with its text, which names the option and ends with what to do.
 * --opt-table (not listed) prints one line an option for completion and man: name TAB letter TAB
 * arg TAB help TAB common(0|1).
 */
int opt_parse(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, int *argc,
	      char **argv);

/* Short help (examples first, then own options; at most one screen), and all of it. */
void opt_short_help(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, FILE *f);
void opt_long_help(const struct cmd *cmd, const struct opt_table *tables, size_t ntables, FILE *f);

#endif
