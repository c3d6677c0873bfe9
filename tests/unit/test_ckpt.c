/* test_ckpt: the checkpoint coordinator (C31-C33), every event in every phase. */
#include "coord/ckpt.h"
#include "frame/frame.h"
#include "t.h"

#define MAX_SUBS 4

static struct ckpt c;
static struct ckpt_sub subs[MAX_SUBS];
static char text[160]; /* of the last action that has one */

static char *
flag_letters(uint32_t flags)
{
	static char s[8];
	char *p = s;

	if (flags & BARRIER_SAVEPOINT)
		*p++ = 'v';
	if (flags & BARRIER_STOP)
		*p++ = 's';
	if (flags & BARRIER_DRAIN)
		*p++ = 'd';
	if (flags & BARRIER_FINAL)
		*p++ = 'f';
	if (flags & BARRIER_UNALIGNED)
		*p++ = 'u';
	*p = '\0';
	return s;
}

/*
 * Take the actions and print them: T3 trigger, U3 overtake, X3 cancel, S3 store, C3 complete, A3:7
 * answer cookie 7 by epoch 3, R:7 refuse it, F fail, O3 over; flags (v s d f u) behind the epoch.
 */
static const char *
acts(void)
{
	static char s[1024];
	struct ckpt_act a;
	int n = 0;

	s[0] = '\0';
	while (ckpt_next(&c, &a)) {
		static const char letters[] = "TUXSCARFO";
		char flags[8], what[64];

		strcpy(flags, flag_letters(a.flags));
		snprintf(what, sizeof(what), "%c%" PRIu64 "%s", letters[a.kind], a.epoch, flags);
		if (a.kind == ACT_ANSWER)
			snprintf(what, sizeof(what), "A%" PRIu64 ":%" PRIu64, a.epoch, a.cookie);
		if (a.kind == ACT_REFUSE)
			snprintf(what, sizeof(what), "R:%" PRIu64, a.cookie);
		if (a.kind == ACT_FAIL)
			snprintf(what, sizeof(what), "F");
		if (a.kind == ACT_CANCEL || a.kind == ACT_REFUSE || a.kind == ACT_FAIL) {
			T_OK(a.text[0] != '\0');
			strcpy(text, a.text);
		}
		n += snprintf(s + n, sizeof(s) - (size_t)n, "%s%s", n > 0 ? " " : "", what);
	}
	return s;
}
#define DOES(expr, want)             \
	do {                         \
		expr;                \
		T_STR(acts(), want); \
	} while (0)
#define RUNNING(now, restored, want) DOES(ckpt_running(&c, now, restored), want)
#define TICK(now, want) DOES(ckpt_tick(&c, now), want)
#define ACK(now, sub, epoch, want) DOES(ckpt_ack(&c, now, sub, epoch), want)
#define DECLINE(now, epoch, want) DOES(ckpt_decline(&c, now, 1, epoch, "disk full"), want)
#define STORED(now, epoch, want) DOES(ckpt_stored(&c, now, epoch, true, NULL), want)
#define NOT_STORED(now, epoch, want) DOES(ckpt_stored(&c, now, epoch, false, "no space"), want)
#define PUBLISHED(now, sub, epoch, want) DOES(ckpt_published(&c, now, sub, epoch), want)
#define ENDED(now, sub, want) DOES(ckpt_source_ended(&c, now, sub), want)
#define ASK(now, kind, cookie, want) DOES(ckpt_request(&c, now, CKPT_##kind, cookie), want)
#define DEADLINE(when) T_INT(ckpt_deadline(&c), when)

/* Two sources (0, 1), one operator (2), one sink with a lane (3); nothing runs yet. */
static void
begin_conf(struct ckpt_conf conf, uint64_t last)
{
	memset(subs, 0, sizeof(subs));
	subs[0].source = subs[1].source = true;
	subs[3].lanes = true;
	memset(&c, 0xff, sizeof(c));
	ckpt_init(&c, &conf, subs, MAX_SUBS, last);
}

/* every 100, min-pause 30, timeout 1000, tolerate 2. */
static void
begin(void)
{
	struct ckpt_conf conf = { .every = 100, .min_pause = 30, .timeout = 1000, .tolerate = 2 };

	begin_conf(conf, 0);
}

/* The phases, each reached at time 1000 with epoch 1 and nothing to take. */
static void
waiting(void)
{
	begin();
}

