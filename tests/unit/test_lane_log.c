/* test_lane_log: what a sink seals, adopts and publishes, in which order, and what its acks say.
 * The runtime is played by this file: jobs wait until the case has them run. */
#include "conn/lane_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include "t.h"

/* ---- the runtime ---- */

struct op {
	struct op_task task;
	struct work_job *first, **last; /* put, not run yet */
	uint64_t published;
};

const struct op_task *
op_task(const struct op *op)
{
	return &op->task;
}

void
op_job_put(struct op *op, struct op_job *job)
{
	job->work.next = NULL;
	*op->last = &job->work;
	op->last = &job->work.next;
}

int
op_published(struct op *op, uint64_t epoch)
{
	op->published = epoch;
	return 0;
}

/* Run the next job: 1, or 0 when there is none, or its error. */
static int
run_one(struct op *op)
{
	struct op_job *job = (struct op_job *)(void *)op->first;
	int rc;

	if (job == NULL)
		return 0;
	if ((op->first = job->work.next) == NULL)
		op->last = &op->first;
	if ((rc = job->work.run(&job->work)) != 0)
		return rc;
	return (rc = job->done(job, op)) != 0 ? rc : 1;
}

static int
run_all(struct op *op)
{
	int rc;

	while ((rc = run_one(op)) == 1)
		continue;
	return rc;
}

/* ---- the sink ---- */

struct sink {
	struct op op;
	struct lane_log *log;
	struct buf said; /* what was called, in order */
};

static int
on_sync(void *self)
{
	return buf_puts(&((struct sink *)self)->said, "sync ");
}

static int
on_bytes(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	return buf_printf(cookie, "%" PRIu64 ":%.*s ", epoch, (int)n, (const char *)p);
}

/* "LANE EPOCH [BARRIER EPOCH:bytes ...] " */
static int
on_publish(void *self, void *lane, const struct snap_files *files, uint64_t epoch)
{
	struct sink *s = self;
	uint8_t id[16];
	int rc =
	    buf_printf(&s->said, "%s %" PRIu64 " [", lane != NULL ? (char *)lane : "ours", epoch);

	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		if ((rc = lane_log_id(&s->op.task, &files->v[i], id)) == 0 &&
		    (rc = buf_printf(&s->said, "%c ", id[0])) == 0)
			rc = lane_log_read(&s->op.task, &files->v[i], on_bytes, &s->said);
	}
	return rc != 0 ? rc : buf_puts(&s->said, "] ");
}

static int
on_do(void *self, void *arg)
{
	return buf_printf(&((struct sink *)self)->said, "do %s ", (char *)arg);
}

/* In the loop: what an ack would say from here on is what the sink may note. */
static void
on_published(void *self, struct op *op, uint64_t epoch)
{
	struct sink *s = self;
	struct snap snap;

	T_OK(op == &s->op);
	snap_init(&snap);
	T_INT(lane_log_ack(s->log, &snap), 0);
	T_INT(buf_printf(&s->said, "published %" PRIu64 ", %u pending ", epoch, snap.pending.n), 0);
	snap_fini(&snap);
}

static const struct lane_log_class class = { .sync = on_sync, .publish = on_publish };
static const struct lane_log_class hooked = { .publish = on_publish, .published = on_published };

static char dir[64]; /* the store, a new one per case */

static void
make_store(void)
{
	char path[100];

	snprintf(dir, sizeof(dir), "/tmp/test_lane_log.XXXXXX");
	T_OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/segments", dir);
	T_INT(mkdir(path, 0700), 0);
}

static void
wipe(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		abort();
}

static void
begin_class(struct sink *s, const struct lane_log_class *cls, uint64_t attempt, uint64_t epoch)
{
	*s = (struct sink){ .op.task = { .attempt = attempt,
					 .epoch = epoch,
					 .parallel = 1,
					 .groups = 128,
					 .hi = 127,
					 .stage = "out",
					 .store = dir,
					 .same = true } };
	s->op.last = &s->op.first;
	T_INT(lane_log_new(&s->log, &s->op, cls, s), 0);
}

/* A sink of that attempt, restored from that epoch. */
static void
begin(struct sink *s, uint64_t attempt, uint64_t epoch)
{
	begin_class(s, &class, attempt, epoch);
}

static void
end(struct sink *s)
{
	lane_log_free(s->log);
	buf_fini(&s->said);
}

/* What was called since it was asked last. */
static const char *
said(struct sink *s)
{
	static char text[400];

	snprintf(text, sizeof(text), "%.*s", (int)s->said.n, (const char *)s->said.p);
	s->said.n = 0;
	return text;
}

static void
put(struct sink *s, const char *head, const char *text)
{
	struct buf data = BUF_INIT;

	T_INT(buf_puts(&data, text), 0);
	T_INT(lane_log_put(s->log, &s->op, head, strlen(head), &data), 0);
	T_INT(data.n, 0);
	buf_fini(&data);
}

