/* op_internal -- what the files of lib/op share.  Nobody else includes this. */
#ifndef OP_OP_INTERNAL_H
#define OP_OP_INTERNAL_H

#include <stdatomic.h>

#include "coord/align.h"
#include "coord/wm.h"
#include "ev/ev.h"
#include "link/link.h"
#include "link/talk.h"
#include "op/op.h"
#include "state/state.h"
#include "store/log.h"

#define OP_LINGER_NS 5000000 /* a row leaves at the latest this long after it was emitted */
#define OP_LOOK_NS 1000000   /* busy, supervised: look for messages and the helper so often */
#define OP_LINGER_FRAMES 64  /* ... or after this many input frames */

/* ---- an output: rows gather in cur, out_seal makes them a frame or text ---- */
struct out {
	struct link_out link;
	bool open;
	const char
	    *side; /* its path, borrowed: the reader of a side leaving is a failure, not an end */
	bool text;
	struct fmt_write_conf fmt;
	struct fmt_writer *writer;
	bool held;    /* a table may hold rows back */
	bool greeted; /* HELLO has gone */
	struct buf txt;
	struct buf cur; /* FRAME_HDR bytes for the header, then rows and marks */
	uint32_t rows;
	uint64_t seq;
	const struct schema *schema; /* borrowed; only grows */
	bool schema_due;	     /* a SCHEMA mark has to go first */
	int64_t since;		     /* when the first row of cur came, 0: none */
	unsigned frames;	     /* input frames since then */
	uint64_t total;		     /* rows that have been sealed */
	int64_t pushed;		     /* when what is queued was last pushed because of its age */
	uint64_t put;		     /* bytes given to the link */
	uint64_t mark;	 /* ... of which so many came before the last pause (out_overtook) */
	unsigned pauses; /* that are still to be made */
};

/* An edge: the outputs to the subtasks of one consumer. */
struct out_edge {
	unsigned first, n, next;
	int number;	   /* as the task calls it */
	struct op *behind; /* a stage that takes its rows here; NULL: none */
};

int out_open(struct out *o, int fd, const struct schema *schema, const struct fmt_write_conf *fmt);
void out_close(struct out *o);
int out_hello(struct out *o, const struct hello *h);
bool out_full(struct out *o);	  /* no more rows for now */
void out_overtook(struct out *o); /* an unaligned barrier has been put */
int out_push(struct out *o);	  /* send what is queued as far as it goes */
int out_seal(struct out *o);	  /* send what has gathered */
int out_release(struct out *o);	  /* and what a table holds back */
int out_control(struct out *o, enum frame_kind kind, const void *payload, size_t n);
int out_mark(struct out *o, int64_t wm, int64_t now);
int out_rows(struct out *o, const uint8_t *p, const uint8_t *end, unsigned rows, int64_t now);
int out_text(struct out *o, const void *p, size_t n);
int out_end(struct out *o, enum end_reason why);

/* A row or mark was put into cur. */
static inline int
out_added(struct out *o, unsigned rows, int64_t now)
{
	o->rows += rows;
	if (o->cur.n >= FRAME_AIM)
		return out_seal(o);
	if (o->since == 0)
		o->since = now;
	return 0;
}

struct op_side {
	struct out out;
	struct schema schema;
	/* Of each input: how many of its fields are known here, and under which numbers. */
	struct {
		unsigned n;
		int *map; /* NULL: the same */
	} from[OP_INPUTS];
	struct buf row;
	char *path;
	uint64_t rows;
	struct op_side *next;
};

/* ---- an input ---- */
enum chan_state { CHAN_SNIFF, CHAN_FRAMES, CHAN_TEXT, CHAN_LAST, CHAN_DONE };

