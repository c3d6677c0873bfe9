#!/usr/bin/env python3
"""random_joins -- 30 random fjoin jobs through the real pipeline, each compared with the oracle in joins.py.

    random_joins.py [--seed S] [--runs N] [--only I] [--kind KIND] [--records N] [--bin DIR]

The seed is printed first and repeats a run.  Every third job runs two times more, with one side slowed down, and must
give the same; every fourth has late records, in an order of events that is the same in each run.  A job that differs
prints its command line and the first differences; its files then stay where that line names them.
Last line: N passed, N failed.
"""
import argparse
import collections
import csv
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import joins as j
import oracle as o

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = 1_700_000_000_000
TYPES = ("inner", "left", "right", "full", "semi", "anti")
LEFT_TYPES = ("inner", "left", "semi", "anti")
FEW = (1, 1.0, "1")
MIXED = (1, 1.0, "1", 0, -0.0, 2, "a", True, "\u00e9\"\n", 2**53, float(2**53), 2**53 + 1, "x" * 600)
MANY = tuple(range(25)) + tuple(map(float, range(10, 20))) + tuple(f"k{i}" for i in range(25))
RAGGED = (1, "s", 1.5, True, None, {"a": [1, {}]}, [1, 2])


# ---- input ---------------------------------------------------------------------------------------------------

class Side:
    """One input: its records in order of arrival, and how fjoin gets them."""

    def __init__(self, name, time_field, key_fields):
        self.name, self.time, self.keys = name, time_field, key_fields
        self.records = []
        self.how = "source"                         # source, direct, table
        self.flags = []                             # of fsource
        self.keyed = False                          # through fkey, which must make no difference
        self.path = None

    def row_time(self, record):
        return None if self.how in ("direct", "table") else o.time_ms(record[self.time])

    def rows(self):
        records = o.read_records(str(self.path)) if self.how == "table" else self.records
        return [j.Row(i, self.row_time(r), r) for i, r in enumerate(records)]

    def write(self, tmp, ext="ndjson"):
        self.path = tmp / f"{self.name}.{ext}"
        with open(self.path, "w", encoding="utf-8", newline="") as f:
            if ext == "csv":
                names = list(dict.fromkeys(n for r in self.records for n in r))
                out = csv.writer(f, lineterminator="\n")
                out.writerow(names)
                out.writerows([o.f64_text(v) if isinstance(v, float) else v for v in map(r.get, names)]
                              for r in self.records)
            else:
                f.writelines(o.dump(r) + "\n" for r in self.records)


def moments(rng, n, grid, span, jitter):
    """n times, about in order."""
    times = sorted(BASE + grid * rng.randint(0, span) for _ in range(n))
    return [t for _, t in sorted((i + rng.uniform(0, jitter), t) for i, t in enumerate(times))]


def put(record, path, value):
    *parents, last = path.split(".")
    for p in parents:
        record = record.setdefault(p, {})
    record[last] = value


def fill(rng, side, times, pool, conf):
    """The records of a side; the fields named in conf.fixed are in each of them, those of keys may be missing."""
    id_field, number, extra = ("lid", "v", "lx") if side.name == "l" else ("rid", "w", "rx")
    texts = rng.random() < 0.3
    for i, t in enumerate(times):
        record = {side.time: o.time_text(t) if texts else t}
        for path in side.keys:
            luck = rng.random() if conf.nulls else 1
            if luck < 0.06:
                put(record, path, None)
            elif luck > 0.12 or path in conf.fixed:
                put(record, path, rng.choice(pool) if not path.endswith("2") else rng.choice((7, 7.0, "7", None)))
        record[id_field] = i
        if rng.random() < 0.9 or number in conf.fixed:
            record[number] = rng.choice((None, *range(8)))
        if side.name == "r" and "v" in conf.fixed:
            record["v"] = rng.choice((None, *range(8)))
        if conf.ragged and rng.random() < 0.5:
            record[extra] = rng.choice(RAGGED)
        if conf.wide:                               # several frames' worth
            record[side.name + "pad"] = "\u00f8" * rng.randint(100, 500)
        side.records.append(record)