static void
seal(struct sink *s, uint64_t epoch)
{
	struct barrier b = { .epoch = epoch };

	b.id[0] = (uint8_t)('a' + epoch);
	T_INT(lane_log_seal(s->log, &s->op, &b), 0);
}

static void
ack(struct sink *s, struct snap *out)
{
	snap_init(out);
	out->parallel = 1;
	out->groups = 128;
	T_INT(lane_log_ack(s->log, out), 0);
}

/* What an ack says: how far all is published, how many stretches are pending. */
static void
acks(struct sink *s, uint64_t published, unsigned pending)
{
	struct snap snap;

	ack(s, &snap);
	T_INT(snap.published, published);
	T_INT(snap.pending.n, pending);
	snap_fini(&snap);
}

/* ---- cases ---- */

T(an_epoch_is_sealed_and_then_published)
{
	struct sink s;

	make_store();
	begin(&s, 1, 0);
	put(&s, "H", "one");
	put(&s, "", "two");
	T_INT(lane_log_end(s.log), FERR_TRUNC);
	seal(&s, 1);
	T_INT(lane_log_end(s.log), 0);
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "sync ");
	acks(&s, 0, 1);
	T_INT(lane_log_complete(s.log, &s.op, 1), 0);
	acks(&s, 0, 1); /* it is not known before it is done */
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "ours 1 [b 1:H 1:one 1:two ] ");
	T_INT(s.op.published, 1);
	acks(&s, 1, 0);
	end(&s);
	wipe();
}

T(what_an_epoch_is_complete_for_is_published_no_more)
{
	struct sink s;

	make_store();
	begin(&s, 1, 0);
	put(&s, "", "one");
	seal(&s, 1);
	seal(&s, 2); /* nothing came */
	put(&s, "", "three");
	seal(&s, 3);
	put(&s, "", "four");
	seal(&s, 4);
	T_INT(run_all(&s.op), 0);
	said(&s);
	acks(&s, 0, 3);
	T_INT(lane_log_complete(s.log, &s.op, 2), 0);
	T_INT(lane_log_complete(s.log, &s.op, 4), 0);
	T_INT(lane_log_complete(s.log, &s.op, 5), 0);
	T_INT(run_one(&s.op), 1);
	T_STR(said(&s), "ours 2 [b 1:one ] ");
	T_INT(s.op.published, 2);
	acks(&s, 2, 2);
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "ours 4 [d 3:three e 4:four ] ours 5 [] ");
	T_INT(s.op.published, 5);
	acks(&s, 5, 0);
	end(&s);
	wipe();
}

/* Epoch 1 published, 2 and 3 pending. */
static void
leave_pending(struct snap *out)
{
	struct sink s;

	begin(&s, 1, 0);
	put(&s, "", "one");
	seal(&s, 1);
	T_INT(run_all(&s.op), 0);
	T_INT(lane_log_complete(s.log, &s.op, 1), 0);
	put(&s, "", "two");
	seal(&s, 2);
	put(&s, "", "three");
	seal(&s, 3);
	T_INT(run_all(&s.op), 0);
	ack(&s, out);
	end(&s);
}

T(it_is_told_what_is_published)
{
	struct sink s;

	make_store();
	begin_class(&s, &hooked, 1, 0);
	put(&s, "", "one");
	seal(&s, 1);
	put(&s, "", "two");
	seal(&s, 2);
	T_INT(run_all(&s.op), 0);
	T_INT(lane_log_complete(s.log, &s.op, 1), 0);
	T_STR(said(&s), ""); /* not before it is done */
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "ours 1 [b 1:one ] published 1, 1 pending ");
	T_INT(lane_log_complete(s.log, &s.op, 2), 0);
	T_INT(lane_log_complete(s.log, &s.op, 3), 0); /* nothing came: told as well */
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "ours 2 [c 2:two ] published 2, 0 pending ours 3 [] published 3, 0 "
			"pending ");
	end(&s);
	wipe();
}

T(what_is_adopted_is_told_when_it_is_ours)
{
	struct sink s;
	struct snap old;

	make_store();
	leave_pending(&old);
	begin_class(&s, &hooked, 2, 3);
	s.op.task.snap = &old;
	s.op.task.nsnap = 1;
	T_INT(lane_log_adopt(s.log, &s.op, 0, "old"), 0);
	T_INT(lane_log_adopt(s.log, &s.op, 0, NULL), 0);
	T_INT(lane_log_complete(s.log, &s.op, 3), 0);
	T_INT(run_one(&s.op), 1);
	T_STR(said(&s), "old 3 [c 2:two d 3:three ] ");
	T_INT(run_one(&s.op), 1);
	T_STR(said(&s), "ours 3 [c 2:two d 3:three ] published 3, 0 pending ");
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "ours 3 [] published 3, 0 pending ");
	end(&s);
	snap_fini(&old);
	wipe();
}

