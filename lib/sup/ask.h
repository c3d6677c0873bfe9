/*
 * ask -- speaking to a running job through DIR/sock: one line of request, lines of answer, the last
 * of them `ok [text]` or `error STATUS text`.
 *
 *	status				lines `key value…`, see below
 *	checkpoint			answered when it is complete: ok EPOCH
 *	savepoint [DIR]			... published and copied: ok PATH
 *	stop | drain			... and the job is over: ok PATH of its savepoint
 *	cancel				ends it without a last barrier
 *	restart				stop at a barrier, begin again
 *	rescale STAGE=N…		the same with other parallelism
 *	wait running|checkpoint|done	answered when that is so
 *
 * status: `job NAME`, `phase P`, `attempt N`, `pid N`, `epoch N`, `age MS` (-1: none yet), `records
 *N`, `watermark MS` (`-`: none), `bad N`, `health green|yellow|red REASON`, then per subtask `sub
 *STAGE INDEX PID IN OUT WATERMARK BLOCKED STATE`.
 */
#ifndef SUP_ASK_H
#define SUP_ASK_H

#include "base/buf.h"

/* Ask the job whose store is dir.  The answer's lines but the last go to out (NULL: nowhere), the
 * text of `ok` to ok (NULL likewise).  FERR_REFUSED: nobody runs the job; or the answer's error. */
int ask(const char *dir, const char *request, struct buf *out, struct buf *ok);

#endif
