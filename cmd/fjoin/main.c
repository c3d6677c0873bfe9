/* fjoin: join two streams, or a stream with a table.  See fjoin(1). */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fio/fio.h"
#include "join/join.h"
#include "map/map.h"
#include "op/op.h"

static const char *const examples[] = {
	"fjoin <(fsource orders.ndjson --time t) <(fsource payments.ndjson --time t) --on id "
	"--within "
	"10m",
	"payments at most ten minutes before or after their orders",
	"fsource flights.csv --time at | fjoin - <(fsource weather.csv --time at) --on airport "
	"--asof "
	"1h --type left",
	"each flight with the weather that was the newest, if it is not older than an hour",
	"fsource bids.ndjson | fjoin - items.csv --left-on item --right-on id --lookup --select "
	"'l.*, "
	"name = .r.name'",
	"with a field of a table",
	"fjoin <(...) <(...) --on user --window 'tumble 10m' --type full",
	"who did both, one or the other in the same ten minutes",
	NULL,
};
static const char *const see[] = { "fkey(1)", "fsource(1)", "fwindow(1)", "fsemantics(7)", NULL };
static const struct cmd cmd = {
	.name = "fjoin",
	.summary = "join two streams, or a stream with a table",
	.usage = "LEFT RIGHT --on FIELD --within D | --window KIND | --asof D | --ttl D | --lookup "
		 "[option ...]",
	.examples = examples,
	.see = see,
};

/* Where the two sides come from. */
struct inputs {
	int fd[2];
	unsigned n;
};

/* An edge of a job's graph (manifest/job.h); in a shell LEFT and RIGHT are paths. */
static bool
is_edge(const char *word)
{
	return strcmp(word, "-") == 0 || word[0] == '<';
}

static int
open_input(struct inputs *in, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : fio_open(path, O_RDONLY, 0);

	if (fd == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	in->fd[in->n++] = fd;
	return 0;
}

/* The right side of --lookup is a table that we read ourselves if it is a file. */
static int
find_table(struct join_spec *s, const char *path, bool graph)
{
	struct stat st;

	if (s->kind != JOIN_LOOKUP || (graph ? is_edge(path) : strcmp(path, "-") == 0))
		return 0;
	if (strstr(path, "://") != NULL)
		return ferr(FERR_NOTYET,
			    "tables at %s are not yet there; read a file, or a stream "
			    "from <( ... )",
			    path);
	if (fio_stat(path, &st) != 0)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	if (S_ISREG(st.st_mode))
		s->table = path;
	return 0;
}

/* In a job the sides are edges, whose ends come from the supervisor. */
static int
check_graph(const struct join_spec *s, char *const *word)
{
	for (unsigned i = 0; i < 2; i++) {
		if (word[i] != s->table && !is_edge(word[i]))
			return ferr(
			    FERR_USAGE,
			    "%s: in a job inputs are streams: <( fsource %s ... ), @NAME, or - "
			    "for the stage before",
			    word[i], word[i]);
	}
	return 0;
}

static int
open_inputs(const struct join_spec *s, struct op_conf *conf, char *const *word, struct inputs *in)
{
	int rc = 0;

	if (strcmp(word[0], "-") == 0 && strcmp(word[1], "-") == 0)
		return ferr(FERR_USAGE, "one side at most can be stdin");
	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		if (word[i] != s->table)
			rc = open_input(in, word[i]);
	}
	return rc != 0 ? rc : op_shell_inputs(conf, in->fd, in->n);
}

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct join_spec s = { 0 };
	const struct opt_table tables[] = { { join_options, &s },
					    { op_out_options, &conf },
					    { op_options, &conf } };
	struct inputs in = { .n = 0 };
	struct join *j = NULL;
	struct op_wires w;
	struct op_main m;
	bool graph = op_describing() || fio_env("FJORD_CTL") != NULL;
	int rc;

	conf.role = OP_JOIN;
	conf.chain = &map_chain;
	if ((rc = op_main_begin(&m, &cmd, tables, 3, &conf, argc, argv)) == 0 && m.argc != 3)
		rc = ferr(FERR_USAGE,
			  "which two? fjoin LEFT RIGHT: files, FIFOs, <( ... ), or - for "
			  "stdin");
	if (rc == 0 && (rc = find_table(&s, m.argv[2], graph)) == 0 && (rc = join_new(&j, &s)) == 0)
		rc = graph ? check_graph(&s, &m.argv[1]) : open_inputs(&s, &conf, &m.argv[1], &in);
	if (rc == 0) {
		w = OP_STDIO;
		w.in = in.fd;
		w.nin = in.n;
		rc = op_main_run(&m, &join_class, j, &w);
	}
	join_free(j);
	return op_main_end(&m, rc);
}
