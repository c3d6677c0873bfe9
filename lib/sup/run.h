/*
 * run -- one running job: its store, its agent, its attempts, its checkpoints (design §6, §8).
 *
 * run_job starts the job from the newest checkpoint of the store and stays until it has ended:
 * drained, stopped, failed for good.  Subtasks are started by an agent, told and heard through it;
 * the coordinator state machine (coord/ckpt.h) decides, this module acts.  Others speak to it
 * through the Unix socket DIR/sock (ask.h).
 *
 * Errors  FERR_FENCED: another fcoord runs the job, or completed a checkpoint from the same place;
 *         FERR_CORRUPT: no checkpoint can be used; what a subtask ended with for good.
 */
#ifndef SUP_RUN_H
#define SUP_RUN_H

#include "coord/ckpt.h"
#include "coord/restart.h"
#include "manifest/ckpt_json.h"
#include "manifest/job.h"

/* What a subtask tells of itself. */
struct run_stats {
	uint64_t in, out;
	int64_t watermark;
	bool blocked; /* its output is full */
	uint64_t state, bad;
};

enum run_phase { RUN_STARTING, RUN_RUNNING, RUN_STOPPING, RUN_WAITING, RUN_KILLING, RUN_ENDED };

struct run;

/* A stage that is there already (hall.h): a descriptor that leads to it, its process. */
struct run_guest {
	int fd;
	uint32_t pid;
};

struct run_conf {
	const char *dir;  /* the job's store, made */
	const char *name; /* of the job */
	uint8_t id[16];
	struct job *job;  /* planned; borrowed */
	int64_t parallel; /* -p of the plan */
	struct ckpt_conf ckpt;
	unsigned keep;
	struct restart restart;
	bool exactly, accept_rewind;
	bool atleast;		       /* as the job was planned (job_plan) */
	int out;		       /* where a stage that prints prints to, or -1 */
	const struct run_guest *guest; /* of the first nguests stages; taken over */
	unsigned nguests;
	/* One line of a subtask's stderr, or of ours (stage NULL). */
	void (*say)(void *cookie, const char *stage, uint32_t sub, const char *line);
	/* About once a second, and when something has changed; NULL: not wanted. */
	void (*show)(void *cookie, const struct run *r);
	void *cookie;
};

/* *signal gets the signal that stopped it (SIGINT, SIGTERM), else 0. */
int run_job(const struct run_conf *conf, int *signal);

/* ---- what show may ask ---- */
enum run_phase run_phase(const struct run *r);
const char *run_phase_name(enum run_phase p);
uint64_t run_complete(const struct run *r);    /* newest complete epoch; 0: none */
int64_t run_complete_age(const struct run *r); /* ms since then, -1: none in this run */
/* Sums over the sources: rows out, the least watermark (INT64_MIN: none). */
void run_totals(const struct run *r, struct run_stats *out);

#endif
