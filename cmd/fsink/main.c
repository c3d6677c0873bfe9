/* fsink: write records to a directory, a file, or stdout.  See fsink(1). */
#include <fcntl.h>
#include <stdlib.h>

#include "base/unit.h"
#include "conn/kafka_sink.h"
#include "conn/lane_file.h"
#include "conn/parts.h"
#include "conn/upsert.h"
#include "fio/fio.h"
#include "host.h"

#define ROLL_LONGEST (100 * 365 * 86400000LL) /* ms; what nanoseconds can still count */

struct sink_spec {
	const char *uri;
	enum fmt_kind format;
	bool supervised;       /* by fcoord, or asked by its planner */
	bool exactly, atleast; /* what --guarantee asks for, if it is given */
	bool rolled, roll_epoch, visible_roll;
	int64_t roll_ms, roll_bytes;
	const char *partition_by, *key;
	bool changes_upsert;
	struct upsert *upsert; /* made of these */
	/* kafka:// */
	const char *partition, *header;
	int64_t reuse; /* 0: not given */
	enum kafka_lost lost;
	struct kafka_props props;
	struct host_conf host;
};

static int
set_format(void *c, const char *a)
{
	((struct sink_spec *)c)->format = (enum fmt_kind)fmt_by_name(a);
	return 0;
}

static int
set_guarantee(void *c, const char *a)
{
	struct sink_spec *s = c;

	s->exactly = strcmp(a, "exactly") == 0;
	s->atleast = !s->exactly;
	return 0;
}

static int
set_every(void *c, const char *a)
{
	struct sink_spec *s = c;
	int rc = unit_duration(a, strlen(a), &s->host.every);

	if (rc == 0 && s->host.every < 5)
		return ferr(FERR_USAGE, "%s is too short; 5ms is the least", a);
	return rc;
}

/* 1m,128MiB in any order, one of them is enough. */
static int
set_roll(void *c, const char *a)
{
	struct sink_spec *s = c;
	char part[32];
	uint64_t bytes;
	int rc = 0;

	s->rolled = true;
	s->roll_ms = ROLL_LONGEST;
	s->roll_bytes = INT64_MAX;
	if ((s->roll_epoch = strcmp(a, "epoch") == 0))
		return 0;
	for (; rc == 0; a++) {
		size_t n = strcspn(a, ",");

		if (n == 0 || n >= sizeof(part))
			return ferr(FERR_USAGE,
				    "needs a duration, a size, or both, as in 1m,128MiB");
		memcpy(part, a, n);
		part[n] = '\0';
		if (part[n - 1] == 'B') {
			rc = unit_size(part, &bytes);
			s->roll_bytes = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
		} else {
			rc = unit_duration(part, n, &s->roll_ms);
		}
		if (s->roll_ms > ROLL_LONGEST)
			s->roll_ms = ROLL_LONGEST;
		if (rc == 0 && (s->roll_ms < 1 || s->roll_bytes < 1))
			return ferr(FERR_USAGE, "%s is too small", part);
		a += n;
		if (*a == '\0')
			break;
	}
	return rc;
}

static int
set_visible(void *c, const char *a)
{
	((struct sink_spec *)c)->visible_roll = strcmp(a, "roll") == 0;
	return 0;
}

static int
set_changes(void *c, const char *a)
{
	((struct sink_spec *)c)->changes_upsert = strcmp(a, "upsert") == 0;
	return 0;
}

static int
set_key(void *c, const char *a)
{
	((struct sink_spec *)c)->key = a;
	return 0;
}

static int
set_partition_by(void *c, const char *a)
{
	((struct sink_spec *)c)->partition_by = a;
	return 0;
}

static int
set_partition(void *c, const char *a)
{
	((struct sink_spec *)c)->partition = a;
	return 0;
}

static int
set_header(void *c, const char *a)
{
	((struct sink_spec *)c)->header = a;
	return 0;
}

static int
set_reuse(void *c, const char *a)
{
	return unit_int(a, "the number of epochs", 1, INT32_MAX, &((struct sink_spec *)c)->reuse);
}