struct chan {
	unsigned id;
	unsigned input; /* of the class */
	struct link_in link;
	enum chan_state state;
	bool greeted; /* HELLO came, or the input is text */
	uint64_t seq;
	struct schema schema; /* as this channel numbers its fields */
	bool schema_known;
	int *map; /* to the input's schema; NULL: the same */
	struct hello hello;
	struct fmt_reader *reader; /* text */
	int fault; /* text: a bad record that ends the stream once the rows before it are out */
	char *fault_text;
	struct buf rows;    /* rows read from text */
	struct buf mapped;  /* rows under the input's schema */
	uint8_t *row, *end; /* not delivered yet */
	uint8_t **marks;    /* watermark marks in [row, end) */
	unsigned nmarks, imark, capmarks;
	uint8_t *run;	   /* rows of the run being delivered begin here */
	uint64_t before;   /* rows before the run */
	uint64_t count;	   /* rows that have been taken */
	struct buf replay; /* frames that were in flight at the restore: before those of the edge */
	size_t replay_at;
	size_t ahead;	 /* bytes behind link.at that were read ahead (flight.c) */
	uint64_t nahead; /* frames in them */
	enum end_reason why;
	bool within; /* the last error came from the class, not from the edge */
};

int chan_open(struct chan *c, unsigned id, unsigned input, int fd);
void chan_close(struct chan *c);
/* Do a piece of work: 1 done something, 0 needs more input than is here, or an error. */
int chan_step(struct op *op, struct chan *c);
/* Rows and marks at p[0..n), under the input's numbers, are what is to be delivered next. */
int chan_rows(struct chan *c, uint8_t *p, size_t n);
/* Read more bytes: 1 there are, 0 not now, or an error. */
int chan_fill(struct chan *c);
/* Damage on an edge is not damage of a state: what is sent again may be sound. */
int chan_damage(int rc);
/* Ctrl-C: a text input ends here and now. */
void chan_stop_text(struct chan *c);

/* ---- epochs: barriers, the snapshot on its way, the conversation with fcoord ---- */

struct op_num {
	char *name;
	int64_t v;
	enum snap_merge merge;
	struct op_num *next;
};

/* The snapshot that is being taken: copied out of the state in slices, written by the helper. */
struct op_snap {
	bool active;
	bool copying; /* the state has more to give */
	bool failed;  /* declined: what was copied is not durable */
	/* The ack waits for both: */
	bool part_due;	 /* the part of the state is not durable yet */
	bool flight_due; /* nor are the records that the barrier has overtaken */
	bool gathering;	 /* ... which are still being read (flight.c) */
	struct barrier bar;
	struct snap out; /* what goes into the ack, apart from the state's files */
	struct buf buf;	 /* records not given to the helper yet */
	uint64_t start;	 /* of a base: where it begins in the log */
	bool base;
};

struct op_epochs {
	bool on;	  /* there is a task */
	bool shell;	  /* ... from the coordinator of a plain pipeline */
	unsigned signals; /* told to it */
	int cause;	  /* the status that the pipeline ends with, as it says; 0: not said */
	struct talk talk;
	struct op_task task;
	struct task_wires wires;
	bool go;
	struct align align;
	struct align_chan *align_chans;
	bool due;		/* a source has to send a barrier */
	struct barrier due_bar; /* which */
	bool overtake;		/* the coordinator waits for no alignment any more */
	struct barrier overtake_bar;
	char *flight; /* the last file of records in flight, until its epoch is complete */
	uint64_t flight_epoch;
	struct op_snap snap;
	struct snap_files files; /* what the state is made of: base and logs */
	struct log *log;	 /* ours */
	unsigned nlogs;		 /* made so far; names the next */
	bool log_dead;		 /* a file is no good: the next part is a base in a new one */
	uint64_t base_bytes, log_bytes; /* of the last base; of deltas since */
	unsigned writing;		/* jobs with the helper */
	bool at_end;			/* the source stands at its end */
	bool drained;			/* watermark MAX went out: no record may follow */
	uint64_t last;			/* epoch of the FINAL, STOP or DRAIN barrier; 0: not yet */
	uint64_t complete, published;	/* epochs */
	bool lanes;			/* says op_published */
	uint64_t rows_in;
};

