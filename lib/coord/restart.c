/* restart: see restart.h. */
#include "coord/restart.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/unit.h"

#define EXP_FIRST 100
#define EXP_MOST 60000
#define EXP_CALM 600000 /* so long without failure makes it forget */
#define EXP_GIVE_UP 10
#define RATE_DELAY 1000
#define FIXED_MOST 1000000

/* "N,D" or "N/D": sep stands between. */
static int
parse_two(struct restart *r, const char *text, char sep, int64_t most)
{
	const char *at = strchr(text, sep);
	char number[24];
	int rc;

	if (at == NULL || (size_t)(at - text) >= sizeof(number))
		return ferr(FERR_USAGE, "'%s': write a number, '%c' and a duration", text, sep);
	memcpy(number, text, (size_t)(at - text));
	number[at - text] = '\0';
	if ((rc = unit_int(number, "the number of restarts", 1, most, &r->n)) != 0 ||
	    (rc = unit_duration(at + 1, strlen(at + 1), &r->delay)) != 0)
		return rc;
	if (r->delay < 0 || (r->delay == 0 && r->kind == RESTART_RATE))
		return ferr(FERR_USAGE, "'%s' is too short", at + 1);
	return 0;
}

int
restart_parse(struct restart *r, const char *text)
{
	struct restart d = { .backoff = EXP_FIRST };
	int rc = 0;

	if (strcmp(text, "exp") == 0) {
		d.kind = RESTART_EXP;
	} else if (strcmp(text, "none") == 0) {
		d.kind = RESTART_NONE;
	} else if (strncmp(text, "fixed:", 6) == 0) {
		d.kind = RESTART_FIXED;
		rc = parse_two(&d, text + 6, ',', FIXED_MOST);
	} else if (strncmp(text, "rate:", 5) == 0) {
		d.kind = RESTART_RATE;
		rc = parse_two(&d, text + 5, '/', RESTART_RATE_MAX);
	} else {
		return ferr(FERR_USAGE,
			    "unknown strategy '%s'; use exp, fixed:3,10s, rate:3/5m or none", text);
	}
	if (rc != 0)
		return ferr_prefix(rc, "--restart %s", text);
	*r = d;
	return 0;
}

void
restart_progress(struct restart *r, int64_t now)
{
	(void)now;
	r->progress = true;
}

static int64_t
failed_exp(struct restart *r, int64_t now)
{
	int64_t delay;

	if (r->failed > 0 && now - r->last >= EXP_CALM) {
		r->backoff = EXP_FIRST;
		r->failed = 0;
	}
	if (r->progress) {
		r->failed = 1;
		return 0;
	}
	if (++r->failed >= EXP_GIVE_UP)
		return -1;
	delay = r->backoff;
	r->backoff = delay * 2 < EXP_MOST ? delay * 2 : EXP_MOST;
	return delay;
}

static int64_t
failed_rate(struct restart *r, int64_t now)
{
	int64_t *oldest = &r->when[r->failed % r->n]; /* of the last n, and the place of this one */
	bool too_many = r->failed >= r->n && now - *oldest <= r->delay;

	*oldest = now;
	r->failed++;
	return too_many ? -1 : RATE_DELAY;
}

int64_t
restart_failed(struct restart *r, int64_t now)
{
	int64_t delay = -1;

	switch (r->kind) {
	case RESTART_EXP: delay = failed_exp(r, now); break;
	case RESTART_FIXED: delay = ++r->failed <= r->n ? r->delay : -1; break;
	case RESTART_RATE: delay = failed_rate(r, now); break;
	case RESTART_NONE: break;
	}
	r->last = now;
	r->progress = false;
	return delay;
}