static int
set_lost(void *c, const char *a)
{
	((struct sink_spec *)c)->lost =
	    strcmp(a, "published") == 0 ? KAFKA_LOST_PUBLISHED : KAFKA_LOST_UNPUBLISHED;
	return 0;
}

static int
set_property(void *c, const char *a)
{
	return kafka_props_add(&((struct sink_spec *)c)->props, a);
}

static const struct opt options[] = {
	{ "format", 0, "json|csv|tsv|raw|frames", "format of the output (default json)", set_format,
	  false },
	{ "roll", 0, "DUR,SIZE|epoch", "DIR/: begin a new part after that (default 1m,128MiB)",
	  set_roll, false },
	{ "partition-by", 0, "EXPR", "DIR/: one directory per value, name=value/", set_partition_by,
	  false },
	{ "visible", 0, "commit|roll", "DIR/ with epochs: when a part is seen", set_visible,
	  false },
	{ "guarantee", 0, "exactly|at-least-once", "what a crash may do to the output",
	  set_guarantee, false },
	{ "every", 0, "DUR", "length of an epoch in a plain shell with FSTATE", set_every, false },
	{ "changes", 0, "op|upsert",
	  "changing streams: every change with its `op`, or the last value per key and epoch",
	  set_changes, false },
	{ "key", 0, "EXPR,...",
	  "kafka: key of a record; upsert: what the last value is kept of (default the stream's "
	  "key)",
	  set_key, false },
	{ "partition", 0, "EXPR", "kafka: number of a record's partition (default by its key)",
	  set_partition, false },
	{ "header", 0, "NAME=EXPR;...", "kafka: headers of a record", set_header, false },
	{ "txn-reuse", 0, "N", "kafka: epochs per producer handle (default 1), for short epochs",
	  set_reuse, false },
	{ "marker-lost", 0, "published|unpublished",
	  "kafka: what to think when the marker of what is published is gone", set_lost, false },
	{ "option", 'X', "PROPERTY=VALUE", "kafka: pass a property to librdkafka", set_property,
	  false },
	OPT_END,
};

static const char *const examples[] = {
	"fsource clicks.ndjson | fkey user | fwindow running | fsink -",
	"NDJSON on stdout",
	"... | fsink out/ --format csv --partition-by .country",
	"part files, a directory per country",
	"... | fsink all.ndjson",
	"one file, appended to",
	"... | fkey user | fsink kafka://localhost:9092/alerts",
	"records of a topic, exactly once under fcoord",
	"... | fsink null:",
	"nothing, for measuring",
	NULL,
};
static const char *const see[] = { "fsource(1)", "fwindow(1)", "fcat(1)", "fjord(7)", NULL };
static const struct cmd cmd = {
	.name = "fsink",
	.summary = "write records to a directory, a file, Kafka, or stdout",
	.usage = "- | FILE | DIR/ | kafka://HOST:PORT/TOPIC | null: [option ...]",
	.examples = examples,
	.see = see,
};

/* `-` and FILE: rows pass through; the output prints them. */
static int
print_schema(void *self, struct op *op)
{
	int rc = fmt_check_changing(op_conf(op)->out, op_schema(op));

	(void)self;
	return rc != 0 ? rc : op_set_schema(op, op_schema(op));
}

static int
print_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	int rc = op_forward(op, *p, end);

	(void)self;
	*p = end;
	return rc;
}

static int
drop_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	(void)self;
	(void)op;
	*p = end;
	return 0;
}

static const struct op_class print_class = { .name = "fsink",
					     .on_schema = print_schema,
					     .on_rows = print_rows };
static const struct op_class null_class = { .name = "fsink", .on_rows = drop_rows };

