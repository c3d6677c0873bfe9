/* where: see where.h. */
#include "show/where.h"

#include <string.h>

#include "base/text.h"
#include "fio/fio.h"
#include "fio/proc.h"

#define NAMES_MAX 256

static int
set_state(void *conf, const char *arg)
{
	((struct where *)conf)->state = arg;
	return arg[0] == '\0' ? ferr(FERR_USAGE, "needs a directory") : 0;
}

const struct opt where_options[] = {
	{ "state", 0, "DIR", "where jobs lie (default $FSTATE, else $XDG_STATE_HOME/fjord)",
	  set_state, true },
	OPT_END,
};

/* Absolute, for it is told to processes that may run elsewhere. */
static int
put_absolute(const char *dir, struct buf *out)
{
	char cwd[4096];
	int rc = 0;

	if (dir[0] != '/') {
		if (fio_cwd(cwd, sizeof(cwd)) == -1)
			return ferr_sys(FERR_IO, "the working directory");
		rc = buf_printf(out, "%s/", cwd);
	}
	if (rc == 0)
		rc = buf_puts(out, dir);
	while (rc == 0 && out->n > 1 && out->p[out->n - 1] == '/')
		out->n--;
	return rc;
}

int
where_root(const struct where *w, struct buf *out)
{
	const char *dir = w->state, *home;
	struct buf b = BUF_INIT;
	int rc;

	out->n = 0;
	if (dir == NULL && ((dir = fio_env("FSTATE")) == NULL || dir[0] == '\0')) {
		if ((home = fio_env("XDG_STATE_HOME")) != NULL && home[0] != '\0')
			rc = buf_printf(&b, "%s/fjord", home);
		else if ((home = fio_env("HOME")) != NULL && home[0] != '\0')
			rc = buf_printf(&b, "%s/.local/state/fjord", home);
		else
			rc = ferr(FERR_USAGE,
				  "where do jobs lie?  give --state DIR, or set $FSTATE");
		if (rc == 0)
			rc = buf_cstr(&b) != NULL ? put_absolute((const char *)b.p, out)
						  : FERR_NOMEM;
		buf_fini(&b);
	} else {
		rc = put_absolute(dir, out);
	}
	return rc != 0 ? rc : buf_cstr(out) != NULL ? 0 : FERR_NOMEM;
}

int
where_job(const struct where *w, const char *name, struct buf *out)
{
	int rc;

	if (name[0] == '\0' || name[0] == '.' || strlen(name) > 100 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
		strlen(name))
		return ferr(
		    FERR_USAGE,
		    "'%s' cannot be the name of a job: up to 100 letters, digits, '_', '.', '-'",
		    name);
	if ((rc = where_root(w, out)) == 0 && (rc = buf_printf(out, "/%s", name)) == 0)
		rc = buf_cstr(out) != NULL ? 0 : FERR_NOMEM;
	return rc;
}

struct names {
	char text[NAMES_MAX][104];
	const char *v[NAMES_MAX];
	size_t n;
};

static void
collect(const char *root, struct names *to)
{
	DIR *d = fio_opendir(root);
	struct dirent *e;

	while (d != NULL && (e = fio_readdir(d)) != NULL && to->n < NAMES_MAX) {
		if (e->d_name[0] == '.' || strlen(e->d_name) > 100)
			continue;
		strcpy(to->text[to->n], e->d_name);
		to->v[to->n] = to->text[to->n];
		to->n++;
	}
	if (d != NULL)
		fio_closedir(d);
}

int
where_known(const struct where *w, const char *name, struct buf *out)
{
	struct buf root = BUF_INIT;
	struct names names = { .n = 0 };
	const char *near;
	struct stat st;
	int rc;

	if ((rc = where_job(w, name, out)) != 0)
		return rc;
	if (fio_stat((const char *)out->p, &st) == 0)
		return 0;
	if ((rc = where_root(w, &root)) == 0) {
		collect((const char *)root.p, &names);
		near = near_word(name, names.v, names.n);
		rc = ferr(FERR_USAGE, "there is no job '%s' in %s%s%s%s", name,
			  (const char *)root.p, near != NULL ? "; did you mean '" : "",
			  near != NULL ? near : "", near != NULL ? "'?" : "");
	}
	buf_fini(&root);
	return rc;
}