def disorder(times):
    ahead = most = 0
    for t in times:
        ahead = max(ahead, t)
        most = max(most, ahead - t)
    return most


def dur(ms):
    return f"{ms}ms"


# ---- jobs ----------------------------------------------------------------------------------------------------

class Job:
    """A random job: its join, its two sides, and fjoin's flags."""

    def __init__(self, rng, conf, tmp, late):
        self.rng, self.tmp = rng, tmp
        kinds = ["within"] * 4 + ["window"] * 4 + ["asof"] * 3 + ([] if late else ["ttl"] * 3 + ["lookup"] * 2)
        kind = rng.choice([k for k in kinds if conf.kind in (None, k)] or [conf.kind])
        self.late = late and kind in ("within", "window", "asof")
        self.join = j.Join(kind, rng.choice(LEFT_TYPES if kind in ("asof", "lookup") else TYPES))
        self.flags = []
        self.grid = rng.choice((2, 10, 1000))
        self.span = rng.choice((5, 30, 200))
        self.make_sides(conf.records)
        self.make_kind()
        if self.join.type != "inner" or rng.random() < 0.3:
            self.flags += ["--type", self.join.type]
        if rng.random() < 0.4:
            self.make_match()
        if rng.random() < 0.5:
            self.make_select()
        self.late_path = tmp / "late.ndjson" if kind in ("within", "window", "asof") and rng.random() < 0.5 else None
        if self.late_path:
            self.flags += ["--late", str(self.late_path)]

    # -- the two inputs

    def make_sides(self, most):
        rng, join = self.rng, self.join
        table = join.kind == "lookup" and rng.random() < 0.7
        as_csv = table and rng.random() < 0.5
        counts = [rng.choice((0, 1, 12, 60, 60, most, most, most)) for _ in "lr"]
        if table or self.late:
            counts = [max(20 if self.late else 1, n) for n in counts]
        direct = join.kind in ("ttl", "lookup") and all(counts) and rng.random() < 0.3
        sides_with_right_rows_alone = join.kind == "ttl" and join.type in ("right", "full")
        # Names that both sides have; only where the left field is known before the right one needs a name.
        collide = counts[0] > 0 and not sides_with_right_rows_alone and rng.random() < 0.4
        left_keys, right_keys = self.make_keys(collide, as_csv)
        self.left = Side("l", "t", left_keys)
        self.right = Side("r", "t" if collide else "rt", right_keys)
        pool = rng.choice((FEW, MIXED, MANY))
        if as_csv:
            pool = tuple(k for k in pool if k is not True and k != "\u00e9\"\n")
        sessions = join.kind == "window" and rng.random() < 0.3
        self.sessions = sessions
        shape = argparse.Namespace(nulls=True,
                                   fixed={"t", "v", *left_keys} if collide else set(), ragged=not as_csv,
                                   wide=rng.random() < 0.3)
        if len(pool) < 10 or join.kind in ("ttl", "window", "lookup"):
            counts = [min(n, 120) for n in counts]   # else there are too many pairs
        jitter = (3, 20, 60) if self.late else (0, 0, 3, 20)
        times = [moments(rng, n, self.grid, self.span, rng.choice(jitter)) for n in counts]
        for side, ts in zip((self.left, self.right), times):
            fill(rng, side, ts, pool, shape)
            side.how = "direct" if direct and rng.random() < 0.8 else "source"
            side.keyed = rng.random() < 0.2
            side.flags = ["--time", side.time]
            slack = disorder(ts) + rng.choice((0, 0, 7, 100_000))
            if slack:
                side.flags += ["--out-of-order", dur(slack)]
            side.flags += rng.choice(((), ("--watermark", "each"), ("--watermark", "each"), ("--watermark", "none")))
        if self.late:
            self.make_late()
        self.left.write(self.tmp)
        if table:
            self.right.how = "table"
        self.right.write(self.tmp, "csv" if as_csv else "ndjson")
        self.stdin = None if self.late else rng.choice((None, None, "l", "r"))
        if self.stdin == "r" and table:
            self.stdin = "l"

    def make_keys(self, collide, as_csv):
        rng = self.rng
        how = rng.choice(("on", "on", "on2", "other", "nested", "other2"))
        if how.startswith("on"):
            names = ("k", "k2") if how == "on2" else ("k",)
            self.join.left_on = self.join.right_on = names
            self.flags += ["--on", ",".join(names)]
            return names, names
        left = {"other": ("k",), "nested": ("n.a",), "other2": ("k", "k2")}[how]
        right = ("k", "k2")[:len(left)] if collide and how != "nested" else ("rk", "rk2")[:len(left)]
        if how == "nested" and not as_csv and rng.random() < 0.5:
            right = ("m.b.c",)
        self.join.left_on, self.join.right_on, self.join.on = left, right, False
        def dots(paths):
            return ",".join("." + p if "." in p or rng.random() < 0.5 else p for p in paths)
        self.flags += ["--left-on", dots(left), "--right-on", dots(right)]
        return left, right

    def make_late(self):
        """The live side sets the watermark by its field wm; all of the other one has come before."""
        self.live = self.rng.choice((self.left, self.right))
        other = self.right if self.live is self.left else self.left
        other.flags = ["--time", other.time, "--watermark", "none"]
        self.live.flags = ["--time", self.live.time, "--watermark", "field:wm"]
        wm = BASE - 10 * self.grid * self.span
        for i, record in enumerate(self.live.records):
            ahead = o.time_ms(record[self.live.time]) - self.grid * self.rng.randint(0, 3)
            if i == 0:
                record["wm"] = wm
            elif ahead > wm and self.rng.random() < 0.5:
                wm = ahead - self.rng.choice((0, 1))
                record["wm"] = wm

    # -- flags

    def steps(self, low, high):
        return self.grid * self.rng.randint(low, high)

    def make_kind(self):
        rng, join = self.rng, self.join
        if join.kind == "within":
            if rng.random() < 0.4:
                join.hi = self.steps(0, 6)
                join.lo = -join.hi
                self.flags += ["--within", dur(join.hi)]
            else:
                join.lo, join.hi = sorted((self.steps(-6, 6), rng.choice((0, self.steps(-6, 6)))))
                if rng.random() < 0.2:
                    join.hi = join.lo
                self.flags.append(f"--within={dur(join.lo)}..{dur(join.hi)}")
        elif join.kind == "window":
            join.window = self.make_window()
            self.flags += ["--window", join.window]
        elif join.kind == "lookup":
            self.flags.append("--lookup")
        else:
            low = 0 if join.kind == "asof" else 1
            join.span = rng.choice((None, self.steps(low, 8)))
            self.flags += ["--" + join.kind, "inf" if join.span is None else dur(join.span)]

    def make_window(self):
        if self.sessions:                           # no two rows exactly a gap apart: see joins.complete()
            return f"session {dur(self.steps(0, 4) + self.grid // 2)}"
        step = self.steps(1, 6)
        return self.rng.choice((f"tumble {dur(step)}", f"slide {dur(step * self.rng.randint(1, 4))}/{dur(step)}",
                                f"slide {dur(step)}/{dur(step + self.grid)}",
                                f"cumulate {dur(step * self.rng.randint(2, 4))}/{dur(step)}"))

    def make_match(self):
        choices = [
            (".l.v < .r.w", lambda l, r, w: less(l.get("v"), r.get("w"))),
            (".l.v + .r.w >= 8", lambda l, r, w: less(7, plus(l.get("v"), r.get("w")))),
            ("(.r.w ?? 0) > 3", lambda l, r, w: less(3, other(r.get("w"), 0))),
            ("!(.l.v < .r.w)", lambda l, r, w: not less(l.get("v"), r.get("w"))),
            (".l.v in [1, 2, 3] or .r.w == 5", lambda l, r, w: l.get("v") in (1, 2, 3) or r.get("w") == 5),
        ]
        if self.join.kind == "window":
            size = self.steps(2, 8)
            choices.append((f"window_end - window_start >= {dur(size)}", lambda l, r, w: w.end - w.start >= size))
        text, self.join.match = self.rng.choice(choices)
        self.flags += ["--match", text]

    def make_select(self):
        """Each list has lid, so that results can be told apart by it."""
        path = self.left.keys[0]
        lid, rid = (".l.lid", "lid", lambda l, r, w: l.get("lid")), (".r.rid", "rid", lambda l, r, w: r.get("rid"))
        choices = [
            [lid, (f".l.{path}", path.split(".")[-1], lambda l, r, w: o.field(l, path))],
            ["l.*", ("v1 = .l.v ?? -1", "v1", lambda l, r, w: other(l.get("v"), -1))],
        ]
        if self.join.type not in ("semi", "anti"):
            choices += [
                [lid, rid, ("s = .l.v + .r.w", "s", lambda l, r, w: plus(l.get("v"), r.get("w")))],
                ["l.*", rid, ("c = .r.w ?? -1", "c", lambda l, r, w: other(r.get("w"), -1))],
                [("n = if .r.rid == null then 'no' else 'yes' end", "n",
                  lambda l, r, w: "no" if r.get("rid") is None else "yes"), rid, "l.*"],
            ]
            if not self.join.on and not set(self.left.keys + ("t",)) & set(self.right.keys + (self.right.time,)):
                choices += [["l.*", "r.*"], ["r.*", lid]]
        items = list(self.rng.choice(choices))
        if self.join.kind == "window" and self.rng.random() < 0.6:
            items += [("from = window_start", "from", lambda l, r, w: o.time_text(w.start)),
                      ("to = window_end", "to", lambda l, r, w: o.time_text(w.end))]
        self.join.select = [i if isinstance(i, str) else i[1:] for i in items]
        self.flags += ["--select", ", ".join(i if isinstance(i, str) else i[0] for i in items)]

    # -- the pipeline

    def changing(self):
        return self.join.kind == "ttl" and self.join.type not in ("inner", "semi")

    def timed(self):
        return self.join.kind != "ttl" and self.left.how == "source"

    def words(self, side, slow):
        """The stages that give this side, or None when fjoin reads the file itself."""
        path = shlex.quote(str(side.path))
        source = " ".join(map(shlex.quote, side.flags)) + (f" | fkey {','.join(side.keys)}" if side.keyed else "")
        if self.late and side is self.live:
            return f"{{ head -n 1 {path}; gate; tail -n +2 {path}; }} | fsource - {source}"
        if side.how == "source":
            return f"slow {path} | fsource - {source}" if slow else f"fsource {path} {source}"
        return f"slow {path}" if slow and side.how == "direct" else None

    def command(self, slow="", marks=False):
        names, first = [], ""
        for side in (self.left, self.right):
            stage = self.words(side, side.name == slow)
            if self.stdin == side.name:
                first = (stage or f"cat {shlex.quote(str(side.path))}") + " | "
                names.append("-")
            else:
                names.append(f"<({stage})" if stage else shlex.quote(str(side.path)))
        line = first + "fjoin " + " ".join(names + [shlex.quote(f) for f in self.flags])
        if self.timed():
            line += " | fmap --set 'et = ts()'"
        return line + (" | fcat --marks" if marks else " | fsink -")

    def expected(self):
        """(results, late rows)"""
        left, right = self.left.rows(), self.right.rows()
        if not self.late:
            return j.complete(self.join, left, right), []
        live = self.live.name
        before, rows = ("r", right), left
        if live == "r":
            before, rows = ("l", left), right
        events = [(before[0], row) for row in before[1]] + [(before[0] + " mark", o.MAX)]
        for row in rows:
            events.append((live, row))
            if "wm" in row.fields:
                events.append((live + " mark", row.fields["wm"]))
        run = j.ordered(self.join, events + [(live + " mark", o.MAX)])
        return run.results, [row for _, row in run.late]


