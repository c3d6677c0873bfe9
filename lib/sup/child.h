/* child -- what every process that lib/sup starts is given: its program and its environment. */
#ifndef SUP_CHILD_H
#define SUP_CHILD_H

#include "base/buf.h"

/* Append the program of a word, NUL-terminated: one without a slash is looked for beside ourselves
 * first, then in $PATH. */
int child_program(const char *word, struct buf *path);
/* Our environment without FSTATE and FJORD_STDOUT, and with add (up to 2, NULL ends them;
 * borrowed). The array is the caller's to free, its strings are not. */
int child_env(char ***out, char *const add[2]);

#endif