static void
idle(void)
{
	begin();
	RUNNING(1000, false, "");
}

static void
triggered(void)
{
	begin();
	RUNNING(900, false, "");
	TICK(1000, "T1");
}

static void
acked(uint64_t epoch, int64_t now)
{
	for (unsigned i = 0; i < MAX_SUBS; i++)
		ckpt_ack(&c, now, i, epoch);
}

static void
storing(void)
{
	triggered();
	DOES(acked(1, 1000), "S1");
}

/* The last epoch is complete, its lane is not published. */
static void
publishing(void)
{
	begin();
	RUNNING(1000, false, "");
	ASK(1000, STOP, 1, "T1s");
	DOES(acked(1, 1000), "S1s");
	STORED(1000, 1, "C1s");
}

static void
over(void)
{
	publishing();
	PUBLISHED(1000, 3, 1, "A1:1 O1s");
}

/* ---- state x event ---- */

T(C32_running_in_every_phase)
{
	waiting();
	DEADLINE(CKPT_NEVER);
	RUNNING(1000, false, "");
	T_INT(c.phase, CKPT_IDLE);
	DEADLINE(1100);
	waiting();
	RUNNING(1000, true, "T1"); /* restored: at once */
	DEADLINE(2000);
	idle();
	RUNNING(1000, true, "");
	triggered();
	RUNNING(1000, true, "");
	storing();
	RUNNING(1000, true, "");
	publishing();
	RUNNING(1000, true, "");
	over();
	RUNNING(1000, true, "");
}

T(C32_tick_in_every_phase)
{
	waiting();
	TICK(1000000, "");
	idle();
	TICK(1099, "");
	TICK(1100, "T1");
	triggered();
	TICK(1999, "");
	TICK(2000, "X1"); /* expired */
	TICK(2029, "");
	TICK(2030, "T2"); /* overdue, but for min-pause */
	storing();
	DEADLINE(CKPT_NEVER);
	TICK(1000000, ""); /* its manifest may exist already */
	publishing();
	DEADLINE(CKPT_NEVER);
	TICK(1000000, "");
	over();
	DEADLINE(CKPT_NEVER);
	TICK(1000000, "");
}

T(C31_ack_in_every_phase)
{
	waiting();
	DOES(acked(1, 1000), "");
	DOES(acked(0, 1000), "");
	idle();
	DOES(acked(1, 1000), "");
	DOES(acked(0, 1000), "");
	triggered();
	ACK(1001, 0, 1, "");
	ACK(1001, 0, 1, "");
	ACK(1001, 1, 0, ""); /* an older epoch */
	ACK(1001, 1, 2, ""); /* none that there is */
	ACK(1001, MAX_SUBS, 1, "");
	ACK(1001, 1, 1, "");
	ACK(1001, 2, 1, "");
	T_INT(c.phase, CKPT_TRIGGERED);
	ACK(1002, 3, 1, "S1");
	T_INT(c.phase, CKPT_STORING);
	storing();
	DOES(acked(1, 1000), "");
	publishing();
	DOES(acked(1, 1000), "");
	over();
	DOES(acked(1, 1000), "");
}

T(C33_decline_in_every_phase)
{
	waiting();
	DECLINE(1000, 1, "");
	idle();
	DECLINE(1000, 0, "");
	triggered();
	DECLINE(1001, 2, "");
	DECLINE(1001, 0, "");
	DOES(ckpt_decline(&c, 1001, MAX_SUBS, 1, "who?"), "");
	DECLINE(1001, 1, "X1");
	T_STR(text, "subtask 1 declined it: disk full");
	T_INT(c.phase, CKPT_IDLE);
	DECLINE(1001, 1, ""); /* counted once */
	T_INT(c.failures, 1);
	ACK(1001, 2, 1, "");
	storing();
	DECLINE(1001, 1, ""); /* all acked: it cannot be undone */
	T_INT(c.phase, CKPT_STORING);
	publishing();
	DECLINE(1001, 1, "");
	over();
	DECLINE(1001, 1, "");
	T_INT(c.failures, 0);
}

T(C31_stored_in_every_phase)
{
	waiting();
	STORED(1000, 0, "");
	idle();
	STORED(1000, 0, "");
	triggered();
	STORED(1000, 1, "");
	storing();
	STORED(1001, 2, "");
	STORED(1001, 1, "C1");
	T_INT(c.complete, 1);
	T_INT(c.phase, CKPT_IDLE);
	STORED(1001, 1, "");
	publishing();
	STORED(1001, 1, "");
	over();
	STORED(1001, 1, "");
}

