/* map_internal -- what map.c (steps and schemas) and map_run.c (rows) share. */
#ifndef MAP_INTERNAL_H
#define MAP_INTERNAL_H

#include "expr/expr.h"
#include "expr/names.h"
#include "map/map.h"

#define SETS_MAX 64 /* assignments evaluated side by side */

struct assign {
	struct expr *e;
	char *name;
	int field; /* in the outgoing schema */
};

struct step {
	enum step_kind kind;
	struct assign *sets; /* set: assignments that do not read each other's results; where, time:
				one expression */
	unsigned nsets;
	struct names names; /* keep, drop, explode; rename: old, new, old, new ... */
	const struct schema *in;
	struct schema out;
	int *map;	 /* fields, incoming to outgoing, -1: dropped */
	unsigned *slots; /* slots[n]: what a row that came with n slots leaves with */
	struct buf row;	 /* the row that leaves */
	/* explode */
	int field;
	struct buf whole; /* the row being taken apart */
	struct buf arena;
	size_t pos;
	bool active;
};

struct map {
	struct step *steps;
	unsigned n;
	bool filter_only;
	bool open;	    /* the row at hand is not done: an explode is active */
	const uint8_t *row; /* as it came, for messages */
	uint64_t rows;
};

/* The schema has grown: bind the steps, one behind the other. */
int map_on_schema(void *self, struct op *op);
/* Fields that are named anywhere, but for those that --set makes. */
void map_describe(void *self, struct op_facts *f);

#endif
