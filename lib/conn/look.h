/*
 * look -- what fsource and fsink keep in state, for people.
 *
 *	map	key, and a value
 *	splits	a split: how far it is read
 *	listed	a file that was there at the start
 *	fields	the fields that a source knew
 *	parts	the open part of a directory: how far it is sealed
 *
 * Errors  FERR_NOTYET: a map or version that this does not know; FERR_CORRUPT: not a key or value
 *         of that map.
 */
#ifndef CONN_LOOK_H
#define CONN_LOOK_H

#include "base/buf.h"
#include "row/val.h"
#include "state/look.h"

/* The key; texts borrow from it. */
int conn_look_key(const struct state_seen *s, struct val *out);
/* Append the value as JSON. */
int conn_look_value(const struct state_seen *s, struct buf *out);

#endif
