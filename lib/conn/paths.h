/* paths -- what the words of fsource name: a file, the files of a directory, the files of a
 * pattern. */
#ifndef CONN_PATHS_H
#define CONN_PATHS_H

#include <stdbool.h>

/* Is the word a directory (ends with '/') or a pattern (has * ? [ and is not itself a file)? */
bool paths_many(const char *word);

/*
 * Call fn with each file, in the order of names; hidden ones (with a dot in front) are left out,
 * directories are walked. A word that is one file is passed on as it is.  FERR_USAGE for a
 * directory that cannot be read.
 */
int paths_each(const char *word, int (*fn)(void *cookie, const char *path), void *cookie);

/* Does path begin as log does, and go on with more: log.gz, log.1, log-20240101? */
bool paths_beside(const char *path, const char *log);

/* Is path a name that rotation gives to older parts of the log `base`: log.1, log-20240101.gz? */
bool paths_rotated(const char *path, const char *base);

#endif