def less(a, b):
    return a is not None and b is not None and a < b


def plus(a, b):
    return None if a is None or b is None else a + b


def other(a, b):
    return b if a is None else a


# ---- running it ----------------------------------------------------------------------------------------------

PRELUDE = """set -o pipefail
slow() { local n=0 line; while IFS= read -r line; do printf '%s\\n' "$line"; ((++n % 25)) || sleep 0.004; done <"$1"; }
gate() { local n; for ((n = 0; n < 3000; n++)); do [ ! -e go ] || return 0; sleep 0.02; done; }
"""


def shell(line, tmp, bindir, gated):
    """(status, output, messages); a gated input waits until a watermark has come out at the other end."""
    env = {k: v for k, v in os.environ.items() if k != "FSTATE"}
    go = tmp / "go"
    env["PATH"] = f"{bindir}:{env['PATH']}"
    go.unlink(missing_ok=True)
    deadline = time.monotonic() + 60
    with open(tmp / "out", "wb") as out, open(tmp / "err", "wb") as err:
        p = subprocess.Popen(["bash", "-c", PRELUDE + line], cwd=tmp, env=env, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=err, start_new_session=True)
        try:
            while gated and p.poll() is None and not go.exists():
                if b"\n# watermark" in (tmp / "out").read_bytes():
                    go.touch()
                elif time.monotonic() > deadline:
                    raise ValueError("no watermark has come out, though both inputs have one")
                time.sleep(0.01)
            status = p.wait(max(0.1, deadline - time.monotonic()))
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)    # what still runs in a process substitution
            except ProcessLookupError:
                pass
    return status, (tmp / "out").read_text(encoding="utf-8"), (tmp / "err").read_text(errors="replace")


