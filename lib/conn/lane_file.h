/*
 * lane_file -- fsink FILE and fsink - under fcoord: one lane, one subtask.
 *
 * FILE, and stdout when it is a regular file, is exactly-once by its committed length, which begins
 * at the length that the file has at the first start.  Any other stdout gets an epoch when it is
 * complete; a crash may print it again.  With --guarantee at-least-once rows are written as they
 * come, before the barrier behind them is acked.
 */
#ifndef CONN_LANE_FILE_H
#define CONN_LANE_FILE_H

#include <sys/stat.h>

#include "conn/upsert.h"

struct lane_file_conf {
	const char *path; /* NULL: stdout */
	enum fmt_kind format;
	bool atleast;	       /* --guarantee at-least-once */
	bool exactly;	       /* --guarantee exactly: a stdout that cannot keep it is refused */
	struct upsert *upsert; /* --changes upsert: rows are held until the barrier; or NULL */
};

struct lane_file;
int lane_file_new(struct lane_file **out, const struct lane_file_conf *conf);
void lane_file_free(struct lane_file *f);
extern const struct op_class lane_file_class; /* self: struct lane_file */

/*
 * What stands in a file that is appended to (name is what messages call it): it must end with a
 * whole line, be no frames, and for csv and tsv begin with a header, which is appended to *header.
 * FERR_USAGE.
 */
int lane_file_look(int fd, const char *name, const struct stat *st, enum fmt_kind format,
		   struct buf *header);

#endif
