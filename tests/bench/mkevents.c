/*
 * mkevents -- the events that the figures are measured on.
 *
 *	mkevents [--csv] [--keys N] EVENTS
 *
 * Writes EVENTS lines of about 250 bytes (NDJSON) or 125 bytes (CSV with a header, 12 fields).  The
 * same arguments give the same bytes.  10,000 users unless --keys says otherwise.  Event time goes
 *on by 2 ms per event, so that 5 million cover 2.8 hours, and jumps back by up to 2 s.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_MS 1767607200000 /* 2026-01-05T10:00:00Z */
#define STEP_MS 2
#define DISORDER_MS 2000

struct event {
	unsigned id, user, cents, n, lat, lon;
	bool ok;
	const char *time;
};

/* splitmix64: a good 64-bit number out of a counter. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* RFC 3339 text of ms; the calendar is asked once per second that differs from the last. */
static const char *
time_text(int64_t ms)
{
	static char text[] = "2026-01-05T10:00:00.000Z";
	static time_t last;
	time_t s = ms / 1000;
	int frac = (int)(ms % 1000);
	struct tm tm;

	if (s != last) {
		gmtime_r(&s, &tm);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &tm);
		last = s;
	}
	text[20] = (char)('0' + frac / 100);
	text[21] = (char)('0' + frac / 10 % 10);
	text[22] = (char)('0' + frac % 10);
	text[23] = 'Z';
	return text;
}

static void
put_json(const struct event *e)
{
	printf("{\"id\":%u,\"user\":\"u%05u\",\"card\":\"4512-%04u-%04u-0001\",\"amount\":%u.%02u,"
	       "\"time\":\"%s\","
	       "\"ok\":%s,\"n\":%u,\"geo\":{\"lat\":52.%02u,\"lon\":13.%02u},\"tags\":[\"a\",\"b\","
	       "\"c\"],"
	       "\"agent\":\"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\"}\n",
	       e->id, e->user, e->user % 10000, e->user % 9973, e->cents / 100, e->cents % 100,
	       e->time, e->ok ? "true" : "false", e->n, e->lat, e->lon);
}

static void
put_csv(const struct event *e)
{
	printf("%u,u%05u,4512-%04u-%04u-0001,%u.%02u,%s,%s,%u,52.%02u,13.%02u,DE,android-14-arm64,"
	       "Neubrandenburg\n",
	       e->id, e->user, e->user % 10000, e->user % 9973, e->cents / 100, e->cents % 100,
	       e->time, e->ok ? "true" : "false", e->n, e->lat, e->lon);
}

int
main(int argc, char *argv[])
{
	unsigned keys = 10000, events = 0;
	bool csv = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--csv") == 0)
			csv = true;
		else if (strcmp(argv[i], "--keys") == 0 && i + 1 < argc)
			keys = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			events = (unsigned)strtoul(argv[i], NULL, 10);
	}
	if (events == 0 || keys == 0) {
		fprintf(stderr, "usage: mkevents [--csv] [--keys N] EVENTS\n");
		return 2;
	}
	if (csv)
		puts("id,user,card,amount,time,ok,n,lat,lon,country,device,city");
	for (unsigned i = 0; i < events; i++) {
		uint64_t a = mix(i), b = mix(a);
		struct event e = {
			.id = i,
			.user = (unsigned)((a >> 32) % keys),
			.cents = 100 + (unsigned)(a & 0xffff) % 50000,
			.n = (unsigned)(b & 0xff) % 100,
			.lat = (unsigned)(b >> 8 & 0xff) % 100,
			.lon = (unsigned)(b >> 16 & 0xff) % 100,
			.ok = b >> 24 & 1,
			.time = time_text(START_MS + (int64_t)i * STEP_MS -
					  (int64_t)((b >> 32) % DISORDER_MS)),
		};

		if (csv)
			put_csv(&e);
		else
			put_json(&e);
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