def parse(text):
    return json.loads(text, parse_int=lambda s: -0.0 if s == "-0" else int(s))


def read_output(text):
    """([record], [the watermark before it, in ms]) of fsink's or `fcat --marks`'s output."""
    records, marks, wm = [], [], o.MIN
    for line in text.splitlines():
        if line.startswith("# watermark "):
            wm = o.MAX if line.endswith(" max") else o.time_ms(line.split()[2])
        elif not line.startswith("#"):
            records.append(parse(line))
            marks.append(wm)
    return records, marks


# ---- comparison ----------------------------------------------------------------------------------------------

def text_of(record, exact):
    return o.dump({k: record[k] for k in sorted(record) if exact or record[k] is not None})


def differences(got, want):
    """None, or a text with the first differences of two multisets of texts."""
    if got == want:
        return None
    lines = [f"{sum(got.values())} results, expected {sum(want.values())}"]
    lines += [f"- {e[:300]}" for e in sorted((want - got).elements())[:6]]
    lines += [f"+ {e[:300]}" for e in sorted((got - want).elements())[:6]]
    return "\n".join(lines)


def check_results(job, records, results):
    """As multisets.  Null and missing are told apart only where no side is padded and nothing is computed."""
    exact = job.join.select is None and job.join.type in ("inner", "semi", "anti") and not job.changing()
    need, allowed = collections.Counter(), {}
    for r in results:
        fields = dict(r.fields)
        if job.timed() and r.times:
            times = sorted(map(o.time_text, r.times))
            fields["et"] = times[0]
            if len(times) > 1:                      # semi: the first match may be any
                allowed[fields["lid"]] = times
        need[text_of(fields, exact)] += 1
    if job.changing():
        without_op = [r for r in records if next(iter(r)) != "op"]
        if without_op:
            return f"no first field op: {without_op[0]}"
        return differences(collections.Counter(j.table(records)), need)
    have = collections.Counter()
    for record in records:
        if "op" in record:
            return f"op in a plain stream: {record}"
        ok = allowed.get(record.get("lid"), ())
        have[text_of({**record, "et": ok[0]} if record.get("et") in ok else record, exact)] += 1
    return differences(have, need)