/* The local copy of the state (state/base.h), and the helper that merges. */
struct op_base {
	struct work_job job; /* with the helper as long as it is busy, and so is base */
	bool busy;
	bool off;	   /* this attempt has none */
	atomic_bool stop;  /* the helper is to give up */
	struct work *work; /* NULL until it is needed */
	struct base *base; /* NULL: none yet */
	const struct op_task *task;
	struct snap_files todo;	 /* the job's */
	struct snap_files acked; /* what the state was made of in that epoch */
	uint64_t epoch;
	struct snap_files complete; /* ... in the last one that is complete */
	int64_t merged;		    /* when the last merge ended, or we began */
	int64_t took;		    /* ns, the last merge */
};

/* base.c */
/* A log of these stretches is damaged, ferr_text says how: load the state with the help of the
 * copy. false: that cannot be done, and ferr_text is as it was. */
bool op_base_restore(struct op *op, const struct snap_files *f);
void op_base_begin(struct op *op); /* all is restored */
int op_base_acked(struct op *op, uint64_t epoch);
int op_base_complete(struct op *op, uint64_t epoch);
void op_base_jobs(struct op *op); /* take back what the helper has done */
void op_base_end(struct op *op);  /* the last epoch is complete: merge what is little, and close */
void op_base_close(struct op *op);

/* task.c */
int op_task_begin(struct op *op, int fd); /* wait for START */
void op_task_end(struct op *op);
int op_task_restore(struct op *op); /* state, numbers, watermarks; READY; wait for GO */
int op_task_serve(struct op *op);   /* read and act on what fcoord says */
int op_task_tell_failed(struct op *op, int rc);
/* Does the old subtask of that snap belong to us? */
bool op_task_adopts(const struct op_task *t, const struct snap *s);

/* epoch.c */
int op_epoch_barrier(struct op *op, struct chan *c, const struct barrier *b);
int op_epoch_forward_cancel(struct op *op, uint64_t epoch);
int op_epoch_overtake(struct op *op, const struct barrier *b);
int op_epoch_cancel(struct op *op, uint64_t epoch);
int op_epoch_end(struct op *op, struct chan *c);
int op_epoch_take(struct op *op, const struct barrier *b); /* snapshot and forward */
int op_epoch_slice(struct op *op);			   /* a piece of copying, if one is due */
bool op_epoch_busy(const struct op *op);		   /* op_epoch_slice has something to do */
int op_epoch_jobs(struct op *op);			   /* take back what the helper has done */
/* What was in flight is durable, or will never be: why; "" when the epoch is given up anyway. */
int op_epoch_flown(struct op *op, const char *why);
bool op_epoch_over(const struct op *op); /* nothing is left to wait for */
void op_epoch_close(struct op *op);

/* flight.c: unaligned barriers (C26) */
bool op_flight_may(const struct op *op); /* is there room for more? */
int op_flight_begin(struct op *op);	 /* the snapshot is noted: read ahead what is awaited */
int op_flight_step(struct op *op); /* a piece of that: 1 done something, 0 nothing is here now */
int op_flight_cancel(struct op *op, uint64_t epoch); /* as the coordinator says */
void op_flight_complete(struct op *op, uint64_t epoch);
int op_flight_restore(struct op *op);

/* describe.c */
int op_describe(const struct op_class *cls, void *self, const struct op_conf *conf,
		struct buf *out);

/* shell.c: a plain pipeline with state */
int op_shell_find(struct op_conf *conf); /* where the state is, if there is any */
int op_shell_introduce(struct op *op, char **argv, unsigned argc); /* our words for HELLO */
int op_shell_begin(struct op *op);	/* HELLOs, join the coordinator, wait for START */
void op_shell_signalled(struct op *op); /* tell it of signals */

/* ---- an input as the class sees it: one channel, or several that became one ---- */
struct op_input {
	struct schema schema; /* of the rows that on_rows sees */
	unsigned nchans;
	uint64_t version; /* op_version.hash of schema */
};

