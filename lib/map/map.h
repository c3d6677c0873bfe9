/*
 * map -- the class of fmap: steps on records, in the order of the command line.
 *
 * Each step has its own incoming schema and an outgoing one, which only grows; but rows are not
 * made between steps: expressions read the row that came and the values computed so far, and the
 * row that leaves is made once.  --where alone forwards what came.  --explode makes several rows of
 * one: a cursor that can be resumed.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "op/op.h"

enum step_kind { STEP_WHERE, STEP_SET, STEP_KEEP, STEP_DROP, STEP_RENAME, STEP_EXPLODE, STEP_TIME };

struct map;
int map_new(struct map **out);
void map_free(struct map *m);
int map_add(struct map *m, enum step_kind kind, const char *arg); /* FERR_USAGE */
unsigned map_steps(const struct map *m);
extern const struct op_class map_class;
extern const struct opt map_options[]; /* conf: struct map */
extern const struct op_chain map_chain;

#endif