def check_order(job, records):
    """As-of: left arrival order.  Windows: by their end, then the pairs of a key by arrival."""
    if job.join.kind == "asof":
        seen = [(r["lid"], job.left.row_time(job.left.records[r["lid"]])) for r in records]
        for i, (lid, t) in enumerate(seen):
            for lid2, t2 in seen[i + 1:]:
                if lid2 < lid and t2 <= t:          # what came first and was due no later
                    return f"left record {lid} before {lid2}"
    if job.join.kind == "window":
        last, pairs = None, {}
        for r in records:
            et = o.time_ms(r["et"])
            if last is not None and et < last:
                return f"a window's end before an earlier one: {r}"
            last = et
            if r.get("lid") is None or r.get("rid") is None:
                continue
            key = et, j.key(j.Row(0, 0, job.left.records[r["lid"]]), job.join.left_on)
            if pairs.get(key, (-1, -1)) >= (r["lid"], r["rid"]):
                return f"pairs of a window not in order of arrival: {pairs[key]} before {r}"
            pairs[key] = r["lid"], r["rid"]
    return None


def check_marks(job, records, marks):
    """No result is late for what comes next."""
    at_mark = job.late and job.join.kind == "within"    # C36: a record at the watermark itself is taken
    for record, wm in zip(records, marks):
        et = o.time_ms(record["et"])
        if et < wm or (et == wm and not at_mark):
            return f"a result behind the watermark {o.time_text(wm)}: {record}"
    return None


