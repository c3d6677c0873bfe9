#!/usr/bin/env python3
"""oracle -- what `fsource | fkey | fwindow | fsink -` must print, worked out by brute force.

Shares no line and no idea with lib/win: every window keeps the list of its records and is computed anew
from that list at each firing.  Rule numbers (C1 ...) are those of the semantics tests in tests/bats.

    oracle.py --time at --out-of-order 2s --key user --agg 'n=count(),s=sum(.v)' tumble 5m FILE

prints the results as sorted NDJSON; --late PATH gets the late records; a last line on stderr counts them.
"""
import argparse
import csv
import datetime
import decimal
import gzip
import heapq
import json
import math
import operator
import re
import sys
import zoneinfo

MIN, MAX = -(1 << 63), (1 << 63) - 1
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


# ---- durations and times -------------------------------------------------------------------------------------

def duration(text):
    """'1h30m' -> ms; '0' needs no unit, a leading '-' negates."""
    if text == "0":
        return 0
    m = re.fullmatch(r"(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)", text)
    if m is None:
        raise ValueError(f"not a duration: {text!r}")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", m.group(2))
    ms = sum(float(n) * UNITS[u] if "." in n else int(n) * UNITS[u] for n, u in parts)
    return -int(ms) if m.group(1) else int(ms)


