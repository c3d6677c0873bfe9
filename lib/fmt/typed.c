/*
 * typed -- values as the types that --fields asks for.
 *
 * Conversions lose nothing that the type can hold: an integral f64 is an i64, a number's text is a
 * number (blanks around it, a '+' and leading zeros are fine), a time is a time's text or a number
 * by its magnitude, a bool is true, false, 1 or 0.  Null stays null.
 */
#include "base/num.h"
#include "base/text.h"
#include "fmt/fmt_internal.h"

static void
trim(const char **s, size_t *n)
{
	while (*n > 0 && (**s == ' ' || **s == '\t'))
		(*s)++, (*n)--;
	while (*n > 0 && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
		(*n)--;
}

/* The number that s[0..n) is, more kindly than JSON: "+5" and "007" are numbers here. */
static bool
number_of(const char *s, size_t n, struct num *out)
{
	bool neg;

	trim(&s, &n);
	if (n == 0)
		return false;
	if (num_parse(s, n, out) == n)
		return true;
	neg = *s == '-';
	if (*s == '-' || *s == '+')
		s++, n--;
	while (n > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9')
		s++, n--;
	if (n == 0 || *s == '-' || num_parse(s, n, out) != n)
		return false;
	if (neg && out->kind == NUM_I64)
		out->i = -out->i;
	else if (neg && out->kind == NUM_F64)
		out->f = -out->f;
	return true;
}

/* A number that neither i64 nor f64 keeps exactly, as the nearest f64 if there is one. */
static bool
big_f64(const char *s, size_t n, double *f)
{
	double v = num_decimal(s, n);

	if (!(v > -__DBL_MAX__ && v < __DBL_MAX__) || v == 0)
		return false;
	*f = v;
	return true;
}

static bool
f64_to_i64(double f, int64_t *i)
{
	if (!(f >= -0x1p63 && f < 0x1p63) || f != (double)(int64_t)f)
		return false;
	*i = (int64_t)f;
	return true;
}

static bool
is_text(const struct val *v)
{
	return v->t == VAL_STR || v->t == VAL_CELL;
}

/* ASCII case ignored; no locale. */
static bool
is_word(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && word[i] != '\0' && (s[i] == word[i] || s[i] == word[i] - 'a' + 'A'))
		i++;
	return i == n && word[i] == '\0';
}

static bool
to_bool(const struct val *v, struct val *out)
{
	static const struct {
		const char *word;
		bool is;
	} words[] = { { "true", true }, { "false", false }, { "1", true }, { "0", false } };
	const char *s = v->s;
	size_t n = v->n;

	if (v->t == VAL_I64 && (v->i == 0 || v->i == 1)) {
		*out = val_bool(v->i != 0);
		return true;
	}
	if (!is_text(v))
		return false;
	trim(&s, &n);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(s, n, words[i].word)) {
			*out = val_bool(words[i].is);
			return true;
		}
	}
	return false;
}

static bool
to_i64(const struct val *v, struct val *out)
{
	struct num num;
	int64_t i;

	if (v->t == VAL_F64) {
		num = (struct num){ .kind = NUM_F64, .f = v->f };
	} else if (!is_text(v) || !number_of(v->s, v->n, &num)) {
		return false;
	}
	if (num.kind == NUM_I64)
		i = num.i;
	else if (num.kind != NUM_F64 || !f64_to_i64(num.f, &i))
		return false;
	*out = val_i64(i);
	return true;
}

static bool
to_f64(const struct val *v, struct val *out)
{
	struct num num;
	const char *s = v->s;
	size_t n = v->n;
	double f;

	if (v->t == VAL_I64) {
		*out = val_f64((double)v->i);
		return true;
	}
	if (v->t == VAL_JSON) { /* the text of a big number, or no number at all */
		if (num_parse(s, n, &num) != n || !big_f64(s, n, &f))
			return false;
		*out = val_f64(f);
		return true;
	}
	if (!is_text(v) || !number_of(s, n, &num))
		return false;
	if (num.kind == NUM_BIG) {
		trim(&s, &n);
		if (num_parse(s, n, &num) != n || !big_f64(s, n, &f))
			return false;
		*out = val_f64(f);
	} else {
		*out = val_f64(num.kind == NUM_I64 ? (double)num.i : num.f);
	}
	return true;
}

