/* store_internal: what store.c and log.c share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

/* Open the directory that DIR/name stands in; *base gets the last part of name.  A descriptor, or
 * -1 with errno. */
int store_parent(const char *dir, const char *name, const char **base);

#endif