T(C31_a_manifest_that_is_not_stored_is_a_failure_in_every_phase)
{
	waiting();
	NOT_STORED(1000, 0, "");
	idle();
	NOT_STORED(1000, 0, "");
	triggered();
	NOT_STORED(1000, 1, "");
	storing();
	NOT_STORED(1001, 0, "");
	NOT_STORED(1001, 1, "X1");
	T_STR(text, "no space");
	T_INT(c.complete, 0);
	T_INT(c.failures, 1);
	NOT_STORED(1001, 1, "");
	T_INT(c.failures, 1);
	publishing();
	NOT_STORED(1001, 1, "");
	over();
	NOT_STORED(1001, 1, "");
}

T(C31_published_in_every_phase)
{
	waiting();
	PUBLISHED(1000, 3, 0, "");
	idle();
	PUBLISHED(1000, 3, 0, "");
	PUBLISHED(1000, MAX_SUBS, 1, "");
	triggered();
	PUBLISHED(1000, 3, 1, "");
	storing();
	PUBLISHED(1000, 3, 1, "");
	STORED(1000, 1, "C1");
	publishing();
	PUBLISHED(1001, 2, 1, ""); /* has no lane */
	PUBLISHED(1001, 3, 1, "A1:1 O1s");
	T_INT(c.phase, CKPT_OVER);
	over();
	PUBLISHED(1001, 3, 2, "");
}

T(C25_source_ended_in_every_phase)
{
	waiting();
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	ENDED(1000, MAX_SUBS, "");
	RUNNING(1000, false, "T1f");
	idle();
	ENDED(1000, 0, "");
	ENDED(1000, 0, "");
	DEADLINE(1100);
	ENDED(1000, 1, "T1f");
	triggered();
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	DOES(acked(1, 1000), "S1");
	STORED(1001, 1, "C1 T2f"); /* neither every nor min-pause */
	storing();
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	NOT_STORED(1001, 1, "X1 T2f");
	publishing();
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	over();
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
}

T(C32_request_in_every_phase)
{
	waiting();
	ASK(1000, ASKED, 7, "");
	RUNNING(1000, false, "T1");
	idle();
	ASK(1000, ASKED, 7, "T1");
	triggered();
	ASK(1000, ASKED, 7, ""); /* the epoch under way began before it */
	DOES(acked(1, 1001), "S1");
	STORED(1001, 1, "C1 T2");
	DOES(acked(2, 1001), "S2");
	STORED(1001, 2, "C2 A2:7");
	storing();
	ASK(1000, SAVEPOINT, 7, "");
	STORED(1001, 1, "C1 T2v");
	publishing();
	ASK(1000, ASKED, 7, "R:7");
	ASK(1000, STOP, 8, "R:8");
	over();
	ASK(1000, SAVEPOINT, 7, "R:7");
	T_INT(c.nreq, 0);
}

/* ---- scheduling ---- */

T(C32_ids_start_at_one_never_repeat_and_go_on_after_a_restore)
{
	struct ckpt_conf conf = { .every = 100, .min_pause = 0, .timeout = 1000, .tolerate = 2 };

	begin_conf(conf, 41);
	T_INT(c.complete, 41);
	RUNNING(0, true, "T42");
	DECLINE(0, 42, "X42");
	TICK(100, "T43");
	DOES(acked(43, 100), "S43");
	STORED(100, 43, "C43");
	TICK(200, "T44");
}

T(C32_periodic_ones_are_every_apart_counted_from_the_beginning)
{
	triggered();
	DEADLINE(2000);
	DOES(acked(1, 1050), "S1");
	STORED(1060, 1, "C1");
	DEADLINE(1100);
	TICK(1099, "");
	TICK(1100, "T2");
}

T(C32_min_pause_delays_periodic_ones)
{
	triggered();
	DOES(acked(1, 1090), "S1");
	STORED(1090, 1, "C1");
	DEADLINE(1120);
	TICK(1119, "");
	TICK(1120, "T2");
	DOES(acked(2, 1500), "S2");
	STORED(1500, 2, "C2"); /* overdue, but the pause is kept */
	DEADLINE(1530);
}

