/*
 * op -- the runtime of every filter: the loop, inputs and outputs, watermarks, ends, signals, bad
 * records.
 *
 * A command is an option table, a class of callbacks and op_run.  The class sees batches of rows
 * and watermarks and emits rows; it keeps what it knows in lib/state.
 *
 * How a record travels: bytes -> channel (frames checked, or text read into rows) -> on_rows ->
 * op_emit_* -> an output's current frame -> sealed when it is full, when the next read would wait,
 * 5 ms or 64 input frames after its first row -> link.  A watermark is a mark row in the same
 * frames: everything it caused leaves before it (C4).
 *
 * Emitting never blocks.  A class that may emit much asks op_full() and stops; on_rows leaves *p at
 * the first row it has not taken; on_watermark and resume return FERR_AGAIN and are called again
 * through resume.
 *
 * Errors  callbacks return 0 or a negative FERR_ with its text; the runtime ends with it.
 */
#ifndef OP_OP_H
#define OP_OP_H

#include "base/opt.h"
#include "base/text.h"
#include "coord/task.h"
#include "ev/work.h"
#include "expr/names.h"
#include "fmt/fmt.h"
#include "fmt/json.h"
#include "frame/frame.h"
#include "row/row.h"

struct op;
struct op_side;
struct op_class;

#define OP_INPUTS 2

enum op_on_bad { BAD_FAIL, BAD_SKIP, BAD_PATH };

/* What reads stdin; what reads nothing; what reads the descriptors that it tells
 * (op_shell_inputs); what takes no part in what the others agree on. */
enum op_role { OP_FILTER, OP_SOURCE, OP_JOIN, OP_VIEWER };

/*
 * A stage that may run in the process of the one before it (job.h, job_chains): made of its words,
 * it takes each edge's rows where they are emitted.  It keeps no state, and takes all rows at once.
 */
struct op_chain {
	int (*make)(const struct op_class **cls, void **self, char **words, int n);
	void (*free)(void *self);
};

/* The common options of every command. */
struct op_conf {
	enum op_on_bad on_bad;
	const char *bad_path;
	enum fmt_kind out; /* -o; FMT_AUTO: frames, or a table on a terminal */
	const char
	    *has_header; /* csv, tsv: the header line of the file that is appended to, or NULL */
	int64_t mem;	 /* bytes of keyed state */
	bool quiet, verbose;
	int color; /* 1 always, 0 never, -1 auto */
	const char *name;
	int64_t parallel; /* -p */
	bool parallel_said, mem_said;
	const char *at;	 /* --at */
	bool supervised; /* an option that only fcoord acts on was given */
	enum op_role role;
	/*
	 * A plain pipeline with state (design §6): --state, else $FSTATE, else what the stage
	 * before says; absolute.  NULL: none, or there is a supervisor.  op_main_begin settles it.
	 */
	const char *state;
	/* The last stage begins the coordinator there: 0, once the others can join it.  A process
	 * that is made for it closes the n inputs. */
	int (*host)(void *cookie, const struct op_conf *conf, const struct hello *all,
		    const int *inputs, unsigned n);
	void *cookie;
	const struct op_chain *chain; /* what may run behind us here; NULL: nothing */
};
#define OP_CONF_INIT                                       \
	{                                                  \
		.mem = 1 << 30, .color = -1, .parallel = 1 \
	}
extern const struct opt op_options[];	  /* conf: struct op_conf */
extern const struct opt op_out_options[]; /* -o; conf: struct op_conf */

/*
 * What a stage says of itself when the planner asks (FJORD_DESCRIBE): printed as the lines that
 * job_facts (manifest/job.h) reads.
 */
struct op_facts {
	bool stateful;	      /* keeps keyed state */
	bool lanes;	      /* publishes output exactly once by epochs */
	const char *noreplay; /* a source that cannot go back: why, and what to do instead */
	const char *atleast;  /* a sink that is not exactly-once: why */
	bool asked;	      /* ... and it was asked to be so */
	int64_t most;	      /* the most subtasks it can have; 0: any */
	const char *most_why;
	const char *by;	     /* key, rebalance, broadcast, global: how its output is spread */
	bool unkeys;	     /* what it gives out has no key, though its input may have one */
	uint32_t groups;     /* of its key; 0: the default */
	const char *side[2]; /* paths that receive records, beside that of --on-bad */
	bool print;	     /* prints to stdout */
	bool chains;	     /* may run in the process of the stage before */
	const char *target;  /* a sink: the file or directory that it writes */
	bool selects;	     /* of its input's fields it reads those of `reads` alone */
	bool passes;	     /* ... and gives out the others as well */
	struct names reads;  /* op_reads; owned */
	struct names makes;  /* op_makes: fields that it sets in every record; owned */
};
/* No memory: selects is taken back. */
void op_reads(struct op_facts *f, const char *field);
void op_makes(struct op_facts *f, const char *field);

