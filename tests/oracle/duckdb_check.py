#!/usr/bin/env python3
"""duckdb_check -- tumbling aggregates over the flights, by Fjord and by DuckDB.

    scripts/deps-python && build/venv/bin/python tests/oracle/duckdb_check.py [--bin DIR]

Out-of-orderness is larger than the data, so nothing is late and SQL can say the same.  Last line: N passed, N failed.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import duckdb

import oracle as o
from random_windows import difference

ROOT = pathlib.Path(__file__).resolve().parents[2]
AGGS = {  # --agg, and what SQL calls it
    "n=count()": "count(*) as n",
    "total=sum({0})": "sum({0}) as total",
    "low=min({0})": "min({0}) as low",
    "high=max({0})": "max({0}) as high",
    "mean=avg({0})": "avg({0}) as mean",
    "kinds=distinct({0})": "count(distinct {0}) as kinds",
    "mid=quantile({0},0.5)": "quantile_cont({0}, 0.5) as mid",
}
CHECKS = [  # key fields, window, offset
    ("carrier", "1d", "0"),
    ("origin", "1h", "0"),
    ("origin,dest", "6h", "0"),
    ("carrier", "7d", "4d"),
    ("dest", "1d", "-8h"),
    ("", "15m", "5m"),
    ("tailnum", "30d", "0"),
]


def fjord(conf, path, time, number, key, size, offset):
    aggs = ",".join(a.format("." + number) for a in AGGS)
    stages = [[conf.bin / "fsource", path, "--time", time, "--out-of-order", "400d"]]
    if key:
        stages.append([conf.bin / "fkey", key])
    stages.append([conf.bin / "fwindow", "tumble", size, "--offset", offset, "--agg", aggs])
    stages.append([conf.bin / "fsink", "-"])
    procs, upstream = [], None
    for argv in stages:
        procs.append(subprocess.Popen(argv, stdin=upstream or subprocess.DEVNULL, stdout=subprocess.PIPE))
        if upstream:
            upstream.close()
        upstream = procs[-1].stdout
    lines = upstream.read().splitlines()
    status = [p.wait() for p in procs]
    if any(status):
        raise RuntimeError(f"statuses {status} of {' | '.join(' '.join(map(str, s)) for s in stages)}")
    return [json.loads(line) for line in lines]


def sql(db, time, number, key, size, offset):
    size, offset = o.duration(size), o.duration(offset)
    fields = "".join(f'"{k}", ' for k in key.split(",") if k)
    aggs = ", ".join(a.format(f'"{number}"') for a in AGGS.values())
    cursor = db.execute(f"""
        with timed as (select *, epoch_ms("{time}") as ms from flights),
             placed as (select *, ms - ((ms - {offset}) % {size} + {size}) % {size} as start from timed)
        select {fields} start as window_start, start + {size} as window_end, {aggs}
        from placed group by {fields} start""")
    names = [d[0] for d in cursor.description]
    rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    for row in rows:
        row["window_start"], row["window_end"] = o.time_text(row["window_start"]), o.time_text(row["window_end"])
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin")
    conf = p.parse_args()
    found = sorted((ROOT / "examples/data").glob("*flights*.csv*"))
    if not found:
        raise SystemExit("duckdb_check: no examples/data/*flights*.csv")
    db = duckdb.connect()
    db.execute(f"create table flights as select * from read_csv('{found[0]}', header = true, nullstr = '')")
    names = [r[0] for r in db.execute("describe flights").fetchall()]
    time = next(c for c in ("time", "at", "sched", "sched_dep", "time_hour") if c in names)
    number = next(c for c in ("dep_delay", "delay", "distance") if c in names)
    failed = 0
    for key, size, offset in CHECKS:
        try:
            text = difference(fjord(conf, found[0], time, number, key, size, offset),
                              sql(db, time, number, key, size, offset))
        except (RuntimeError, OSError, ValueError) as e:
            text = str(e)
        failed += text is not None
        print(f"{'not ok' if text else 'ok'} tumble {size} --offset {offset} by {key or 'nothing'}")
        if text:
            print(text)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
