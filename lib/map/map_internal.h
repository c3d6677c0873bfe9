/* map_internal -- what map.c (steps and schemas) and map_run.c (rows) share. */
#ifndef MAP_INTERNAL_H
#define MAP_INTERNAL_H

#include "expr/expr.h"
#include "expr/names.h"
#include "map/map.h"

/* Values computed beside the row that came have numbers, one for each assignment and explode.
 * Where a field stands is said as expr_bind_at() has it: in a slot of that row, or as a value. */

struct assign {
	struct expr *e;
	char *name;
	unsigned made; /* number of its value */
};

struct step {
	enum step_kind kind;
	struct assign *sets; /* set: each sees those before it; where, time: one expression */
	unsigned nsets;
	struct names names; /* keep, drop, explode; rename: old, new, old, new ... */
	const struct schema *in;
	/* not of where and time, which change no field */
	struct schema out;
	uint32_t *at; /* where its fields stand */
	/* explode */
	uint32_t array; /* where it stands */
	unsigned made;	/* number of the element's value */
	size_t pos;
	struct buf arena;
	int64_t time; /* of the row that is taken apart */
	bool active;
};

/* A value that leaves, as which field. */
struct leaving {
	unsigned made, field;
};

struct map {
	struct step *steps;
	unsigned n;
	bool filter_only, explodes;
	const uint8_t *row; /* as it came, for messages */
	uint64_t rows;
	/* the row at hand */
	struct expr_ctx ctx;
	struct buf whole; /* a copy of it, while it is taken apart */
	struct val *made;
	unsigned nmade;
	int64_t time;
	/* the row that leaves */
	uint32_t *at;	 /* where the fields that come stand: as they are */
	int *to;	 /* fields, incoming to outgoing, -1: dropped */
	unsigned *slots; /* slots[n]: what a row that came with n slots leaves with */
	struct leaving *leaving;
	unsigned nleaving;
};

/* Is the field one of the first n that the step sets? */
bool map_step_sets(const struct step *s, unsigned n, const char *field);

/* The schema has grown: bind the steps, one behind the other. */
int map_on_schema(void *self, struct op *op);
/* Fields that are named anywhere, but for those that --set makes. */
void map_describe(void *self, struct op_facts *f);

#endif