T(C32_without_a_pause_an_overdue_one_follows_at_once)
{
	struct ckpt_conf conf = { .every = 100, .min_pause = 0, .timeout = 1000, .tolerate = 2 };

	begin_conf(conf, 0);
	RUNNING(0, false, "");
	TICK(100, "T1");
	DOES(acked(1, 300), "S1");
	STORED(300, 1, "C1 T2");
}

T(C32_requests_ignore_every_and_min_pause)
{
	triggered();
	DOES(acked(1, 1010), "S1");
	STORED(1010, 1, "C1");
	ASK(1011, SAVEPOINT, 5, "T2v");
	DOES(acked(2, 1012), "S2v");
	STORED(1012, 2, "C2v");
	DEADLINE(1111); /* a request's epoch counts for the period */
}

T(C32_without_a_period_only_requests_and_the_end)
{
	struct ckpt_conf conf = { .every = 0, .min_pause = 30, .timeout = 1000, .tolerate = 2 };

	begin_conf(conf, 5);
	RUNNING(0, true, "");
	DEADLINE(CKPT_NEVER);
	TICK(1000000, "");
	ASK(1000000, ASKED, 1, "T6");
	DOES(acked(6, 1000000), "S6");
	STORED(1000000, 6, "C6 A6:1");
	DEADLINE(CKPT_NEVER);
	ENDED(1000001, 0, "");
	ENDED(1000001, 1, "T7f");
}

T(C32_huge_durations_do_not_overflow)
{
	struct ckpt_conf conf = {
		.every = INT64_MAX, .min_pause = INT64_MAX, .timeout = INT64_MAX, .tolerate = 2
	};

	begin_conf(conf, 0);
	RUNNING(1000, false, "");
	DEADLINE(CKPT_NEVER);
	ASK(1000, ASKED, 1, "T1");
	DEADLINE(CKPT_NEVER);
	TICK(INT64_MAX - 1, "");
	DOES(acked(1, 1000), "S1");
	STORED(1000, 1, "C1 A1:1");
	ASK(1000, STOP, 2, "T2s");
	DECLINE(1000, 2, "X2");
	DEADLINE(CKPT_NEVER);
}

T(C32_one_epoch_of_the_strongest_kind_serves_all_that_wait)
{
	triggered();
	ASK(1001, ASKED, 1, "");
	ASK(1001, SAVEPOINT, 2, "");
	ASK(1001, STOP, 3, "");
	ASK(1001, SAVEPOINT, 4, "");
	DOES(acked(1, 1002), "S1");
	STORED(1002, 1, "C1 T2s");
	DOES(acked(2, 1003), "S2s");
	STORED(1003, 2, "C2s A2:1");
	PUBLISHED(1004, 3, 2, "A2:2 A2:3 A2:4 O2s");
}

T(C32_of_stop_and_drain_the_first_is_done)
{
	waiting();
	ASK(0, DRAIN, 1, "");
	ASK(0, STOP, 2, "");
	RUNNING(0, false, "T1d");
	ASK(0, STOP, 3, "");
	DOES(acked(1, 0), "S1d");
	STORED(0, 1, "C1d R:2 R:3");
	T_STR(text, "the job is being drained, not stopped");
	PUBLISHED(0, 3, 1, "A1:1 O1d");
	waiting();
	ASK(0, STOP, 1, "");
	ASK(0, DRAIN, 2, "");
	RUNNING(0, false, "T1s");
	DOES(acked(1, 0), "S1s");
	STORED(0, 1, "C1s R:2");
	T_STR(text, "the job is being stopped, not drained");
}

T(C32_a_full_queue_refuses)
{
	triggered();
	for (unsigned i = 0; i < CKPT_REQS; i++)
		ASK(1000, SAVEPOINT, i, "");
	ASK(1000, SAVEPOINT, 99, "R:99");
	T_INT(c.nreq, CKPT_REQS);
	DOES(acked(1, 1001), "S1");
	STORED(1001, 1, "C1 T2v");
	ckpt_decline(&c, 1002, 0, 2, "x");
	T_INT(c.nreq, 0); /* all refused */
	T_INT(c.act_n, 1 + CKPT_REQS);
}

/* ---- savepoints and the end ---- */

T(C30_a_savepoint_is_done_when_every_lane_has_published)
{
	idle();
	subs[2].lanes = true;
	ASK(1000, SAVEPOINT, 1, "T1v");
	DOES(acked(1, 1001), "S1v");
	STORED(1001, 1, "C1v");
	PUBLISHED(1001, 3, 1, "");
	TICK(1200, "T2"); /* nothing waits for it */
	PUBLISHED(1201, 2, 1, "A1:1");
	T_INT(c.nreq, 0);
}

