/* test_wm: combining watermarks (C16), rule by rule, and random schedules against a second model.
 */
#include "coord/wm.h"
#include "t.h"

#define MAX_CHANS 5

static struct wm w;
static struct wm_chan chans[MAX_CHANS];

static void
begin(unsigned n)
{
	wm_init(&w, chans, n);
}

/* What came out, in the order it is to be told: "a" active, "w" watermark, "i" idle. */
static const char *
out(struct wm_out o)
{
	static char s[4];
	char *p = s;

	if (o.active)
		*p++ = 'a';
	if (o.watermark)
		*p++ = 'w';
	if (o.idle)
		*p++ = 'i';
	*p = '\0';
	return s;
}

#define MARK(chan, ms, tells) T_STR(out(wm_mark(&w, chan, ms)), tells)
#define IDLE(chan, tells) T_STR(out(wm_idle(&w, chan)), tells)
#define ACTIVE(chan, tells) T_STR(out(wm_active(&w, chan)), tells)
#define OUT(ms) T_INT(w.out, ms)

T(C16_one_channel_passes_through)
{
	begin(1);
	OUT(WM_MIN);
	MARK(0, 5, "w");
	OUT(5);
	MARK(0, 6, "w");
	OUT(6);
}

T(C16_regress_and_repeat_are_ignored)
{
	begin(1);
	MARK(0, 5, "w");
	MARK(0, 5, "");
	MARK(0, 4, "");
	MARK(0, WM_MIN, "");
	OUT(5);
	MARK(0, 6, "w");
}

T(C16_minimum_over_channels_only_when_it_grows)
{
	begin(3);
	MARK(0, 10, "");
	MARK(1, 7, "");
	OUT(WM_MIN);
	MARK(2, 20, "w");
	OUT(7);
	MARK(0, 30, "");
	OUT(7);
	MARK(1, 15, "w");
	OUT(15);
	MARK(1, 25, "w");
	OUT(20);
}

T(C18_a_channel_that_has_told_nothing_holds)
{
	begin(2);
	MARK(0, WM_MAX, "");
	OUT(WM_MIN);
	IDLE(1, "w");
	OUT(WM_MAX);
}

T(C20_max_is_a_finished_channel)
{
	begin(2);
	MARK(0, 5, "");
	MARK(1, WM_MAX, "w");
	OUT(5);
	MARK(0, 9, "w");
	OUT(9);
	MARK(0, WM_MAX, "w");
	OUT(WM_MAX);
}

T(C16_an_idle_channel_is_left_out)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 5, "w");
	IDLE(1, "w");
	OUT(10);
	MARK(0, 12, "w");
	OUT(12);
}

T(C16_going_idle_without_holding_the_output_tells_nothing)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 5, "w");
	IDLE(0, "");
	OUT(5);
	MARK(1, 8, "w");
	OUT(8);
}

T(C16_marks_of_an_idle_channel_are_ignored)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 5, "w");
	IDLE(1, "w");
	MARK(1, 100, "");
	T_INT(chans[1].wm, 5);
	OUT(10);
}

T(C16_back_from_idle_behind_is_left_out_until_it_has_caught_up)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 5, "w");
	IDLE(1, "w"); /* 10 */
	ACTIVE(1, "");
	OUT(10);
	MARK(0, 20, "w"); /* it does not hold the others */
	OUT(20);
	MARK(1, 19, "");
	OUT(20);
	MARK(1, 20, ""); /* equal is caught up */
	MARK(0, 30, "");
	OUT(20);
	MARK(1, 25, "w");
	OUT(25);
}

T(C16_back_from_idle_ahead_counts_at_once)
{
	begin(2);
	MARK(0, 30, "");
	MARK(1, 5, "w");
	IDLE(0, "");
	ACTIVE(0, "");
	MARK(1, 40, "w");
	OUT(30);
}

T(C16_all_idle_the_last_one_held_the_output_max_first_then_idle)
{
	begin(3);
	MARK(0, 30, "");
	MARK(1, 20, "");
	MARK(2, 10, "w");
	IDLE(0, "");
	IDLE(1, "");
	OUT(10);
	IDLE(2, "wi");
	OUT(30);
	T_OK(w.out_idle);
}

T(C16_all_idle_the_last_one_did_not_hold_the_output_idle_alone)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 20, "w");
	IDLE(0, "w"); /* 20: the last active one holds it now */
	IDLE(1, "i"); /* and no channel is further */
	OUT(20);
	/* A channel that is behind has not held anything. */
	begin(2);
	MARK(0, 50, "");
	MARK(1, 10, "w");
	IDLE(1, "w"); /* 50 */
	ACTIVE(1, "");
	IDLE(0, "");
	OUT(50);
	IDLE(1, "i");
	OUT(50);
}

T(C16_the_first_to_come_back_tells_active)
{
	begin(2);
	MARK(0, 10, "");
	MARK(1, 10, "w");
	IDLE(0, "");
	IDLE(1, "i");
	MARK(0, 99, "");
	OUT(10);
	ACTIVE(0, "a");
	T_OK(!w.out_idle);
	ACTIVE(1, "");
	MARK(0, 11, "");
	MARK(1, 12, "w");
	OUT(11);
}

T(C16_idle_twice_and_active_twice_tell_nothing)
{
	begin(1);
	ACTIVE(0, "");
	MARK(0, 1, "w");
	IDLE(0, "i");
	IDLE(0, "");
	ACTIVE(0, "a");
	ACTIVE(0, "");
}

