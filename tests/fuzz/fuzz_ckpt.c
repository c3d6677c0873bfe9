/*
 * fuzz_ckpt -- manifests of checkpoints: no over-read, no leak; what is accepted is printed and
 * read to the same bytes.
 *
 * The checksum is put right before parsing (a fuzzer cannot guess it): the input is what stands
 * before it.  Build with clang -fsanitize=fuzzer,address,undefined and lib/{manifest,base}/,
 * lib/coord/snap.c, -ljansson -lm.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "manifest/ckpt_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static int
no_name(void *cookie, const char *name)
{
	(void)cookie;
	return name == NULL;
}

/* Parse a block of exactly this size, and print what was read. */
static int
read_and_print(const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t *copy = malloc(n + (n == 0));
	struct ckpt_file f;
	int rc;

	must(copy != NULL);
	if (n != 0)
		memcpy(copy, p, n);
	ckpt_file_init(&f);
	if ((rc = ckpt_file_parse(&f, copy, n)) == 0) {
		must(ckpt_file_print(&f, out) == 0);
		must(ckpt_file_each(&f, no_name, NULL) == 0);
	}
	ckpt_file_fini(&f);
	free(copy);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf in = BUF_INIT, first = BUF_INIT, second = BUF_INIT;

	read_and_print(data, n, &first);
	first.n = 0;
	must(buf_put(&in, data, n) == 0);
	must(buf_printf(&in, ",\"crc32c\":\"%08x\"}\n", crc32c(0, in.p, in.n)) == 0);
	if (read_and_print(in.p, in.n, &first) == 0) {
		must(read_and_print(first.p, first.n, &second) == 0);
		must(first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
	}
	buf_fini(&in);
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