struct op_class {
	const char *name;
	bool source;	 /* no input: produce is called instead of on_rows */
	unsigned inputs; /* that are told apart, OP_INPUTS at most; 0: all are one */
	bool marks; /* on_mark is called for every frame that is not DATA, and for watermarks */
	int (*start)(void *self, struct op *op);
	/* The input's schema is new or has grown; without this callback rows go out under the
	 * schema they came with. */
	int (*on_schema)(void *self, struct op *op);
	/* Rows [*p, end) came in; take them, or as many as op_full() allows, and move *p.  May
	 * change them in place.  FERR_AGAIN: what is behind *p is taken, and has more to emit
	 * through resume; no barrier comes before that. */
	int (*on_rows)(void *self, struct op *op, uint8_t **p, uint8_t *end);
	/* Where inputs are told apart also when one of them has come to its end (WM_MAX), with the
	 * watermark that there is already. */
	int (*on_watermark)(void *self, struct op *op, int64_t wm);
	int (*resume)(void *self, struct op *op);
	int (*on_tick)(void *self, struct op *op); /* the time of op_wake_at has come */
	int (*produce)(void *self, struct op *op); /* OP_MORE, OP_WAIT, OP_END, or an error */
	int (*on_mark)(void *self, struct op *op, const struct frame *f,
		       int64_t wm); /* f NULL: a watermark */
	int (*on_end)(void *self,
		      struct op *op); /* the input ended well; FERR_AGAIN: more through resume */
	/* What a planner must know of it, before anything is opened; strings are borrowed. */
	void (*describe)(void *self, struct op_facts *f);
	/* What wrote the state, in words: kind, sizes, aggregates, keys; a restore compares it.
	 * NULL, or NULL returned: no state whose meaning could change. */
	const char *(*signature)(void *self);
	/* ---- with epochs only (op_task is not NULL) ---- */
	/* Numbers and state are those of the checkpoint, or new; called once, behind start and
	 * before any row.  *equal (0) may get a hash of what must be the same in all subtasks. */
	int (*on_restored)(void *self, struct op *op, uint64_t *equal);
	/* A barrier is about to be forwarded and the state to be noted: a sink seals its epoch. */
	int (*on_barrier)(void *self, struct op *op, const struct barrier *b);
	/* What was sealed is durable: add `pending` and `published` to the ack. */
	int (*on_ack)(void *self, struct op *op, struct snap *s);
	/* COMPLETE(epoch), which implies all before it: publish, then op_published. */
	int (*on_complete)(void *self, struct op *op, uint64_t epoch);
};
enum { OP_MORE = 1, OP_WAIT = 2, OP_END = 3 };

/*
 * Open with inputs fds[0..nin) (none for a source) and main outputs outs[0..nout).  Outputs of one
 * edge share its rows, keyed ones by key group, others in turn; every edge gets every row, every
 * output every mark.  Descriptors are taken over.
 */
struct op_wires {
	const int *in;
	unsigned nin;
	const int *input; /* of each in: which of the class's inputs it belongs to; NULL: the
			     i-th is input i, if it tells inputs apart */
	const int *out;
	unsigned nout;
	const int *edge; /* of each output; NULL: all belong to one */
};
extern const struct op_wires OP_STDIO, OP_STDOUT, OP_STDIN; /* a filter, a source, a sink */

int op_open(struct op **out, const struct op_conf *conf, const struct op_class *cls, void *self,
	    const struct op_wires *w, char **argv, int argc);
/* Is the planner asking (FJORD_DESCRIBE)?  Then nothing may be opened or made; op_main_run prints
 * what the class says of itself. */
bool op_describing(void);
/* The stdout that a job's printing stage will have: ours, or while describing the one that the
 * asker passes on ($FJORD_STDOUT). */
int op_stdout(void);
/* Run to the end: 0, or an error.  *signal gets the signal that ended it, else 0. */
int op_run(struct op *op, int *signal);
void op_close(struct op *op);

/*
 * The frame of a command's main: begin parses the options (operands are m->argv[1..m->argc) then),
 * run opens and runs the operator, end prints the one message of rc and gives the exit status.
 */
struct op_main {
	const struct cmd *cmd;
	const struct op_conf *conf;
	char **words; /* argv as it was, for HELLO */
	int nwords;
	char **argv;
	int argc;
	int signal;
};
int op_main_begin(struct op_main *m, const struct cmd *cmd, const struct opt_table *tables,
		  size_t ntables, struct op_conf *conf, int argc, char **argv);
/* OP_JOIN, before op_main_run: the state that these inputs tell of becomes ours. */
int op_shell_inputs(struct op_conf *conf, const int *fds, unsigned n);
int op_main_run(struct op_main *m, const struct op_class *cls, void *self,
		const struct op_wires *w);
