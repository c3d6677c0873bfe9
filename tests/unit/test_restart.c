/* test_restart: when a failed job is started again, strategy by strategy (faults.md 5). */
#include "base/err.h"
#include "coord/restart.h"
#include "t.h"

static struct restart r;

static void
begin(const char *text)
{
	memset(&r, 0xff, sizeof(r));
	T_INT(restart_parse(&r, text), 0);
}

T(exp_doubles_up_to_a_minute_and_gives_up_at_the_tenth)
{
	static const int64_t delay[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, -1 };

	begin("exp");
	for (unsigned i = 0; i < 10; i++)
		T_INT(restart_failed(&r, 1000 + i), delay[i]);
}

T(exp_never_waits_longer_than_a_minute)
{
	begin("exp");
	for (unsigned i = 0; i < 9; i++)
		(void)restart_failed(&r, i);
	T_INT(r.backoff, 51200);
	restart_progress(&r, 10);
	T_INT(restart_failed(&r, 11), 0);
	T_INT(restart_failed(&r, 12), 51200);
	T_INT(restart_failed(&r, 13), 60000);
	T_INT(restart_failed(&r, 14), 60000);
}

T(exp_the_first_restart_after_progress_is_immediate)
{
	begin("exp");
	restart_progress(&r, 1);
	T_INT(restart_failed(&r, 2), 0);
	T_INT(restart_failed(&r, 3), 100);
	T_INT(restart_failed(&r, 4), 200);
	restart_progress(&r, 5);
	restart_progress(&r, 6);
	T_INT(restart_failed(&r, 7), 0);
	T_INT(restart_failed(&r, 8), 400);
}

T(exp_counts_anew_after_progress)
{
	begin("exp");
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 9; i++)
			T_OK(restart_failed(&r, 10 * round + i) >= 0);
		restart_progress(&r, 10 * round + 9);
		T_INT(restart_failed(&r, 10 * round + 9), 0);
		restart_progress(&r, 10 * round + 9);
	}
	T_INT(restart_failed(&r, 100), 0);
	for (unsigned i = 0; i < 8; i++)
		T_OK(restart_failed(&r, 100) > 0);
	T_INT(restart_failed(&r, 100), -1);
}

T(exp_ten_calm_minutes_make_it_forget)
{
	begin("exp");
	for (unsigned i = 0; i < 9; i++)
		(void)restart_failed(&r, 0);
	T_INT(restart_failed(&r, 600000), 100);
	T_INT(restart_failed(&r, 600000 + 599999), 200);
	T_INT(restart_failed(&r, 600000 + 599999 + 600000), 100);
}

T(fixed_restarts_so_often_so_far_apart)
{
	begin("fixed:3,10s");
	T_INT(restart_failed(&r, 1), 10000);
	restart_progress(&r, 2);
	T_INT(restart_failed(&r, 3), 10000);
	T_INT(restart_failed(&r, 4), 10000);
	T_INT(restart_failed(&r, 5), -1);
	begin("fixed:1,0");
	T_INT(restart_failed(&r, 1), 0);
	T_INT(restart_failed(&r, 1), -1);
}

T(rate_gives_up_at_one_more_in_any_interval)
{
	begin("rate:3/5m");
	T_INT(restart_failed(&r, 0), 1000);
	T_INT(restart_failed(&r, 100000), 1000);
	T_INT(restart_failed(&r, 200000), 1000);
	T_INT(restart_failed(&r, 300001), 1000); /* the first is out of the interval */
	T_INT(restart_failed(&r, 400001), 1000);
	T_INT(restart_failed(&r, 500000), -1);

	begin("rate:1/1s");
	T_INT(restart_failed(&r, 5), 1000);
	T_INT(restart_failed(&r, 1006), 1000);
	T_INT(restart_failed(&r, 2006), -1);

	begin("rate:64/1s");
	for (int64_t i = 0; i < 1000; i++)
		T_INT(restart_failed(&r, i * 16), 1000); /* the 64th before it is 1024 ms ago */
	begin("rate:64/1s");
	for (int64_t i = 0; i < 64; i++)
		T_INT(restart_failed(&r, i * 15), 1000);
	T_INT(restart_failed(&r, 64 * 15), -1);
}

T(none_never_restarts)
{
	begin("none");
	restart_progress(&r, 0);
	T_INT(restart_failed(&r, 1), -1);
}

T(other_text_is_refused_and_changes_nothing)
{
	static const char *const bad[] = {
		"",
		"ex",
		"exp ",
		"fixed",
		"fixed:",
		"fixed:3",
		"fixed:3/1s",
		"fixed:0,1s",
		"fixed:-1,1s",
		"fixed:3,5",
		"fixed:3,-5s",
		"fixed:3,",
		"fixed:,1s",
		"rate:3,5m",
		"rate:65/5m",
		"rate:0/5m",
		"rate:3/0",
		"rate:3/-1s",
		"none,",
		"Exp",
		"fixed:1000001,1s",
		"fixed:111111111111111111111111111111,1s",
	};

	begin("fixed:2,5s");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ferr_clear();
		T_INT(restart_parse(&r, bad[i]), FERR_USAGE);
		T_OK(strlen(ferr_text()) > 10);
	}
	T_INT(r.kind, RESTART_FIXED);
	T_INT(r.n, 2);
	T_INT(r.delay, 5000);
}

T_MAIN