T(C29_publication_of_a_later_epoch_implies_the_earlier)
{
	idle();
	ASK(1000, SAVEPOINT, 1, "T1v");
	DOES(acked(1, 1001), "S1v");
	STORED(1001, 1, "C1v");
	TICK(1200, "T2");
	DOES(acked(2, 1201), "S2");
	STORED(1201, 2, "C2");
	PUBLISHED(1202, 3, 2, "A1:1");
}

T(C30_without_lanes_a_savepoint_is_done_when_complete)
{
	idle();
	subs[3].lanes = false;
	ASK(1000, SAVEPOINT, 1, "T1v");
	DOES(acked(1, 1001), "S1v");
	STORED(1001, 1, "C1v A1:1");
	ASK(1001, DRAIN, 2, "T2d");
	DOES(acked(2, 1001), "S2d");
	STORED(1001, 2, "C2d A2:2 O2d");
}

T(C25_final_answers_everything_and_ends_the_job)
{
	triggered();
	ASK(1000, DRAIN, 1, "");
	ASK(1000, SAVEPOINT, 2, "");
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	DOES(acked(1, 1001), "S1");
	STORED(1001, 1, "C1 T2f");
	ASK(1001, STOP, 3, "");
	ASK(1001, ASKED, 4, "");
	DOES(acked(2, 1002), "S2f");
	ASK(1002, ASKED, 5, "");
	STORED(1002, 2, "C2f A2:4 A2:5");
	T_OK(c.over);
	T_INT(c.last, CKPT_FINAL);
	PUBLISHED(1003, 3, 2, "A2:1 A2:2 A2:3 O2f");
}

T(C25_a_savepoint_asked_during_a_stop_is_served_by_it)
{
	idle();
	ASK(1000, STOP, 1, "T1s");
	ASK(1000, SAVEPOINT, 2, "");
	DOES(acked(1, 1001), "S1s");
	ASK(1000, ASKED, 3, "");
	STORED(1001, 1, "C1s A1:3");
	PUBLISHED(1001, 3, 1, "A1:1 A1:2 O1s");
}

T(C25_an_abandoned_last_epoch_is_triggered_again)
{
	idle();
	ASK(1000, STOP, 1, "T1s");
	ASK(1000, SAVEPOINT, 2, "");
	DECLINE(1001, 1, "X1"); /* nobody is refused */
	DEADLINE(1100);
	TICK(1099, "");
	TICK(1100, "T2s");
	DOES(acked(2, 1100), "S2s");
	NOT_STORED(1101, 2, "X2");
	TICK(1200, "T3s");
	DOES(acked(3, 1200), "S3s");
	STORED(1200, 3, "C3s");
	PUBLISHED(1201, 3, 3, "A3:1 A3:2 O3s");
}

T(C25_an_abandoned_stop_becomes_final_when_the_sources_have_ended)
{
	idle();
	ASK(1000, STOP, 1, "T1s");
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
	DECLINE(1001, 1, "X1");
	TICK(1100, "T2f");
	DOES(acked(2, 1100), "S2f");
	STORED(1100, 2, "C2f");
	PUBLISHED(1101, 3, 2, "A2:1 O2f");
}

T(C25_a_job_without_sources_is_never_final)
{
	idle();
	subs[0].source = subs[1].source = false;
	ENDED(1000, 0, "");
	ENDED(1000, 1, "");
}

/* ---- failures ---- */

T(C33_more_than_tolerated_in_a_row_fail_the_job)
{
	triggered();
	DECLINE(1001, 1, "X1");
	TICK(1100, "T2");
	TICK(2100, "X2");
	T_STR(text, "it expired after 1000 ms, when 0 of 4 subtasks had acked it");
	TICK(2130, "T3");
	DOES(acked(3, 2131), "S3");
	NOT_STORED(2131, 3, "X3 F");
	T_STR(text, "no space");
	T_INT(c.phase, CKPT_WAITING);
	DEADLINE(CKPT_NEVER);
	TICK(1000000, "");
	ASK(1000000, STOP, 1, "");
	T_INT(c.nreq, 1); /* the caller's at the next attempt */
}