int op_main_end(struct op_main *m, int rc);

/* ---- what classes use ---- */

const struct op_conf *op_conf(const struct op *op);
const struct schema *op_schema(const struct op *op); /* of the rows that on_rows sees */
/* Which input on_schema and on_rows are called for; its schema. */
unsigned op_input(const struct op *op);
const struct schema *op_schema_of(const struct op *op, unsigned input);
/* The least watermark of its channels, idle ones as well; WM_MAX: no row comes any more. */
int64_t op_input_watermark(const struct op *op, unsigned input);
/* An input without channels, that the class reads by itself: its schema is new or has grown;
 * on_schema is called. */
int op_set_input_schema(struct op *op, unsigned input, const struct schema *s);
bool op_stopping(const struct op *op); /* a signal asked to end (sources) */
bool op_text_in(const struct op *op);  /* the input is text, not frames */

/* Set the schema of what is emitted; copied; rows emitted before keep theirs. */
int op_set_schema(struct op *op, const struct schema *s);
const struct schema *op_out_schema(const struct op *op);

bool op_full(const struct op *op);

/* Emit finished rows [p, end) as they are (they obey op_out_schema). */
int op_forward(struct op *op, const uint8_t *p, const uint8_t *end);
/* Several outputs: every one gets every row. */
void op_broadcast(struct op *op);
/* Append rows right to the output's buffer (of several outputs: to a scratch), then tell how many.
 */
struct buf *op_rows_buf(struct op *op);
int op_rows_done(struct op *op, size_t at, unsigned rows); /* rows stand at [at, buf->n) */
/* Sources: tell the watermark, idleness. */
int op_emit_watermark(struct op *op, int64_t wm);
/* Others, in start: watermarks go on less so many ms, since what they cause is older than they;
 * INT64_MAX: not at all.  From on_watermark or on_restored less than before: they catch up. */
void op_hold_back(struct op *op, int64_t ms);
int op_emit_idle(struct op *op, bool idle);
/* Write bytes between rows into a text output (fcat). */
int op_emit_text(struct op *op, const void *p, size_t n);

/* A bad record.  at: "file:line:col"; text: the record as it came.  0: skipped or put aside; else
 * FERR_DATA. */
int op_bad(struct op *op, const char *at, const char *reason, const void *text, size_t n);
/* The same for a row of the current input. */
int op_bad_row(struct op *op, const uint8_t *row, const char *reason);

/* A PATH that receives records: NDJSON into a file, frames into a pipe.  Owned by op. */
int op_side_open(struct op *op, struct op_side **out, const char *path);
/* A row of the input that on_rows is called for; rows of several inputs share their fields by name.
 */
int op_side_row(struct op *op, struct op_side *s, const uint8_t *row);

/*
 * When produce returns OP_WAIT, wait for these descriptors (cleared after each wait), and until the
 * deadline (monotonic ns; cleared likewise).  Others: on_tick at the deadline.
 */
int op_wait_fd(struct op *op, int fd);
void op_wake_at(struct op *op, int64_t mono_ns);
int64_t op_now(const struct op *op); /* monotonic ns, read once a turn */

/* ---- state and epochs ---- */

/* The keyed state of this subtask; its maps are opened in start.  Also there in a bare shell. */
struct state *op_state(struct op *op);
/*
 * A number that belongs to the subtask rather than to a key, part of every snapshot; registered in
 * start.  *v is op's, holds for its life and has the restored value from on_restored on.  merge
 * tells what several subtasks' numbers become at a rescale (SUM: subtask 0 gets all).
 */
int op_number(struct op *op, const char *name, enum snap_merge merge, int64_t **v);

/* What a supervised subtask is (coord/task.h); NULL in a bare shell. */
const struct op_task *op_task(const struct op *op);
/* The watermark that was told last, or restored; WM_MIN: none. */
int64_t op_watermark(const struct op *op);

/*
 * A job for the epoch helper: run in its thread, in the order given; then done is called in the
 * loop.  The ack of an epoch waits for all jobs that on_barrier has put.  An error of run or done
 * ends the subtask.
 */
struct op_job {
	struct work_job work;
	int (*done)(struct op_job *job, struct op *op); /* or NULL; may free the job */
};
void op_job_put(struct op *op, struct op_job *job);
/* The helper has as much to do as it may: no more rows until a job is done. */
void op_wait_job(struct op *op);
/* All output up to this epoch is published. */
int op_published(struct op *op, uint64_t epoch);

/* At the end: a field that was named and never seen in the whole stream (did you mean). */
void op_warn_unseen(struct op *op, const struct schema *s, const char *field);

/* One line on stderr at the end, or now: notes are silenced by -q; what was dropped or put aside is
 * always said. */
void op_say(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void op_note(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void op_verbose(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
