#!/usr/bin/env python3
"""random_windows -- 20 random window jobs through the real pipeline, each compared with the oracle.

    random_windows.py [--seed S] [--runs N] [--only I] [--bin DIR]

The seed is printed first and repeats a run.  A job that differs prints its command line and the first
differences; its input files then stay where that line names them.  Last line: N passed, N failed.
"""
import argparse
import collections
import gzip
import json
import math
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import oracle as o

ROOT = pathlib.Path(__file__).resolve().parents[2]
Data = collections.namedtuple("Data", "name path time keys numbers")


# ---- input ---------------------------------------------------------------------------------------------------

def flights(rng, n, tmp):
    """A stretch of the flights, with rows moved about a little so that time is out of order."""
    found = sorted((ROOT / "examples/data").glob("*flights*.csv*"))
    if not found:
        raise SystemExit("random_windows: no examples/data/*flights*.csv")
    opened = gzip.open(found[0], "rt") if found[0].suffix == ".gz" else open(found[0], encoding="utf-8")
    with opened as f:
        header, *lines = f.read().splitlines()
    at = rng.randrange(max(1, len(lines) - n))
    spread = rng.choice((0, 5, 50, 400))
    moved = sorted((i + rng.uniform(0, spread), line) for i, line in enumerate(lines[at:at + n]))
    path = tmp / "flights.csv"
    path.write_text("\n".join([header] + [line for _, line in moved]) + "\n", encoding="utf-8")
    rows = o.read_records(str(path))
    names = header.split(",")
    numbers = [c for c in names if re.search("delay|distance|air_time", c)
               and all(isinstance(r[c], (int, float, type(None))) for r in rows)]
    time = next(c for c in ("time", "at", "sched", "sched_dep", "time_hour") if c in names)
    return Data("flights", path, time, [c for c in ("carrier", "origin", "dest", "tailnum") if c in names], numbers)


def nexmark(rng, n, tmp, bindir):
    uri = f"gen:nexmark?seed={rng.randrange(1 << 31)}&n={n}" + rng.choice(("", "&kind=bid"))
    path = tmp / "nexmark.ndjson"
    with open(path, "wb") as f:
        subprocess.run([bindir / "fsource", uri, "-o", "json"], stdout=f, check=True, timeout=60)
    keys = ["auction", "bidder", "channel"] if "kind=bid" in uri else ["kind"]
    return Data(uri, path, "dateTime", keys, ["price"])


# ---- jobs ----------------------------------------------------------------------------------------------------

