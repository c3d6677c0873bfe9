/* run_internal -- what the files of lib/sup share.  Nobody else includes this. */
#ifndef SUP_RUN_INTERNAL_H
#define SUP_RUN_INTERNAL_H

#include "coord/task.h"
#include "ev/ev.h"
#include "link/talk.h"
#include "sup/run.h"

struct sub {
	unsigned stage, index;
	bool ready;
	bool told; /* that it ends, and why */
	uint32_t pid;
	uint64_t equal;
	struct snap snap;	/* of the epoch at hand */
	struct run_stats stats; /* as told last */
	struct buf err;		/* an unfinished line of its stderr */
};

/* Someone who asked through DIR/sock and waits for the answer. */
struct client {
	int fd;
	struct buf in, out;
	bool closing;	 /* once out is empty */
	uint64_t cookie; /* of its request */
	int waits;	 /* enum ask_wait */
	char *to;	 /* savepoint: where to */
	struct client *next;
};

/* A checkpoint that is kept, and the files that it needs. */
struct kept {
	uint64_t place, epoch;
	char **file;
	unsigned n, cap;
};

struct run {
	struct run_conf conf;
	struct job *job;
	struct ev ev;
	int64_t now; /* monotonic ms */
	enum run_phase phase;
	/* the agent */
	pid_t agent;
	struct talk talk;
	bool talking;
	unsigned alive; /* children of this attempt */
	/* the attempt */
	uint64_t attempt;
	struct sub *sub;
	unsigned nsubs;
	struct ckpt ckpt;
	struct ckpt_req asked[CKPT_REQS]; /* of the last attempt, to be asked again */
	unsigned nasked;
	struct ckpt_sub *ckpt_sub;
	bool restored, was_final;
	int64_t started; /* ms */
	int64_t retry_at;
	int64_t kill_by; /* KILLING: the agent is given up then */
	/* the failure that ends the attempt, or the job */
	int fail_status;
	bool failed, stop_asked, over, fatal;
	bool again;   /* begin anew when it is over */
	int64_t *was; /* rescale: what each stage had, for when the new plan is refused */
	char fail_text[1024];
	/* the chain */
	uint64_t place; /* of the newest manifest, 0: none */
	struct ckpt_file newest;
	uint8_t barrier[16]; /* id of the epoch at hand */
	struct kept *kept;
	unsigned nkept;
	struct kept parked; /* files that no checkpoint needs now, and that are still written */
	bool cleaned;
	int64_t complete_at; /* ms; 0: none in this run */
	/* others */
	int listen;
	struct client *clients;
	uint64_t cookies;
	int64_t stats_at; /* when they are asked for next */
	unsigned signals; /* seen */
	int told_signal;  /* by a stage of a plain pipeline */
	bool given;	  /* the agent has the guests */
	int64_t
	    echo_at; /* ms, when the first stage ended, which may be because of another's end; 0 */
};

/* run.c */
int run_pump(struct run *r); /* act on all that the coordinator has decided */
void run_set_phase(struct run *r, enum run_phase p);
void run_say(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int run_fail(struct run *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* attempt.c: start every subtask */
int attempt_start(struct run *r);
void attempt_fini(struct run *r);
/* chain.c: the manifests of the store */
int chain_load(struct run *r);	/* the newest that can be used, into r->newest; r->place */
void chain_tidy(struct run *r); /* drop what --keep does not hold; behind the notice (C31) */
int chain_store(struct run *r, uint64_t epoch, uint32_t flags);
bool chain_is_published(const char *dir, const struct ckpt_file *f);
int chain_published(struct run *r, uint64_t epoch); /* all of it, and nothing comes behind */
int chain_savepoint(struct run *r, uint64_t epoch, const char *to, struct buf *path);
void chain_fini(struct run *r);
/* ask.c: the socket */
int ask_open(struct run *r);
int ask_watch(struct run *r);
int ask_serve(struct run *r);
void ask_answer(struct run *r, uint64_t cookie, uint64_t epoch, const char *refused);
void ask_undo(struct run *r);
void ask_refuse_again(struct run *r);
bool ask_stops(const struct run *r); /* does someone wait for a stop? */
void ask_phase(struct run *r);	     /* the phase has changed: some wait for that */
void ask_close(struct run *r);

#endif
