/* copy -- files of a store go to another one (savepoints). */
#ifndef STORE_COPY_H
#define STORE_COPY_H

/* Copy FROM/name to TO/name, durably; one that is there already with the same length is left. */
int store_copy(const char *from, const char *name, const char *to);

#endif
