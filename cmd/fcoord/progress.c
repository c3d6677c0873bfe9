/* progress: see progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "fio/fio.h"

static void
put_count(char *to, size_t n, double v)
{
	if (v >= 1e6)
		snprintf(to, n, "%.1f M", v / 1e6);
	else if (v >= 1e4)
		snprintf(to, n, "%.0f K", v / 1e3);
	else
		snprintf(to, n, "%.0f", v);
}

static void
put_lag(char *to, size_t n, int64_t watermark)
{
	int64_t lag = (fio_wall_ms() - watermark) / 1000;

	if (watermark == INT64_MIN)
		snprintf(to, n, "no watermark yet");
	else if (watermark == INT64_MAX)
		snprintf(to, n, "input read to its end");
	else if (lag > 2 * 86400)
		snprintf(to, n, "watermark %" PRId64 " days behind", lag / 86400);
	else
		snprintf(to, n, "watermark %" PRId64 " s behind", lag);
}

void
progress_show(struct progress *p, const struct run *r)
{
	int64_t now = fio_mono_ns(), age = run_complete_age(r);
	struct run_stats t;
	char records[24], rate[24], lag[48], last[64];

	if (!p->on)
		return;
	run_totals(r, &t);
	if (now - p->at > 500000000) {
		p->rate = p->at != 0 && t.out >= p->records
			      ? (double)(t.out - p->records) * 1e9 / (double)(now - p->at)
			      : 0;
		p->at = now;
		p->records = t.out;
	}
	put_count(records, sizeof(records), (double)t.out);
	put_count(rate, sizeof(rate), p->rate);
	put_lag(lag, sizeof(lag), t.watermark);
	if (age < 0)
		snprintf(last, sizeof(last), "no checkpoint yet");
	else
		snprintf(last, sizeof(last), "checkpoint %" PRIu64 " %.1f s ago", run_complete(r),
			 (double)age / 1000);
	fprintf(stderr, "\r\033[K%s  %s records  %s/s  %s  %s", run_phase_name(run_phase(r)),
		records, rate, lag, last);
	p->shown = true;
}

void
progress_clear(struct progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r\033[K");
	p->shown = false;
}
