/* test_align: barrier alignment (C21-C23), cell by cell of the table in align.h. */
#include "coord/align.h"
#include "t.h"

#define MAX_CHANS 4

static struct align a;
static struct align_chan chans[MAX_CHANS];

static void
begin(unsigned n)
{
	memset(chans, 0xff, sizeof(chans));
	align_init(&a, chans, n);
}

/* What came out, in the order it is to be acted on: "aN" aborted, "cN" cancelled, "!" complete. */
static const char *
out(struct align_out o)
{
	static char s[64];
	int n = 0;

	s[0] = '\0';
	if (o.aborted != 0)
		n += snprintf(s + n, sizeof(s) - (size_t)n, "a%" PRIu64, o.aborted);
	if (o.cancelled != 0)
		n += snprintf(s + n, sizeof(s) - (size_t)n, "c%" PRIu64, o.cancelled);
	if (o.complete)
		snprintf(s + n, sizeof(s) - (size_t)n, "!");
	return s;
}

static struct align_out
bar(unsigned chan, uint64_t epoch)
{
	struct barrier b = { .epoch = epoch, .flags = BARRIER_SAVEPOINT };

	b.id[0] = (uint8_t)epoch;
	return align_barrier(&a, chan, &b);
}

#define BAR(chan, n, does) T_STR(out(bar(chan, n)), does)
#define CANCEL(chan, n, does) T_STR(out(align_cancel(&a, n)), does)
#define END(chan, does) T_STR(out(align_end(&a, chan)), does)

/* Which channels are blocked, one letter each. */
static const char *
blocked(void)
{
	static char s[MAX_CHANS + 1];

	for (unsigned i = 0; i < a.n; i++)
		s[i] = align_blocked(&a, i) ? 'x' : '-';
	s[a.n] = '\0';
	return s;
}
#define BLOCKED(which) T_STR(blocked(), which)

T(C21_one_channel_completes_at_once)
{
	begin(1);
	BAR(0, 1, "!");
	BLOCKED("x");
	align_done(&a);
	BLOCKED("-");
	BAR(0, 2, "!");
	align_done(&a);
	T_INT(a.last, 2);
}

T(C21_blocked_behind_the_barrier_until_the_last_one)
{
	begin(3);
	BLOCKED("---");
	BAR(1, 5, "");
	BLOCKED("-x-");
	T_OK(a.active);
	BAR(0, 5, "");
	BLOCKED("xx-");
	BAR(2, 5, "!");
	BLOCKED("xxx"); /* nothing passes before the snapshot */
	T_INT(a.bar.epoch, 5);
	T_INT(a.bar.id[0], 5);
	T_INT(a.bar.flags, BARRIER_SAVEPOINT);
	T_INT(a.last, 0);
	align_done(&a);
	BLOCKED("---");
	T_OK(!a.active);
	T_INT(a.last, 5);
}

T(C22_nothing_aligned_old_barrier_is_ignored)
{
	begin(2);
	BAR(0, 5, "");
	BAR(1, 5, "!");
	align_done(&a);
	BAR(0, 5, "");
	BAR(0, 4, "");
	BLOCKED("--");
	T_OK(!a.active);
	BAR(0, 6, "");
	BLOCKED("x-");
}

T(C22_aligning_old_barrier_is_ignored_and_its_channel_stays_open)
{
	begin(2);
	BAR(0, 3, "");
	BAR(1, 3, "!");
	align_done(&a);
	BAR(0, 7, "");
	BAR(1, 3, ""); /* over */
	BAR(1, 5, ""); /* between */
	BLOCKED("x-");
	BAR(1, 7, "!");
}

T(C22_a_newer_barrier_aborts_and_begins)
{
	begin(3);
	BAR(0, 1, "");
	BAR(1, 1, "");
	BAR(2, 2, "a1");
	BLOCKED("--x");
	T_INT(a.last, 1);
	T_INT(a.bar.epoch, 2);
	BAR(0, 2, "");
	BAR(1, 2, "!");
	align_done(&a);
	T_INT(a.last, 2);
}

