/*
 * t_dir -- a temporary directory to work in, for tests that read files.
 */
#ifndef T_DIR_H
#define T_DIR_H

#include <stdarg.h>
#include <unistd.h>

#include "t.h"

static char t_dir[] = "/tmp/fjord-test-XXXXXX";

static void
t_shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		T_FAIL("%s", command);
}

/* Make t_dir and go there. */
static void
t_dir_begin(void)
{
	if (mkdtemp(t_dir) == NULL || chdir(t_dir) != 0) {
		printf("# no temporary directory\n");
		exit(1);
	}
}

static void
t_dir_end(void)
{
	t_shell("rm -r %s", t_dir);
	memcpy(t_dir + strlen(t_dir) - 6, "XXXXXX", 6);
}

#endif
