/*
 * fuzz_job -- pipeline texts and manifests: no over-read, no leak; what is accepted and can be
 * planned prints as a manifest that is read and planned to the same manifest.
 *
 * Build with clang -fsanitize=fuzzer,address,undefined and lib/{manifest,base}/, lib/coord/snap.c,
 * -ljansson -lm.
 */
#include "../unit/t_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* What stands in this text can be planned, whoever wrote it. */
static void
check_again(const struct buf *manifest)
{
	struct buf again = BUF_INIT;
	struct job *j = NULL;

	must(job_parse_json(&j, "again", (const char *)manifest->p, manifest->n, NULL, 0) == 0);
	must(t_describe(j) == 0);
	must(job_plan(j, 3, true) == 0);
	must(job_print_json(j, &again) == 0);
	must(again.n == manifest->n && memcmp(again.p, manifest->p, again.n) == 0);
	buf_fini(&again);
	job_free(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct job_param param = { "p", "a 'b' ${c}" };
	struct buf b = BUF_INIT;
	struct job *j = NULL;
	char *text = malloc(n + (n == 0)); /* exactly its size: ASan sees one byte too far */

	must(text != NULL);
	if (n != 0)
		memcpy(text, data, n);
	if (job_parse(&j, "fuzz", text, n, &param, memmem(text, n, "${p}", 4) != NULL) == 0) {
		must(job_print_json(j, &b) == 0);
		b.n = 0;
		if (t_describe(j) == 0 && job_plan(j, 2, true) == 0) {
			must(job_print_json(j, &b) == 0);
			check_again(&b);
			must(job_print_text(j, &b) == 0 && job_print_dot(j, &b) == 0);
		}
	}
	job_free(j);
	buf_fini(&b);
	free(text);
	return 0;
}