T(C22_a_newer_barrier_may_be_the_last_one_at_once)
{
	begin(3);
	END(0, "");
	BAR(1, 1, "");
	T_INT(a.last, 0);
	END(1, ""); /* blocked: its end is not read before, but must not count again */
	BAR(2, 2, "a1!");
	BLOCKED("--x");
	align_done(&a);
	T_INT(a.last, 2);
}

T(C22_barrier_of_an_aborted_epoch_is_not_answered_again)
{
	begin(2);
	BAR(0, 1, "");
	BAR(1, 2, "a1");
	BAR(0, 1, "");
	BLOCKED("-x");
	BAR(0, 2, "!");
}

T(C22_cancel_with_nothing_aligned_is_forwarded_once)
{
	begin(2);
	CANCEL(0, 3, "c3");
	T_INT(a.last, 3);
	CANCEL(1, 3, "");
	CANCEL(1, 2, "");
	BAR(0, 3, ""); /* comes late on the other channel: over */
	BAR(0, 2, "");
	BLOCKED("--");
	BAR(0, 4, "");
	BAR(1, 4, "!");
}

T(C22_cancel_of_the_epoch_at_hand_unblocks)
{
	begin(2);
	BAR(0, 1, "");
	CANCEL(1, 1, "c1");
	BLOCKED("--");
	T_OK(!a.active);
	CANCEL(0, 1, ""); /* behind its barrier */
	BAR(0, 2, "");
	BAR(1, 2, "!");
}

T(C22_cancel_of_a_later_epoch_drops_the_one_at_hand)
{
	begin(2);
	BAR(0, 1, "");
	CANCEL(1, 4, "c4");
	BLOCKED("--");
	T_INT(a.last, 4);
	BAR(0, 4, "");
	BLOCKED("--");
	BAR(0, 5, "");
	BLOCKED("x-");
}

T(C22_cancel_of_an_earlier_epoch_is_ignored)
{
	begin(2);
	BAR(0, 5, "");
	CANCEL(1, 4, "");
	BLOCKED("x-");
	T_OK(a.active);
	BAR(1, 5, "!");
}

T(C22_cancel_after_completion_is_ignored)
{
	begin(1);
	BAR(0, 1, "!");
	align_done(&a);
	CANCEL(0, 1, "");
	T_INT(a.last, 1);
}

T(C23_end_counts_as_the_barrier_at_hand)
{
	begin(3);
	BAR(0, 1, "");
	END(1, "");
	BLOCKED("x--");
	END(2, "!");
	BLOCKED("x--");
	align_done(&a);
	BLOCKED("---");
}

T(C23_end_counts_for_all_later_barriers)
{
	begin(2);
	END(0, "");
	T_OK(!a.active);
	for (uint64_t n = 1; n < 5; n++) {
		BAR(1, n, "!");
		align_done(&a);
	}
}

T(C23_end_behind_the_barrier_does_not_count_twice)
{
	begin(3);
	BAR(0, 1, "");
	END(0, "");
	BAR(1, 1, "");
	END(1, "");
	END(1, "");
	T_OK(a.active);
	BAR(2, 1, "!");
	END(2, ""); /* complete is told once */
	align_done(&a);
}

T(C23_a_repeated_barrier_does_not_count_twice)
{
	begin(2);
	BAR(0, 1, "");
	BAR(0, 1, "");
	BAR(1, 1, "!");
	BAR(1, 1, "");
}

T(C23_end_with_nothing_aligned_completes_nothing)
{
	begin(2);
	END(0, "");
	END(1, "");
	T_OK(!a.active);
	BLOCKED("--");
}

T(C23_an_abort_keeps_the_ended_ones)
{
	begin(3);
	END(0, "");
	BAR(1, 1, "");
	BAR(2, 2, "a1");
	BLOCKED("--x");
	BAR(1, 2, "!");
	align_done(&a);
	BAR(1, 3, "");
	CANCEL(2, 3, "c3");
	BAR(2, 4, "");
	BAR(1, 4, "!");
}