def time_ms(value, tz=None):
    """A field's value as event time: numbers by magnitude, texts as RFC 3339 or wall time (of tz, else UTC)."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        size = abs(value)
        for bound, num, den in ((1e11, 1000, 1), (1e14, 1, 1), (1e17, 1, 1000)):
            if size < bound:
                return math.floor(value * num / den) if isinstance(value, float) else value * num // den
        return int(value) // 1_000_000
    t = datetime.datetime.fromisoformat(value)
    if t.tzinfo is None:
        t = t.replace(tzinfo=zoneinfo.ZoneInfo(tz) if tz else UTC)
    return (t - EPOCH) // datetime.timedelta(milliseconds=1)


def time_text(ms):
    t = EPOCH + datetime.timedelta(milliseconds=ms)
    text = t.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return text + (f".{ms % 1000:03d}Z" if ms % 1000 else "Z")


class Zone:
    """Wall time of a zone as ms 'as if UTC', and back; a time that is there twice is the first one."""

    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name) if name else None

    def local(self, ms):
        if self.zone is None:
            return ms
        t = (EPOCH + datetime.timedelta(milliseconds=ms)).astimezone(self.zone)
        return ms + t.utcoffset() // datetime.timedelta(milliseconds=1)

    def utc(self, local):
        if self.zone is None:
            return local
        naive = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=local)
        return local - naive.replace(tzinfo=self.zone).utcoffset() // datetime.timedelta(milliseconds=1)


# ---- reading -------------------------------------------------------------------------------------------------

def f64_text(v):
    """Shortest text of an f64 as it is printed: as JavaScript does, but 5.0 keeps its point, and -0 its sign."""
    if v == 0 and math.copysign(1, v) < 0:
        return "-0"
    if v == int(v) and abs(v) < 1e21:
        return f"{int(v)}.0"
    sign, digits, exp = decimal.Decimal(repr(v)).normalize().as_tuple()
    digits, sign = "".join(map(str, digits)), "-" if sign else ""
    point = len(digits) + exp
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"


def cell(text):
    """A CSV cell: a number only if its shortest print is the same text, empty is null."""
    if text == "":
        return None
    if re.fullmatch(r"-?(0|[1-9]\d*)", text) and text != "-0" and MIN <= int(text) <= MAX:
        return int(text)
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", text):
        v = float(text)
        if math.isfinite(v) and f64_text(v) == text:
            return v
    return text


def read_records(path):
    """All records of a CSV file (by its name, .gz or not) or of NDJSON."""
    opener = gzip.open if path.endswith(".gz") else open
    f = sys.stdin if path == "-" else opener(path, "rt", encoding="utf-8-sig", newline="")
    with f:
        if path.removesuffix(".gz").endswith(".csv"):
            rows = csv.reader(f)
            names = next(rows)
            return [dict(zip(names, map(cell, row))) for row in rows if row]
        return [json.loads(line) for line in f if line.strip()]


# ---- watermarks (C1, C20) ------------------------------------------------------------------------------------

def events(records, conf):
    """Yield ('record', seq, ts, record) and ('mark', wm) in the order in which fwindow sees them."""
    top, last = None, MIN
    every = {"each": 1, "auto": 1000, "none": 0}[conf.watermark]
    for seq, record in enumerate(records):
        ts = time_ms(record.get(conf.time), conf.source_tz)
        yield "record", seq, ts, record
        if ts is not None and (top is None or ts > top):
            top = ts
        if every and (seq + 1) % every == 0 and top is not None:
            wm = top - conf.out_of_order - 1        # C1
            if wm > last:
                last = wm
                yield "mark", wm
    yield "mark", MAX                               # C20


# ---- keys and aggregates -------------------------------------------------------------------------------------

def canonical(v):
    """Equal keys become equal: 1.0 is 1, -0.0 is 0, "1" and true are neither."""
    if isinstance(v, float) and v == int(v):
        v = int(v)
    if isinstance(v, (dict, list)):
        v = json.dumps(v, separators=(",", ":"))
    rank = 0 if v is None else 1 if isinstance(v, bool) else 2 if isinstance(v, (int, float)) else 3
    return rank, 0 if v is None else v


def field(record, path):
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


AGG = re.compile(r"\s*(?:(\w+)\s*=\s*)?(\w+)\s*(?:\(\s*(?:\.?([\w.]+))?\s*(?:,\s*([\d.]+))?\s*\))?\s*(?:,|$)")


def parse_aggs(text):
    """'n=count(), sum(.v)' -> [(name, function, path, argument)]"""
    out, at = [], 0
    while at < len(text):
        m = AGG.match(text, at)
        if m is None:
            raise ValueError(f"cannot read aggregate at {text[at:]!r}")
        name, fn, path, arg = m.groups()
        default = fn + "_" + path.replace(".", "_") if path else fn
        out.append((name or default, fn, path, float(arg) if arg else None))
        at = m.end()
    return out


def quantile(values, q):
    values = sorted(values)
    at = (len(values) - 1) * q
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (values[high] - values[low]) * (at - low))


def total(values):
    return math.fsum(values) if any(isinstance(v, float) for v in values) else sum(values)


FUNCTIONS = {
    "sum": lambda vs, _: total(vs) if vs else None,
    "min": lambda vs, _: min(vs, default=None),
    "max": lambda vs, _: max(vs, default=None),
    "avg": lambda vs, _: math.fsum(vs) / len(vs) if vs else None,
    "first": lambda vs, _: vs[0] if vs else None,
    "last": lambda vs, _: vs[-1] if vs else None,
    "distinct": lambda vs, _: len({canonical(v) for v in vs}),
    "collect": lambda vs, _: vs,
    "quantile": lambda vs, q: quantile(vs, q) if vs else None,
}


def aggregate(records, aggs):
    out = {}
    for name, fn, path, arg in aggs:
        if fn == "count":
            out[name] = len(records)
        else:
            values = [v for v in (field(r, path) for r in records) if v is not None]
            out[name] = FUNCTIONS[fn](values, arg)
    return out


COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


def predicate(text):
    """--having: `.name OP number`, joined by `and`; a comparison with null is false."""
    tests = []
    for part in re.split(r"\s+(?:and|&&)\s+", text):
        name, op, number = re.fullmatch(r"\s*\.?(\w+)\s*(<=|>=|==|<|>)\s*(-?[\d.]+)\s*", part).groups()
        tests.append((name, COMPARE[op], float(number)))
    return lambda row: all(row.get(n) is not None and op(row[n], x) for n, op, x in tests)


# ---- windows -------------------------------------------------------------------------------------------------

def window_start(ts, offset, size):
    """C7: the remainder of Python is never negative, so there is one case where C has two."""
    return ts - (ts - offset) % size


def assigner(conf):
    """ts -> its windows [(start, end)] in UTC: tumble, slide (C8) and cumulate, in local wall time (C9)."""
    zone = Zone(conf.tz)
    size, _, step = conf.arg.partition("/")
    size = duration(size)
    step = duration(step) if step else size

    def assign(ts):
        wall = zone.local(ts)
        if conf.kind == "cumulate":
            start = window_start(wall, conf.offset, size)
            spans = [(start, end) for end in range(start + step, start + size + 1, step) if end > wall]
        else:
            start = window_start(wall, conf.offset, step)
            spans = []
            while start > wall - size:
                spans.append((start, start + size))
                start -= step
        return [(zone.utc(a), zone.utc(b)) for a, b in spans]
    return assign


class Window:
    def __init__(self, key, start, end):
        self.key, self.start, self.end = key, start, end
        self.rows = []                              # (seq, record) in order of arrival
        self.fired = False

    def order(self):
        return self.end, self.start, self.key


class Oracle:
    """run() fills results (in firing order, ties by key), late, dropped and contents."""

    def __init__(self, conf):
        self.conf = conf
        self.keys = [k for k in (conf.key or "").split(",") if k]
        self.aggs = parse_aggs(conf.agg)
        self.having = predicate(conf.having) if conf.having else lambda row: True
        self.results, self.late, self.dropped = [], [], 0
        self.contents = {}                          # (key, start, end) -> records, for checks of --early
        self.wm = MIN

    def run(self, records):
        kind = self.conf.kind
        on_record, on_mark = {
            "tumble": (self.aligned, self.fire_due), "slide": (self.aligned, self.fire_due),
            "cumulate": (self.aligned, self.fire_due), "session": (self.session, self.fire_due),
            "count": (self.count, None), "running": (self.running, None), "global": (self.glob, self.glob_end),
        }[kind]
        self.assign = assigner(self.conf) if kind in ("tumble", "slide", "cumulate") else None
        self.open = {}                              # aligned: (key, start, end) -> Window; session: key -> list
        self.due = []                               # heap of ends, see look_at()
        for event in events(records, self.conf):
            if event[0] == "record":
                _, seq, ts, record = event
                values = [field(record, k) for k in self.keys]
                on_record(tuple(canonical(v) for v in values), seq, ts, record)
            else:
                self.wm = event[1]
                if on_mark is not None:
                    on_mark()
        return self.results

    # -- what a firing gives

    def row(self, key, records, window=None):
        out = {name.split(".")[-1]: None if k[0] == 0 else k[1] for name, k in zip(self.keys, key)}
        if window is not None:
            out["window_start"], out["window_end"] = time_text(window.start), time_text(window.end)
        out.update(aggregate(records, self.aggs))
        return out

    def emit(self, row):
        if self.having(row):
            self.results.append(row)

    def fire(self, windows):
        rows = [(w, self.row(w.key, [r for _, r in w.rows], w)) for w in windows]
        for w in windows:
            w.fired = True
            self.contents[(w.key, w.start, w.end)] = [r for _, r in w.rows]
        if self.conf.top is None:
            for _, row in rows:
                self.emit(row)
            return
        n, _, by = self.conf.top.partition(":")
        groups = {}
        for w, row in rows:
            groups.setdefault((w.end, w.start), []).append((w.key, row))
        for group in groups.values():
            ranked = [kr for kr in group if kr[1][by.lstrip(".")] is not None]
            ranked.sort(key=lambda kr: (-kr[1][by.lstrip(".")], kr[0]))
            for rank, (_, row) in enumerate(ranked[:int(n)], 1):
                if self.conf.rank:
                    row[self.conf.rank] = rank
                self.emit(row)

    def expired(self, end):
        return end - 1 + self.conf.lateness <= self.wm           # C3

    def too_late(self, ts, record):
        if ts + self.conf.lateness <= self.wm:                   # C6
            self.dropped += 1
            self.late.append(record)

    # -- event-time windows

    def aligned(self, key, seq, ts, record):
        taken = False
        for start, end in self.assign(ts):
            if self.expired(end):
                continue
            taken = True
            if (key, start, end) not in self.open:
                self.open[(key, start, end)] = Window(key, start, end)
                self.look_at(end)
            w = self.open[(key, start, end)]
            w.rows.append((seq, record))
            if end - 1 <= self.wm:                               # C5
                self.fire([w])
        if not taken:
            self.too_late(ts, record)

    def session(self, key, seq, ts, record):
        gap = duration(self.conf.arg)
        mine = self.open.setdefault(key, [])
        new = Window(key, ts, ts + gap)
        new.rows = [(seq, record)]
        for old in [w for w in mine if w.start <= new.end and w.end >= new.start]:     # C10
            mine.remove(old)
            new.start, new.end = min(new.start, old.start), max(new.end, old.end)
            new.rows += old.rows
        new.rows.sort(key=lambda r: r[0])
        if self.expired(new.end):                                # C11: tested after the merge
            self.too_late(ts, record)
            return
        mine.append(new)
        self.look_at(new.end)
        if new.end - 1 <= self.wm:                               # C12
            self.fire([new])

    def look_at(self, end):
        """Remember when something may happen to a window, so that fire_due() need not look at each mark."""
        heapq.heappush(self.due, end)
        heapq.heappush(self.due, end + self.conf.lateness)

    def fire_due(self):
        """C2, C3: fire what has ended, forget what has expired."""
        if not self.due or self.due[0] - 1 > self.wm:
            return
        while self.due and self.due[0] - 1 <= self.wm:
            heapq.heappop(self.due)
        lists = isinstance(next(iter(self.open.values()), None), list)
        windows = [w for ws in self.open.values() for w in ws] if lists else list(self.open.values())
        self.fire(sorted((w for w in windows if w.end - 1 <= self.wm and not w.fired), key=Window.order))
        for w in windows:
            if self.expired(w.end):
                if lists:
                    self.open[w.key].remove(w)
                else:
                    del self.open[(w.key, w.start, w.end)]

    # -- windows without time

    def count(self, key, seq, ts, record):
        """C13: count N purges, a rest is never emitted; count N/S gives the last <= N at each S-th record."""
        size, _, step = self.conf.arg.partition("/")
        rows = self.open.setdefault(key, [])
        rows.append(record)
        if len(rows) % int(step or size) == 0:
            self.emit(self.row(key, rows[-int(size):]))

    def running(self, key, seq, ts, record):
        rows = self.open.setdefault(key, [])
        rows.append(record)
        self.emit(self.row(key, rows))

    def glob(self, key, seq, ts, record):
        self.open.setdefault(key, []).append(record)

    def glob_end(self):
        if self.wm == MAX:
            for key in sorted(self.open):
                self.emit(self.row(key, self.open[key]))


# ---- command line --------------------------------------------------------------------------------------------

def options():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--time", default="time")
    p.add_argument("--source-tz", help="--tz of fsource: zone of times without one")
    p.add_argument("--out-of-order", type=duration, default=0)
    p.add_argument("--watermark", choices=("auto", "each", "none"), default="auto")
    p.add_argument("--key", help="fields of fkey, separated by commas")
    p.add_argument("--agg", default="count")
    p.add_argument("--having")
    p.add_argument("--lateness", type=duration, default=0)
    p.add_argument("--offset", type=duration, default=0)
    p.add_argument("--tz")
    p.add_argument("--top")
    p.add_argument("--rank")
    p.add_argument("--late", help="file for late records")
    p.add_argument("kind", choices=("tumble", "slide", "session", "cumulate", "count", "global", "running"))
    p.add_argument("arg", nargs="?", default="")
    return p


def dump(row):
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def main():
    p = options()
    p.add_argument("file", nargs="?", default="-")
    conf = p.parse_args()
    if conf.kind in ("global", "running") and conf.arg:
        conf.file, conf.arg = conf.arg, ""
    oracle = Oracle(conf)
    for line in sorted(map(dump, oracle.run(read_records(conf.file)))):
        print(line)
    if conf.late:
        with open(conf.late, "w", encoding="utf-8") as f:
            f.writelines(dump(r) + "\n" for r in oracle.late)
    print(f"{len(oracle.results)} results, {oracle.dropped} late", file=sys.stderr)


if __name__ == "__main__":
    main()