static bool
to_time(struct typed *t, const struct val *v, struct val *out)
{
	struct num num;
	const char *s = v->s;
	size_t n = v->n;
	int64_t ms;
	bool ok;

	if (v->t == VAL_I64) {
		ok = time_of_i64(v->i, &ms);
	} else if (v->t == VAL_F64) {
		ok = time_of_f64(v->f, &ms);
	} else if (!is_text(v)) {
		return false;
	} else {
		trim(&s, &n);
		if (time_parse(s, n, t->tz, &t->cache, &ms))
			ok = true;
		else if (number_of(s, n, &num) && num.kind != NUM_BIG)
			ok =
			    num.kind == NUM_I64 ? time_of_i64(num.i, &ms) : time_of_f64(num.f, &ms);
		else
			ok = false;
	}
	if (ok)
		*out = val_time(ms);
	return ok;
}

static int
to_str(struct typed *t, const struct val *v, struct val *out)
{
	int rc;

	if (is_text(v) || v->t == VAL_JSON) {
		*out = val_text(VAL_STR, v->s, v->n);
		return 1;
	}
	if (v->t == VAL_BYTES) {
		*out = val_text(VAL_STR, v->s, v->n);
		return utf8_ok((const uint8_t *)v->s, v->n);
	}
	t->arena.n = 0;
	if ((rc = val_plain(v, &t->arena)) != 0)
		return rc;
	*out = val_text(VAL_STR, (const char *)t->arena.p, t->arena.n);
	return 1;
}

/* A cell's text is parsed; what came out of JSON is what it is. */
static int
to_json(struct typed *t, const struct val *v, struct val *out)
{
	struct json_bad why;
	int rc;

	*out = *v;
	if (v->t != VAL_CELL)
		return 1;
	t->arena.n = 0;
	rc = json_value((const uint8_t *)v->s, v->n, &t->arena, out, &why);
	return rc == 0 ? 1 : rc == FERR_NOMEM ? rc : 0;
}

int
typed_value(struct typed *t, enum val_type want, const struct val *v, struct val *out)
{
	if (want == VAL_ABSENT || v->t <= VAL_NULL || v->t == want) {
		*out = *v;
		return 1;
	}
	switch (want) {
	case VAL_BOOL: return to_bool(v, out);
	case VAL_I64: return to_i64(v, out);
	case VAL_F64: return to_f64(v, out);
	case VAL_TIME: return to_time(t, v, out);
	case VAL_STR: return to_str(t, v, out);
	case VAL_JSON: return to_json(t, v, out);
	default: return 0;
	}
}

int
typed_bad(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n, size_t at,
	  const char *column, enum val_type want, const struct val *v)
{
	char value[80], name[80];
	struct buf plain = BUF_INIT;
	bool have = val_plain(v, &plain) == 0;

	fmt_show_text(have ? (const char *)plain.p : "?", have ? plain.n : 1, value, sizeof(value));
	fmt_show_text(column, strlen(column), name, sizeof(name));
	buf_fini(&plain);
	return fmt_bad(r, bad, text, n, at, "column '%s': '%s' is not a %s", name, value,
		       val_type_name(want));
}

/* The type that --fields gives to field `to`. */
static enum val_type
wanted(const struct fmt_conf *conf, unsigned to)
{
	for (unsigned k = 0; k < conf->nfields; k++) {
		if (conf->fields[k].to == to)
			return conf->fields[k].type;
	}
	return VAL_ABSENT;
}

int
fmt_typed_row(const struct fmt_conf *conf, const uint8_t *row, const int *map, struct buf *out)
{
	struct typed t = { .tz = conf->tz };
	struct val old, v;
	struct rowb w;
	int rc = rowb_begin(&w, out, conf->schema->n, row_kind(row), row_time(row));

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < row_n(row) && rc == 0; i++) {
		old = row_get(row, i);
		if (map[i] < 0 || old.t == VAL_ABSENT)
			continue;
		if ((rc = typed_value(&t, wanted(conf, (unsigned)map[i]), &old, &v)) == 1)
			rc = rowb_set(&w, (unsigned)map[i], &v);
		else if (rc == 0)
			rc = ferr(FERR_DATA, "column '%s': a %s is not a %s",
				  conf->schema->f[map[i]].name, val_type_name((enum val_type)old.t),
				  val_type_name(wanted(conf, (unsigned)map[i])));
	}
	buf_fini(&t.arena);
	if (rc != 0) {
		rowb_drop(&w);
		return rc;
	}
	return rowb_end(&w);
}