/* ---- unaligned (C26) ---- */

static struct align_out
over(uint64_t epoch)
{
	struct barrier b = { .epoch = epoch, .flags = BARRIER_UNALIGNED };

	return align_overtake(&a, &b);
}

/* The same from a channel. */
static struct align_out
over_from(unsigned chan, uint64_t epoch)
{
	struct barrier b = { .epoch = epoch, .flags = BARRIER_UNALIGNED };

	return align_barrier(&a, chan, &b);
}
#define OVER(n, does) T_STR(out(over(n)), does)
#define AHEAD(chan, kind, n, is) T_INT(align_ahead(&a, chan, FRAME_##kind, n), AHEAD_##is)

/* Which channels are awaited. */
static const char *
awaited(void)
{
	static char s[MAX_CHANS + 1];

	for (unsigned i = 0; i < a.n; i++)
		s[i] = a.c[i].awaited ? 'w' : '-';
	s[a.n] = '\0';
	T_INT(align_awaits(&a), strchr(s, 'w') != NULL);
	return s;
}
#define AWAITED(which) T_STR(awaited(), which)

T(C26_the_coordinator_overtakes_and_every_barrier_is_awaited)
{
	begin(3);
	OVER(1, "!");
	align_done(&a);
	BLOCKED("---");
	AWAITED("www");
	AHEAD(1, BARRIER, 1, HERE);
	AWAITED("w-w");
	AHEAD(0, END, 0, HERE);
	AHEAD(2, BARRIER, 1, HERE);
	AWAITED("---");
	BAR(1, 1, "");
	BLOCKED("---");
	OVER(1, "");
	T_INT(a.last, 1);
}

T(C26_the_first_unaligned_barrier_overtakes)
{
	begin(3);
	T_STR(out(over_from(1, 1)), "!");
	align_done(&a);
	AWAITED("w-w");
	OVER(1, "");
	AWAITED("w-w");
}

T(C26_an_aligned_epoch_is_switched)
{
	begin(4);
	END(3, "");
	BAR(0, 1, "");
	BLOCKED("x---");
	OVER(1, "!");
	T_INT(a.bar.flags, BARRIER_SAVEPOINT | BARRIER_UNALIGNED);
	align_done(&a);
	BLOCKED("----");
	AWAITED("-ww-");
	begin(3);
	BAR(0, 1, "");
	T_STR(out(over_from(2, 1)), "!");
	align_done(&a);
	AWAITED("-w-");
}

T(C26_marks_of_older_epochs_are_passed_over)
{
	begin(2);
	CANCEL(0, 1, "c1");
	OVER(2, "!");
	align_done(&a);
	AHEAD(0, BARRIER, 1, ON);
	AHEAD(0, CANCEL, 1, ON);
	AWAITED("ww");
}

T(C26_an_epoch_that_was_given_up_is_awaited_no_more)
{
	static const uint64_t later[] = { 3, 4 };

	for (unsigned i = 0; i < 2; i++) {
		begin(2);
		OVER(3, "!");
		align_done(&a);
		AHEAD(0, CANCEL, later[i], LOST);
		AWAITED("--");
		OVER(4, "!");
		align_done(&a);
		AHEAD(0, BARRIER, 5, LOST);
		AWAITED("--");
		CANCEL(0, 5, "c5");
	}
	begin(2);
	OVER(3, "!");
	align_done(&a);
	CANCEL(0, 2, "");
	AWAITED("ww");
	CANCEL(0, 3, "");
	AWAITED("--");
	OVER(4, "!");
	align_done(&a);
	CANCEL(0, 6, "c6");
	AWAITED("--");
	OVER(6, "");
}

T(C26_a_newer_epoch_aborts_the_one_that_is_aligned)
{
	begin(2);
	BAR(0, 1, "");
	OVER(2, "a1!");
	align_done(&a);
	AWAITED("ww");
}

T_MAIN