def span(rng, total, low, high):
    """A round duration, so that about low to high of them fit into the data."""
    want = max(1, total / rng.uniform(low, high))
    unit = max((u for u in (1, 10, 100, 1000, 60_000, 600_000, 3_600_000) if u <= want), default=1)
    return int(want // unit) * unit


def dur(ms):
    return "0" if ms == 0 else f"{ms}ms"


def aggs_of(rng, numbers):
    out = ["n=count()"]
    for fn in rng.sample(("sum", "min", "max", "avg", "first", "last", "distinct", "quantile"), rng.randint(1, 4)):
        arg = rng.choice(numbers)
        out.append(f"quantile(.{arg},{rng.choice(('0.5', '0.9', '0.99'))})" if fn == "quantile" else f"{fn}(.{arg})")
    if rng.random() < 0.2:
        out.append(f"all=collect(.{rng.choice(numbers)})")
    return ",".join(out)


def window_of(rng, total):
    """(kind, its argument, window flags)"""
    kind = rng.choice(("tumble", "tumble", "slide", "slide", "session", "session", "cumulate",
                       "count", "count", "global", "running"))
    flags = {}
    size = span(rng, total, 3, 40)
    step = size
    if kind == "slide":
        step = max(1, size // rng.choice((1, 2, 3, 5, 8)) + rng.choice((0, 0, 1)))
        arg = f"{dur(size)}/{dur(step)}"
    elif kind == "cumulate":
        step = max(1, size // rng.randint(2, 6))
        size = step * rng.randint(2, 6)
        arg = f"{dur(size)}/{dur(step)}"
        step = size
    elif kind == "tumble":
        arg = dur(size)
    elif kind == "session":
        arg = dur(span(rng, total, 20, 2000))
    elif kind == "count":
        n = rng.choice((1, 2, 7, 100))
        arg = rng.choice((f"{n}", f"{n}/{max(1, n // 2)}", f"{n}/{n + 3}"))
    else:
        arg = ""
    if kind in ("tumble", "slide", "cumulate"):
        if rng.random() < 0.4:
            flags["--offset"] = dur(rng.randrange(1 - step, step))
        if rng.random() < 0.25:
            flags["--tz"] = rng.choice(("America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"))
    return kind, arg, flags


def job_of(rng, data, rows):
    times = [o.time_ms(r[data.time]) for r in rows]
    ahead, disorder = times[0], 0
    for t in times:
        ahead = max(ahead, t)
        disorder = max(disorder, ahead - t)
    kind, arg, flags = window_of(rng, max(times) - min(times))
    job = {"kind": kind, "arg": arg, "--agg": aggs_of(rng, data.numbers), **flags,
           "--out-of-order": dur(rng.choice((0, disorder // 4, disorder, 2 * disorder))),
           "--watermark": rng.choice(("each", "auto")),
           "key": ",".join(rng.sample(data.keys, rng.choice((0, 1, 1, 1, min(2, len(data.keys))))))}
    timed = kind in ("tumble", "slide", "cumulate", "session")
    extra = rng.random()
    if timed and extra < 0.4:
        job["--lateness"] = dur(rng.choice((disorder // 3, disorder, 10 * disorder)))
    elif kind in ("tumble", "slide", "cumulate") and extra < 0.6:
        job["--top"] = f"{rng.randint(1, 4)}:.n"
        if rng.random() < 0.5:
            job["--rank"] = "rank"
    elif kind in ("tumble", "slide") and extra < 0.75:
        job["--early"] = dur(max(1, o.duration(arg.partition("/")[0]) // rng.randint(2, 5)))
    if "--top" not in job and "--early" not in job and rng.random() < 0.3:
        job["--having"] = rng.choice((".n > 2", ".n >= 5 and .n < 100", ".n == 1", ".n <= 3"))
    if timed and rng.random() < 0.5:
        job["late"] = True
    return job


def command(job, data, tmp, bindir):
    def words(*w):
        return " ".join(shlex.quote(str(x)) for x in w)
    stages = [words(bindir / "fsource", data.path, "--time", data.time, "--out-of-order", job["--out-of-order"])]
    if job["--watermark"] == "each":
        stages[0] += " --watermark each"
    if job["key"]:
        stages.append(words(bindir / "fkey", job["key"]))
    flags = [w for k, v in job.items() if k.startswith("--") and k not in ("--out-of-order", "--watermark")
             for w in (k, v)]
    if job.get("late"):
        flags += ["--late", tmp / "late.ndjson"]
    stages.append(words(bindir / "fwindow", job["kind"], *([job["arg"]] if job["arg"] else []), *flags))
    stages.append(words(bindir / "fsink", "-"))
    return " | ".join(stages)


def expectation(job, data, rows):
    argv = ["--time", data.time, "--key", job["key"]]
    argv += [f"{k}={v}" for k, v in job.items() if k.startswith("--") and k != "--early"]
    conf = o.options().parse_args(argv + [job["kind"], job["arg"]])
    want = o.Oracle(conf)
    want.run(rows)
    return want


# ---- comparison ----------------------------------------------------------------------------------------------

def floats_of(rows):
    return {k for r in rows for k, v in r.items() if isinstance(v, float)}


def arranged(rows, floats):
    """Sorted, with f64 columns set apart, since their last digits may differ."""
    out = []
    for r in rows:
        exact = o.dump({k: r[k] for k in sorted(r) if k not in floats})
        out.append((exact, [r[k] for k in sorted(floats) if k in r]))
    return sorted(out, key=lambda e: (e[0], [-math.inf if v is None else v for v in e[1]]))


def close(a, b):
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def difference(got, want):
    """None, or a text with the first differences."""
    floats = floats_of(want) | floats_of(got)
    g, w = arranged(got, floats), arranged(want, floats)
    if len(g) == len(w) and all(a[0] == b[0] and len(a[1]) == len(b[1]) and all(map(close, a[1], b[1]))
                                for a, b in zip(g, w)):
        return None
    def texts(entries):
        return collections.Counter(" ".join([e[0]] + [format(v, ".9g") if v is not None else "null" for v in e[1]])
                                   for e in entries)
    have, need = texts(g), texts(w)
    lines = [f"{len(got)} results, expected {len(want)}"]
    lines += [f"- {e[:300]}" for e in sorted((need - have).elements())[:8]]
    lines += [f"+ {e[:300]}" for e in sorted((have - need).elements())[:8]]
    return "\n".join(lines)


def check_early(got, want, keys):
    """Any early result is the window's first n records; the last one of each window is all of it."""
    last = {}
    for row in got:
        key = tuple(o.canonical(row.get(k)) for k in keys)
        start, end = o.time_ms(row["window_start"]), o.time_ms(row["window_end"])
        records = want.contents.get((key, start, end))
        if records is None:
            return f"no such window: {row}"
        text = difference([row], [want.row(key, records[:row["n"]], o.Window(key, start, end))])
        if text or not 0 < row["n"] <= len(records):
            return f"early result is not the first {row['n']} records of its window: {row}\n{text}"
        last[(key, start, end)] = row
    return difference(list(last.values()), want.results)


def check_late(job, want, tmp, messages):
    if job.get("late"):
        path = tmp / "late.ndjson"
        got = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        text = difference(got, want.late)
        return f"late records: {text}" if text else None
    m = re.search(r"(\d+) late records? dropped", messages)
    if (int(m.group(1)) if m else 0) != want.dropped:
        return f"{m.group(0) if m else 'no late records reported'}, expected {want.dropped}"
    return None


def run_job(job, data, tmp, line):
    """(difference or None, what was compared)"""
    (tmp / "late.ndjson").unlink(missing_ok=True)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, timeout=120, check=False,
                          env={k: v for k, v in os.environ.items() if k != "FSTATE"})
    messages = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        return f"status {done.returncode}\n{messages[-2000:]}", ""
    got = [json.loads(text) for text in done.stdout.splitlines()]
    want = expectation(job, data, o.read_records(str(data.path)))
    if "--early" in job:
        text = check_early(got, want, want.keys)
    else:
        text = difference(got, want.results)
    return text or check_late(job, want, tmp, messages), f"{len(want.results)} results, {want.dropped} late"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--only", type=int, help="run this job of the seed alone, from 1")
    p.add_argument("--records", type=int, default=4000)
    p.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    conf = p.parse_args()
    print(f"seed {conf.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="random_windows."))
    failed = 0
    numbers = [conf.only] if conf.only else range(1, conf.runs + 1)
    for i in numbers:
        rng = random.Random(f"{conf.seed}/{i}")
        tmp = top / str(i)
        tmp.mkdir()
        n = rng.choice((1, 50, 1000, 1500, conf.records, conf.records, conf.records))
        data = flights(rng, n, tmp) if rng.random() < 0.5 else nexmark(rng, n, tmp, conf.bin)
        job = job_of(rng, data, o.read_records(str(data.path)))
        line = command(job, data, tmp, conf.bin)
        try:
            text, seen = run_job(job, data, tmp, line)
        except (ValueError, OSError, subprocess.TimeoutExpired) as e:
            text = repr(e)
        if text is None:
            print(f"ok {i} {data.name}: {job['kind']} {job['arg']} ({seen})")
            shutil.rmtree(tmp)
        else:
            failed += 1
            print(f"not ok {i} {data.name}: repeat with --seed {conf.seed} --only {i}\n{line}\n{text}")
    if not failed:
        shutil.rmtree(top)
    print(f"{len(numbers) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