/* A schema that an input has or had: rows in state name theirs by its hash (bag.h). */
struct op_version {
	unsigned input;
	uint64_t hash; /* of what schema_encode gives */
	struct schema schema;
	int *map; /* to the numbers that the input's fields have now; NULL: the same */
};

/* version.c */
int op_version_note(struct op *op, unsigned input); /* its schema is new or has grown */
const struct op_version *op_version_find(const struct op *op, unsigned input, uint64_t hash);
int op_version_snap(const struct op *op, struct snap *s);
/* Of all old subtasks, before any state is loaded: the schemas of the inputs become theirs. */
int op_version_restore(struct op *op);
void op_version_fini(struct op *op);

/* chained.c: stages in our process */
int op_chain_begin(struct op *op);
void op_chain_end(struct op *op);
int op_chain_schema(struct op *op, struct out_edge *e);
int op_chain_rows(struct op *op, struct out_edge *e, const uint8_t *p, const uint8_t *end);
int op_chain_finish(struct op *op); /* on_end */

/* ---- the operator ---- */
enum op_after { AFTER_NOTHING, AFTER_MARK, AFTER_END };

struct op {
	struct op_conf conf;
	const struct op_class *cls;
	void *self;
	struct ev ev;
	struct chan *in;
	unsigned nin, turn;
	unsigned nreplays; /* inputs with records that were in flight at the restore */
	bool unify; /* the numbers of fields are those of the restore, also with one channel */
	struct op_input input[OP_INPUTS];
	unsigned ninputs, current; /* told apart; the one that the class is called for */
	struct op_version *version;
	unsigned nversions;
	bool bags; /* rows in state name their schemas */
	struct out *out;
	unsigned nout;
	struct out_edge *edge; /* outputs of one edge stand side by side */
	unsigned nedges;
	struct op_side *sides, *bad_side;
	struct hello hello;
	bool greeted;		  /* our HELLO has gone */
	struct schema out_schema; /* of what is emitted */
	struct buf row;		  /* a row on its way to one of several outputs */
	struct wm wm;
	int64_t hold_back; /* watermarks go on less so many ms */
	struct wm_chan *wm_chans;
	bool pending;	     /* the class has more to emit: call resume */
	enum op_after after; /* ... and then do this */
	struct wm_out told;  /* watermark events to be forwarded after that */
	bool ending, ended;
	enum end_reason why;
	int64_t now;	 /* monotonic ns, read once a turn */
	int64_t looked;	 /* when signals were last looked for */
	int64_t wake_at; /* EV_FOREVER: never */
	int *wait_fds;
	unsigned nwait;
	uint64_t nbad, bad_told; /* bad records; of runs that have ended, and told of them */
	bool broadcast;		 /* every output gets every row */
	struct state *state;	 /* NULL until it is asked for */
	struct op_num *nums;
	struct work *work;     /* the epoch helper; NULL until it is needed */
	unsigned njobs;	       /* with it */
	bool wait_job;	       /* the class takes no rows until one is done */
	bool no_work;	       /* there is no thread for one */
	struct op_job *undone; /* run here because there is no helper; to be told done */
	struct op_epochs ep;
	struct op_base base;
};

/* merge.c: what the inputs tell, put together */
int op_tell(struct op *op); /* forward a watermark once the class is done with it */
int op_take_schema(struct op *op, struct chan *c);
/* Find or add the fields of s: (*map)[i] is the number of field i, 1: map is the identity, 0: not,
 * or an error. */
int op_unify(struct schema *known, const struct schema *s, int **map);
int op_tell_schema(struct op *op); /* of the current input to the class */
int op_take_watermark(struct op *op, struct chan *c, int64_t wm);
int op_take_idle(struct op *op, struct chan *c, bool idle);
int op_greet(struct op *op);
int op_tell_restored(struct op *op);

#endif
