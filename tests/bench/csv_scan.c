/*
 * csv_scan -- how fast CSV becomes rows: one core, in memory, rows of 125 bytes and 12 fields,
 * output taken away every 32 KiB.  Prints ns a row and GB/s of text for several choices of columns.
 *
 *	csv_scan [MiB of text, default 16]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fmt/fmt.h"

static const char head[] = "id,user,amount,time,lat,lon,city,country,device,note,kind,flag\n";

static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Rows of 125 bytes with their line feed; quoted: the city and the note are in quotes. */
static void
make(struct buf *b, size_t want, bool quoted)
{
	static const char *const cities[] = { "Berlin", "Amsterdam", "Rome", "San Francisco" };
	static const char fill[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
	const char *q = quoted ? "\"" : "";
	uint64_t s = 88172645463325252u;

	b->n = 0;
	buf_puts(b, head);
	while (b->n < want) {
		size_t at = b->n, pad;

		buf_printf(
		    b,
		    "%llu,user%llu,%llu.%02llu,2024-01-05T10:%02llu:%02llu.%03lluZ,52.%04llu,13.%"
		    "03llu,",
		    (unsigned long long)(rnd(&s) % 10000000),
		    (unsigned long long)(rnd(&s) % 100000), (unsigned long long)(rnd(&s) % 1000),
		    (unsigned long long)(rnd(&s) % 100), (unsigned long long)(rnd(&s) % 60),
		    (unsigned long long)(rnd(&s) % 60), (unsigned long long)(rnd(&s) % 1000),
		    (unsigned long long)(rnd(&s) % 10000), (unsigned long long)(rnd(&s) % 1000));
		buf_printf(b, "%s%s%s,DE,d%llu,%s", q, cities[rnd(&s) % 4], q,
			   (unsigned long long)(rnd(&s) % 1000), q);
		pad = 125 - (b->n - at) - (quoted ? 13 : 12);
		buf_printf(b, "%.*s%s,click,true\n", (int)pad, fill, q);
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
pass(const struct buf *in, const struct fmt_field *f, unsigned nf, const char *what,
     const char *const *names)
{
	double best = 1e9;
	uint64_t rows = 0;

	for (int run = 0; run < 15; run++) {
		struct schema s;
		struct fmt_conf conf = { .kind = FMT_CSV, .schema = &s };
		struct fmt_field fields[12];
		struct fmt_reader *r;
		struct buf out = BUF_INIT;
		struct fmt_bad bad;
		size_t at = 0, used;
		double t0;
		int rc;

		schema_init(&s);
		for (unsigned i = 0; i < nf; i++) {
			fields[i] = f[i];
			fields[i].to = (unsigned)schema_add(&s, names[i], strlen(names[i]));
			fields[i].name = (char *)(uintptr_t)names[i];
		}
		conf.fields = nf != 0 ? fields : NULL;
		conf.nfields = nf;
		if (fmt_reader_new(&r, &conf) != 0)
			return 1;
		rows = 0;
		t0 = now();
		while ((rc = fmt_read(r, in->p + at, in->n - at, true, &used, &out, &bad)) >= 0 &&
		       used != 0) {
			at += used;
			rows += (uint64_t)rc;
			if (out.n >= 32u << 10)
				out.n = 0;
		}
		t0 = now() - t0;
		best = t0 < best ? t0 : best;
		fmt_reader_free(r);
		schema_fini(&s);
		buf_fini(&out);
		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", what, bad.reason);
			return 1;
		}
	}
	printf("%-32s %6.1f ns/row  %5.2f GB/s\n", what, best * 1e9 / (double)rows,
	       (double)in->n / best * 1e-9);
	return 0;
}

int
main(int argc, char *argv[])
{
	static const char *const three[] = { "user", "amount", "time" };
	static const struct fmt_field plain[3] = { 0 };
	static const struct fmt_field typed[3] = { { .type = VAL_STR },
						   { .type = VAL_F64 },
						   { .type = VAL_TIME } };
	size_t want = (size_t)(argc > 1 ? atoi(argv[1]) : 16) << 20;
	struct buf in = BUF_INIT;
	int bad;

	make(&in, want, false);
	bad = pass(&in, NULL, 0, "all 12 columns", NULL);
	bad |= pass(&in, plain, 3, "3 of 12", three);
	bad |= pass(&in, typed, 3, "3 of 12, str f64 time", three);
	make(&in, want, true);
	bad |= pass(&in, NULL, 0, "all 12, two of them quoted", NULL);
	buf_fini(&in);
	return bad;
}