/* Bytes of an epoch that was given up before they came are those of the next one. */
T(what_is_not_sealed_yet_is_told)
{
	struct sink s;

	make_store();
	begin(&s, 1, 0);
	T_OK(!lane_log_unsealed(s.log));
	seal(&s, 1);
	T_OK(!lane_log_unsealed(s.log));
	put(&s, "", "one");
	T_OK(lane_log_unsealed(s.log)); /* also before it is on the disk */
	T_INT(run_all(&s.op), 0);
	T_OK(lane_log_unsealed(s.log));
	seal(&s, 2);
	T_OK(!lane_log_unsealed(s.log)); /* also before that is durable */
	T_INT(run_all(&s.op), 0);
	T_OK(!lane_log_unsealed(s.log));
	end(&s);
	wipe();
}

T(all_is_done_in_the_order_in_which_it_was_given)
{
	struct sink s;

	make_store();
	begin(&s, 1, 0);
	T_INT(lane_log_do(s.log, &s.op, on_do, strdup("first")), 0);
	put(&s, "", "one");
	seal(&s, 1);
	T_INT(lane_log_do(s.log, &s.op, on_do, strdup("second")), 0);
	T_INT(run_all(&s.op), 0);
	T_STR(said(&s), "do first sync do second ");
	/* What never comes to pass is freed (ASan). */
	T_INT(lane_log_do(s.log, &s.op, on_do, strdup("never")), 0);
	put(&s, "", "two");
	end(&s);
	wipe();
}

T(more_than_the_disk_takes_is_told)
{
	struct sink s;
	struct buf data = BUF_INIT;

	make_store();
	begin(&s, 1, 0);
	T_INT(buf_room(&data, 17u << 20), 0);
	memset(data.p, 'x', data.n = 17u << 20);
	T_OK(!lane_log_full(s.log));
	T_INT(lane_log_put(s.log, &s.op, "", 0, &data), 0);
	T_OK(data.p == NULL);
	T_OK(lane_log_full(s.log));
	T_INT(run_all(&s.op), 0);
	T_OK(!lane_log_full(s.log));
	T_INT(lane_log_put(s.log, &s.op, "", 0, &data), 0);
	T_OK(data.n == 0 && data.cap >= 17u << 20); /* that block again */
	buf_fini(&data);
	end(&s);
	wipe();
}

T(a_restart_publishes_what_is_pending_before_it_acks)
{
	struct sink s;
	struct snap old;

	make_store();
	leave_pending(&old);
	begin(&s, 2, 3);
	s.op.task.snap = &old;
	s.op.task.nsnap = 1;
	T_OK(lane_log_ours(&s.op.task, 0));
	T_INT(lane_log_adopt(s.log, &s.op, 0, NULL), 0);
	T_INT(lane_log_adopt(s.log, &s.op, 0, "old"), 0);
	T_INT(lane_log_complete(s.log, &s.op, 3), 0);
	acks(&s, 3, 0); /* which is why none may go out: */
	seal(&s, 4);
	T_INT(run_one(&s.op), 1);
	T_INT(run_one(&s.op), 1);
	T_STR(said(&s), "ours 3 [c 2:two d 3:three ] old 3 [c 2:two d 3:three ] ");
	T_INT(s.op.published, 0);
	T_INT(run_one(&s.op), 1);
	T_STR(said(&s), "ours 3 [] ");
	T_INT(s.op.published, 3);
	T_INT(run_one(&s.op), 1); /* the ack waits for this one */
	T_INT(run_one(&s.op), 0);
	seal(&s, 5);
	T_OK(s.op.first == NULL);
	put(&s, "", "six");
	seal(&s, 6);
	T_INT(run_all(&s.op), 0);
	acks(&s, 3, 1);
	end(&s);
	snap_fini(&old);
	wipe();
}

T(a_lane_belongs_to_the_owner_of_its_first_key_group)
{
	struct snap old[4];
	struct op_task t = { .parallel = 3, .groups = 128, .snap = old, .nsnap = 4 };
	unsigned owners[4] = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		snap_init(&old[i]);
		old[i].subtask = i;
		old[i].parallel = 4;
		old[i].groups = 128;
	}
	for (t.subtask = 0; t.subtask < 3; t.subtask++) {
		t.lo = group_lo(t.subtask, 3, 128);
		t.hi = group_hi(t.subtask, 3, 128);
		for (unsigned i = 0; i < 4; i++)
			owners[i] += lane_log_ours(&t, i);
	}
	for (unsigned i = 0; i < 4; i++)
		T_INT(owners[i], 1);
	t.same = true;
	t.subtask = 2;
	for (unsigned i = 0; i < 4; i++)
		T_INT(lane_log_ours(&t, i), i == 2);
}

T(a_segment_that_is_gone_is_damage)
{
	struct sink s;
	uint8_t id[16];
	struct snap_file f = { .name = "segments/none", .end = 200, .epoch = 1 };

	make_store();
	begin(&s, 1, 0);
	T_INT(lane_log_read(&s.op.task, &f, on_bytes, &s.said), FERR_CORRUPT);
	T_INT(lane_log_id(&s.op.task, &f, id), FERR_CORRUPT);
	end(&s);
	wipe();
}

T_MAIN