def check_late(job, late, messages):
    if job.late_path:
        lines = job.late_path.read_text(encoding="utf-8").splitlines() if job.late_path.exists() else []
        text = differences(collections.Counter(text_of(parse(line), True) for line in lines),
                           collections.Counter(text_of(row.fields, True) for row in late))
        return f"late records: {text}" if text else None
    m = re.search(r"(\d+) late records? dropped", messages)
    if (int(m.group(1)) if m else 0) != len(late):
        return f"{m.group(0) if m else 'no late records reported'}, expected {len(late)}"
    return None


def check_run(job, conf, want, slow, marks):
    """None, or the command line and what is wrong."""
    if job.late_path:
        job.late_path.unlink(missing_ok=True)
    line = job.command(slow, marks)
    try:
        status, out, messages = shell(line, job.tmp, conf.bin, job.late)
        if status != 0:
            return f"{line}\nstatus {status}\n{messages[-2000:]}"
        records, wms = read_output(out)
        text = check_results(job, records, want[0]) or check_order(job, records) \
            or (marks and check_marks(job, records, wms)) or check_late(job, want[1], messages)
    except (ValueError, KeyError, OSError, subprocess.TimeoutExpired) as e:
        text = repr(e)
    return f"{line}\n{text}" if text else None


def check_job(job, conf, i, want):
    marks = job.late or (job.timed() and i % 2 == 0)
    for slow in ("",) if job.late or i % 3 else ("", "l", "r"):
        text = check_run(job, conf, want, slow, marks)
        if text:
            return text
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    p.add_argument("--runs", type=int, default=30)
    p.add_argument("--only", type=int, help="run this job of the seed alone, from 1")
    p.add_argument("--kind", choices=("within", "window", "asof", "ttl", "lookup"), help="jobs of this kind alone")
    p.add_argument("--records", type=int, default=300, help="at most that many on a side")
    p.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    conf = p.parse_args()
    conf.bin = conf.bin.resolve()
    if not (conf.bin / "fjoin").exists():
        raise SystemExit(f"random_joins: no {conf.bin}/fjoin")
    print(f"seed {conf.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="random_joins."))
    failed = 0
    numbers = [conf.only] if conf.only else range(1, conf.runs + 1)
    for i in numbers:
        tmp = top / str(i)
        tmp.mkdir()
        job = Job(random.Random(f"{conf.seed}/{i}"), conf, tmp, i % 4 == 0)
        want = job.expected()
        text = check_job(job, conf, i, want)
        name = f"{i} {job.join.kind} {job.join.type}: {len(job.left.records)} x {len(job.right.records)}"
        if text is None:
            print(f"ok {name} ({len(want[0])} results, {len(want[1])} late)", flush=True)
            shutil.rmtree(tmp)
        else:
            failed += 1
            kind = f" --records {conf.records}" + (f" --kind {conf.kind}" if conf.kind else "")
            print(f"not ok {name}: repeat with --seed {conf.seed} --only {i}{kind}\n{text}", flush=True)
    if not failed:
        shutil.rmtree(top)
    print(f"{len(numbers) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