T(C33_success_resets_the_count)
{
	int64_t now = 1000;

	triggered();
	for (uint64_t n = 1; n < 20; n += 3) {
		ckpt_decline(&c, now, 0, n, "x");
		ckpt_tick(&c, now += 100);
		ckpt_decline(&c, now, 0, n + 1, "x");
		T_INT(c.failures, 2);
		ckpt_tick(&c, now += 100);
		acked(n + 2, now);
		ckpt_stored(&c, now, n + 2, true, NULL);
		T_INT(c.failures, 0);
		T_INT(c.complete, n + 2);
		ckpt_tick(&c, now += 100);
		(void)acts();
	}
}

T(C33_tolerate_zero_fails_at_the_first)
{
	struct ckpt_conf conf = { .every = 100, .min_pause = 0, .timeout = 1000, .tolerate = 0 };

	begin_conf(conf, 0);
	RUNNING(0, false, "");
	TICK(100, "T1");
	DECLINE(100, 1, "X1 F");
}

T(C33_requests_of_an_abandoned_epoch_are_refused_with_the_reason)
{
	idle();
	ASK(1000, SAVEPOINT, 1, "T1v");
	ASK(1000, SAVEPOINT, 2, ""); /* of the next one */
	DECLINE(1001, 1, "X1 R:1 T2v");
	T_STR(text, "subtask 1 declined it: disk full");
	DOES(acked(2, 1001), "S2v");
	STORED(1001, 2, "C2v");
	DOES(ckpt_request(&c, 1002, CKPT_ASKED, 3), "T3");
	DECLINE(1003, 3, "X3 R:3"); /* a complete savepoint still waits for its lane */
	PUBLISHED(1004, 3, 2, "A2:2");
}

T(C33_a_late_ack_of_an_expired_epoch_changes_nothing)
{
	triggered();
	ACK(1001, 0, 1, "");
	TICK(2000, "X1");
	TICK(2030, "T2");
	for (unsigned i = 0; i < MAX_SUBS; i++)
		ACK(2031, i, 1, "");
	ACK(2031, 0, 2, "");
	T_OK(subs[0].acked && !subs[1].acked);
}

T(a_long_reason_is_cut)
{
	char why[400];

	memset(why, 'w', sizeof(why));
	why[sizeof(why) - 1] = '\0';
	triggered();
	DOES(ckpt_decline(&c, 1001, 1, 1, why), "X1");
	T_INT(strlen(text), sizeof(text) - 1);
	idle();
	ASK(1000, STOP, 1, "T1s");
	DOES(acked(1, 1000), "S1s");
	DOES(ckpt_stored(&c, 1001, 1, false, why), "X1");
	T_INT(strlen(text), sizeof(text) - 1);
}

/* ---- unaligned (C26) ---- */

static void
unaligned(int64_t after)
{
	struct ckpt_conf conf = {
		.every = 100, .timeout = 1000, .tolerate = 2, .unaligned = true, .after = after
	};

	begin_conf(conf, 0);
	RUNNING(1000, false, "");
}

T(C26_at_once_an_epoch_overtakes_from_its_beginning)
{
	unaligned(0);
	TICK(1100, "T1u U1u");
	DEADLINE(2100);
	TICK(1500, "");
	ASK(1500, ASKED, 1, "");
	for (unsigned i = 0; i < MAX_SUBS; i++)
		ACK(1500, i, 1, i + 1 < MAX_SUBS ? "" : "S1u");
	STORED(1500, 1, "C1u T2u U2u");
}

T(C26_after_a_while_an_epoch_overtakes_once)
{
	unaligned(50);
	TICK(1100, "T1");
	DEADLINE(1150);
	ACK(1120, 0, 1, "");
	TICK(1149, "");
	TICK(1150, "U1u");
	DEADLINE(2100);
	TICK(1300, "");
	TICK(2100, "X1 T2");
	for (unsigned i = 0; i < MAX_SUBS; i++)
		ACK(2110, i, 2, i + 1 < MAX_SUBS ? "" : "S2");
	TICK(2150, "");
	STORED(2150, 2, "C2");
}

T(C26_savepoints_and_the_last_epoch_stay_aligned)
{
	unaligned(0);
	ASK(1010, SAVEPOINT, 1, "T1v");
	DEADLINE(2010);
	unaligned(0);
	ASK(1010, STOP, 1, "T1s");
	unaligned(0);
	ASK(1010, DRAIN, 1, "T1d");
	unaligned(0);
	ENDED(1010, 0, "");
	ENDED(1010, 1, "T1f");
}

T_MAIN