static int
check(const struct sink_spec *s)
{
	static const char *const later[] = { "http://", "https://", "postgres://", "exec:",
					     "s3://",	"tcp://",   "unix:" };
	size_t n = strlen(s->uri);
	const char *colon = strstr(s->uri, "://");
	bool dir = n > 0 && s->uri[n - 1] == '/';

	if (n == 0)
		return ferr(FERR_USAGE, "the name of the output is empty");
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (strncmp(s->uri, later[i], strlen(later[i])) == 0)
			return ferr(FERR_NOTYET, "%s sinks are not yet there", later[i]);
	}
	if (!kafka_is_uri(s->uri) && (s->partition != NULL || s->header != NULL || s->reuse != 0 ||
				      s->lost != KAFKA_LOST_STOP || s->props.n > 0))
		return ferr(FERR_USAGE,
			    "--partition, --header, --txn-reuse, --marker-lost and -X go "
			    "with kafka:// sinks");
	if (colon != NULL && !kafka_is_uri(s->uri))
		return ferr(FERR_USAGE, "'%.*s://' is not a kind of sink", (int)(colon - s->uri),
			    s->uri);
	if (s->key != NULL && !s->changes_upsert && !kafka_is_uri(s->uri))
		return ferr(FERR_USAGE, "--key goes with --changes upsert, or with kafka:// sinks");
	if (s->exactly && !s->supervised)
		return ferr(FERR_USAGE, "--guarantee exactly needs state: set FSTATE=DIR, or use "
					"fcoord run");
	if (s->roll_epoch && !s->supervised)
		return ferr(FERR_USAGE, "--roll epoch needs epochs: set FSTATE=DIR, or use fcoord "
					"run");
	if (!dir && (s->rolled || s->partition_by != NULL))
		return ferr(FERR_USAGE,
			    "--roll and --partition-by go with a directory; write it as %s/",
			    s->uri);
	return 0;
}