T(C16_idle_before_any_mark)
{
	begin(2);
	IDLE(0, "");
	MARK(1, 5, "w");
	OUT(5);
	ACTIVE(0, ""); /* behind: it does not take the output back */
	MARK(1, 9, "w");
	OUT(9);
	begin(1);
	IDLE(0, "i");
	OUT(WM_MIN);
	ACTIVE(0, "a");
	MARK(0, 3, "w");
}

T(C16_end_while_behind_catches_up)
{
	begin(2);
	MARK(0, 10, "");
	IDLE(1, "w");
	ACTIVE(1, "");
	MARK(1, WM_MAX, "");
	MARK(0, WM_MAX, "w");
	OUT(WM_MAX);
}

/* ---- a second model: nothing is remembered but what each channel has said, and what was told ----
 */

enum lane { COUNTED, BEHIND, IDLE_NOW };

struct model {
	unsigned n;
	enum lane lane[MAX_CHANS];
	int64_t said[MAX_CHANS], told;
	int idle;
};

static void
model_init(struct model *m, unsigned n)
{
	*m = (struct model){ .n = n, .told = WM_MIN };
	for (unsigned i = 0; i < n; i++)
		m->said[i] = WM_MIN;
}

static unsigned
model_count(const struct model *m, enum lane lane)
{
	unsigned k = 0;

	for (unsigned i = 0; i < m->n; i++)
		k += m->lane[i] == lane;
	return k;
}

/* The smallest (or greatest) mark of the channels in a lane is told if it is news. */
static void
model_tell(struct model *m, enum lane lane, int greatest, char *log)
{
	int64_t best = greatest ? WM_MIN : WM_MAX;

	if (model_count(m, lane) == 0)
		return;
	for (unsigned i = 0; i < m->n; i++) {
		if (m->lane[i] == lane && (greatest ? m->said[i] > best : m->said[i] < best))
			best = m->said[i];
	}
	if (best > m->told) {
		m->told = best;
		strcat(log, "w");
	}
}

static void
model_mark(struct model *m, unsigned c, int64_t ms, char *log)
{
	if (m->lane[c] == IDLE_NOW || ms <= m->said[c])
		return;
	m->said[c] = ms;
	if (m->lane[c] == BEHIND && ms < m->told)
		return;
	m->lane[c] = COUNTED;
	model_tell(m, COUNTED, 0, log);
}

static void
model_idle(struct model *m, unsigned c, char *log)
{
	int held = m->said[c] == m->told;

	if (m->lane[c] == IDLE_NOW)
		return;
	m->lane[c] = IDLE_NOW;
	if (model_count(m, IDLE_NOW) < m->n) {
		model_tell(m, COUNTED, 0, log);
		return;
	}
	if (held)
		model_tell(m, IDLE_NOW, 1, log);
	m->idle = 1;
	strcat(log, "i");
}

static void
model_active(struct model *m, unsigned c, char *log)
{
	if (m->lane[c] != IDLE_NOW)
		return;
	if (m->idle)
		strcat(log, "a");
	m->idle = 0;
	m->lane[c] = m->said[c] < m->told ? BEHIND : COUNTED;
	if (m->lane[c] == COUNTED)
		model_tell(m, COUNTED, 0, log);
}

static uint64_t seed;

static unsigned
draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* One schedule; false: the two differ, and the schedule has been printed. */
static bool
schedule(uint64_t from)
{
	char trace[64 * 24] = "", *t = trace;
	struct model m;
	unsigned n;

	seed = from;
	n = 1 + draw(MAX_CHANS);
	begin(n);
	model_init(&m, n);
	for (unsigned step = 0; step < 60; step++) {
		unsigned c = draw(n), what = draw(10);
		int64_t ms = draw(40) == 0 ? WM_MAX : (int64_t)draw(4 + step);
		const char *got;
		char want[8] = "";
		int64_t before = w.out;

		if (what < 6) {
			got = out(wm_mark(&w, c, ms));
			model_mark(&m, c, ms, want);
			t += sprintf(t, " %u:%d", c, ms == WM_MAX ? -1 : (int)ms);
		} else if (what < 8) {
			got = out(wm_idle(&w, c));
			model_idle(&m, c, want);
			t += sprintf(t, " %u:idle", c);
		} else {
			got = out(wm_active(&w, c));
			model_active(&m, c, want);
			t += sprintf(t, " %u:active", c);
		}
		if (strcmp(got, want) == 0 && w.out == m.told && w.out >= before &&
		    w.out_idle == (m.idle != 0) && (strchr(got, 'w') != NULL) == (w.out > before))
			continue;
		T_FAIL("seed %" PRIu64 ", %u channels:%s: told '%s' %" PRId64 ", not '%s' %" PRId64,
		       from, n, trace, got, w.out, want, m.told);
		return false;
	}
	return true;
}

T(C16_random_schedules_equal_a_second_model)
{
	const char *e = getenv("SEED");
	uint64_t first = e != NULL ? strtoull(e, NULL, 10) : 1, n = e != NULL ? 1 : 50000;

	printf("# seeds %" PRIu64 "..%" PRIu64 "; one alone with SEED=N\n", first, first + n - 1);
	while (n-- > 0 && schedule(first++))
		;
}

T_MAIN
