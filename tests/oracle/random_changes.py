#!/usr/bin/env python3
"""random_changes -- random jobs of kinds that keep records, each compared with its definition.

    random_changes.py [--seed S] [--runs N] [--only I] [--bin DIR]

first, last, top and running, alone and behind each other, over random records: the changelog that comes out is
applied row by row (nothing may be taken back that is not there), and what is left must be what the definition says
of all records.  Of a stage over plain records each row is checked too, against what stood there before.  The seed is
printed first and repeats a run.  Last line: N passed, N failed.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
START = 1_704_448_800_000


# ---- definitions: lists of (time, record) in the order of arrival ------------------------------------------------

def grouped(rows, keys):
    out = collections.defaultdict(list)
    for time, row in rows:
        out[tuple(row[k] for k in keys)].append((time, row))
    return out


def first(rows, keys, late_by):
    """late_by: how far a watermark stays behind; every record is followed by one."""
    best, mark = {}, None
    for time, row in rows:
        if mark is None or time >= mark:
            key = tuple(row[k] for k in keys)
            if key not in best or time < best[key][0]:
                best[key] = (time, row)
        mark = max(mark if mark is not None else time - late_by - 1, time - late_by - 1)
    return list(best.values())


def last(rows, keys):
    out = []
    for group in grouped(rows, keys).values():
        kept = group[0]
        for entry in group[1:]:
            if entry[0] >= kept[0]:
                kept = entry
        out.append(kept)
    return out


def top(rows, keys, n, by, rank):
    out = []
    for group in grouped(rows, keys).values():
        group = [e for e in group if e[1].get(by) is not None]
        group.sort(key=lambda e: -e[1][by])  # stable: ties by arrival
        out += [(t, {**r, "rank": i + 1} if rank else r) for i, (t, r) in enumerate(group[:n])]
    return out


def running(rows, keys, having):
    out = []
    for key, group in grouped(rows, keys).items():
        values = [r["v"] for _, r in group if r.get("v") is not None]
        result = {**dict(zip(keys, key)), "n": len(group), "s": sum(values) if values else None}
        if not having or result["n"] % 2 == 1:
            out.append((0, result))
    return out


# ---- changelogs --------------------------------------------------------------------------------------------------

def name(row):
    return json.dumps(row, sort_keys=True)


def apply(lines):
    """(what is left, the first fault or None)"""
    table, open_before = collections.Counter(), None
    for i, line in enumerate(lines, 1):
        row = json.loads(line)
        op = row.pop("op", "+I")
        if (op == "+U") != (open_before is not None):
            return table, f"line {i}: {op} where {open_before or 'no -U'} came before"
        open_before = op if op == "-U" else None
        table[name(row)] += 1 if op[0] == "+" else -1
        if table[name(row)] < 0:
            return table, f"line {i}: takes back what is not there: {line}"
    return +table, None


# ---- jobs --------------------------------------------------------------------------------------------------------

def records(rng):
    n = rng.choice((1, 20, 300, 300, 1000))
    keys, values, spread = rng.choice((1, 3, 20)), rng.choice((2, 10, 10000)), rng.choice((0, 5, 50))
    out = []
    for i in range(n):
        time = START + i * rng.choice((0, 1, 3)) - rng.randint(0, spread)
        row = {"id": i, "k": rng.randrange(keys), "c": rng.randrange(4), "t": time}
        if rng.random() < 0.95:
            row["v"] = rng.randrange(values) if rng.random() < 0.9 else None
        out.append((time, row))
    return out


def stage_of(rng, changing, whole):
    """(words, definition, is its output changing, does it give out records)"""
    keys = rng.choice((["k"], ["c"], ["k", "c"]))
    kinds = ["top", "running"] if changing else ["first", "last", "last", "top", "top"]
    kind = rng.choice(kinds) if whole else "running"
    words = ["fkey", ",".join(keys), "|", "fwindow", kind]
    if kind == "first":
        late_by = rng.choice((0, 10, 100))
        return words, lambda rows: first(rows, keys, late_by), False, True, late_by
    if kind == "last":
        return words, lambda rows: last(rows, keys), True, True, None
    if kind == "top":
        n, rank = rng.choice((1, 2, 3, 10, 1000)), rng.random() < 0.5 and not changing
        words += [f"{n}:.v"] + (["--rank", "rank"] if rank else [])
        return words, lambda rows: top(rows, keys, n, "v", rank), True, True, None
    having = rng.random() < 0.3
    words += ["--agg", "n=count(),s=sum(.v)"] + (["--having", ".n % 2 == 1"] if having else [])
    return words, lambda rows: running(rows, keys, having), True, False, None


def ranked_over_changes(rng, rows):
    """A top behind a changing stream: of equal values any may be in, so that they are made different."""
    for i, (_, row) in enumerate(rows):
        if row.get("v") is not None:
            row["v"] = row["v"] * 10000 + i
    return rows


def job_of(rng, tmp, bindir):
    rows = ranked_over_changes(rng, records(rng))
    words, late_by, want, changing, whole = [], None, rows, False, True
    for i in range(rng.choice((1, 2, 2, 3))):
        if not whole:
            break
        stage, define, now_changing, whole, late = stage_of(rng, changing, whole)
        late_by = late if late is not None else late_by
        if late is not None and i > 0:
            continue  # only behind the source is it known what is late
        words += ["|"] + stage
        want, changing = define(want), now_changing
        if late is not None:
            break
    path = tmp / "in.ndjson"
    path.write_text("".join(json.dumps(r) + "\n" for _, r in rows), encoding="utf-8")
    source = ["fsource", str(path), "--time", "t", "--watermark", "each", "--out-of-order", f"{late_by or 0}ms"]
    line = " ".join(w if w == "|" else shlex.quote(w) for w in source + words + ["|", "fsink", "-"])
    env = {**{k: v for k, v in os.environ.items() if k != "FSTATE"}, "PATH": f"{bindir}:{os.environ['PATH']}"}
    return line, env, collections.Counter(name(r) for _, r in want)


def run_job(line, env, want):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, timeout=120, check=False, env=env)
    if done.returncode != 0:
        return f"status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}"
    got, fault = apply(done.stdout.decode().splitlines())
    if fault is None and got != want:
        fault = "\n".join([f"- {r}" for r in list((want - got).elements())[:8]] +
                          [f"+ {r}" for r in list((got - want).elements())[:8]])
    return fault


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    p.add_argument("--runs", type=int, default=30)
    p.add_argument("--only", type=int, help="run this job of the seed alone, from 1")
    p.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    conf = p.parse_args()
    print(f"seed {conf.seed}")
    numbers = [conf.only] if conf.only else range(1, conf.runs + 1)
    failed = 0
    for i in numbers:
        rng = random.Random(f"{conf.seed}/{i}")
        with tempfile.TemporaryDirectory(prefix="random_changes.") as tmp:
            line, env, want = job_of(rng, pathlib.Path(tmp), conf.bin.resolve())
            text = run_job(line, env, want)
        short = " | ".join(s for s in line.split(" | ")[1:-1])
        if text is None:
            print(f"ok {i} {short} ({sum(want.values())} rows)")
        else:
            failed += 1
            print(f"not ok {i} {short}: repeat with --seed {conf.seed} --only {i}\n{text}")
    print(f"{len(numbers) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