/* A file that is appended to may have a header, which is kept in *b to be compared with ours. */
static int
look_before(const char *path, const struct stat *st, struct op_conf *conf, struct buf *b)
{
	int fd = fio_open(path, O_RDONLY, 0), rc;

	if (fd == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	rc = lane_file_look(fd, path, st, conf->out, b);
	fio_close(fd);
	if (rc == 0 && b->n > 0 && (conf->has_header = buf_cstr(b)) == NULL)
		rc = FERR_NOMEM;
	return rc;
}

/* `-` and FILE without epochs. */
static int
run_print(struct op_main *m, const struct sink_spec *s, const struct op_wires *w)
{
	return op_main_run(m, s->upsert != NULL ? &upsert_class : &print_class, s->upsert, w);
}

static int
sink_file(struct op_main *m, struct op_conf *conf, const struct sink_spec *s)
{
	const char *path = s->uri;
	struct op_wires w = OP_STDIO;
	struct buf header = BUF_INIT;
	struct stat st;
	int fd, rc = 0;

	if (fio_stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return ferr(FERR_USAGE, "%s is a directory; to write parts into it, %s/", path,
			    path);
	if ((fd = fio_open(path, O_WRONLY | O_CREAT | O_APPEND, 0666)) == -1 ||
	    fio_fstat(fd, &st) == -1)
		return ferr_sys(FERR_USAGE, "cannot write %s", path);
	if (S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (rc = look_before(path, &st, conf, &header)) != 0)
		fio_close(fd);
	w.out = &fd;
	if (rc == 0)
		rc = run_print(m, s, &w);
	buf_fini(&header);
	return rc;
}

/* Under fcoord: FILE, or stdout (path NULL). */
static int
sink_lane(struct op_main *m, const struct sink_spec *s, const char *path)
{
	struct lane_file_conf conf = { .path = path,
				       .format = s->format,
				       .atleast = s->atleast,
				       .exactly = s->exactly,
				       .upsert = s->upsert };
	struct lane_file *f;
	int rc;

	if ((rc = lane_file_new(&f, &conf)) != 0)
		return rc;
	rc = op_main_run(m, &lane_file_class, f, &OP_STDIN);
	lane_file_free(f);
	return rc;
}

static int
sink_dir(struct op_main *m, const struct sink_spec *s)
{
	struct parts_conf conf = { .dir = s->uri,
				   .format = s->format,
				   .roll_ms = s->roll_ms,
				   .roll_bytes = s->roll_bytes,
				   .roll_epoch = s->roll_epoch,
				   .visible_roll = s->visible_roll,
				   .atleast = s->atleast,
				   .partition_by = s->partition_by,
				   .upsert = s->upsert };
	struct parts *p;
	int rc;

	if ((rc = parts_new(&p, &conf)) != 0)
		return rc;
	rc = op_main_run(m, &parts_class, p, &OP_STDIN);
	parts_free(p);
	return rc;
}

static int
sink_kafka(struct op_main *m, const struct sink_spec *s)
{
	struct kafka_sink_conf conf = { .uri = s->uri,
					.props = &s->props,
					.row = { .format = s->format,
						 .key = s->key,
						 .partition = s->partition,
						 .header = s->header,
						 .upsert = s->changes_upsert },
					.atleast = s->atleast || !s->supervised,
					.asked = s->atleast,
					.upsert = s->upsert,
					.lost = s->lost,
					.reuse = s->reuse != 0 ? s->reuse : 1 };
	struct kafka_sink *k;
	int rc;

	if (s->format == FMT_FRAMES)
		return ferr(FERR_USAGE,
			    "a record of Kafka is one row: --format json, csv, tsv or raw");
	if ((rc = kafka_sink_new(&k, &conf)) != 0)
		return rc;
	rc = op_main_run(m, &kafka_sink_class, k, &OP_STDIN);
	kafka_sink_free(k);
	return rc;
}

static int
sink(struct op_main *m, struct op_conf *conf, const struct sink_spec *s)
{
	bool out = strcmp(s->uri, "-") == 0;

	conf->out = s->format;
	if (conf->verbose && !s->supervised)
		fprintf(stderr, "fsink: guarantee: at-least-once (no state)\n");
	if (strcmp(s->uri, "null:") == 0)
		return op_main_run(m, &null_class, NULL, s->supervised ? &OP_STDIN : &OP_STDIO);
	if (kafka_is_uri(s->uri))
		return sink_kafka(m, s);
	if (s->uri[strlen(s->uri) - 1] == '/')
		return sink_dir(m, s);
	if (s->supervised)
		return sink_lane(m, s, out ? NULL : s->uri);
	return out ? run_print(m, s, &OP_STDIO) : sink_file(m, conf, s);
}

static int
make_upsert(struct sink_spec *s, const struct op_conf *conf)
{
	/* Kafka says that a row is gone in its own way. */
	const struct upsert_conf u = { .key = s->key,
				       .format = kafka_is_uri(s->uri) ? FMT_FRAMES : s->format,
				       .mem = conf->mem };

	return s->changes_upsert ? upsert_new(&s->upsert, &u) : 0;
}

int
main(int argc, char **argv)
{
	struct op_conf conf = OP_CONF_INIT;
	struct sink_spec s = { .format = FMT_JSON, .roll_ms = 60000, .roll_bytes = 128 << 20 };
	const struct opt_table tables[] = { { options, &s }, { op_options, &conf } };
	struct op_main m;
	int rc;

	conf.host = host_pipeline;
	conf.cookie = &s.host;
	rc = op_main_begin(&m, &cmd, tables, 2, &conf, argc, argv);
	s.supervised = op_describing() || fio_env("FJORD_CTL") != NULL || conf.state != NULL;
	if (rc == 0 && m.argc != 2)
		rc = ferr(
		    FERR_USAGE,
		    m.argc < 2
			? "where to? - for stdout, FILE, DIR/, kafka://HOST:PORT/TOPIC, or null:"
			: "one output at a time; tee or >( ... ) makes two");
	if (rc == 0) {
		s.uri = m.argv[1];
		rc = check(&s);
	}
	if (rc == 0)
		rc = make_upsert(&s, &conf);
	if (rc == 0)
		rc = sink(&m, &conf, &s);
	upsert_free(s.upsert);
	kafka_props_fini(&s.props);
	return op_main_end(&m, rc);
}
