"""changing -- what a changing stream comes to: its changes applied one by one, or the last line of each key."""

import collections
import json

import oracle


def name(row):
    """One text for rows that are equal; null and missing are, since schemas may come early or late."""
    return oracle.dump({k: row[k] for k in sorted(row) if row[k] is not None})


def rows_of(lines):
    return [json.loads(line) for line in lines]


def split(row):
    """(op, the rest)"""
    return row.get("op", "+I"), {k: v for k, v in row.items() if k != "op"}


def table(lines):
    """What is left, as a Counter of names; whatever the order of the lines."""
    count = collections.Counter()
    for op, row in map(split, rows_of(lines)):
        count[name(row)] += 1 if op[0] == "+" else -1
    return count


def newest(lines, key):
    """The same of upserts: the last row of each key."""
    rows = {}
    for op, row in map(split, rows_of(lines)):
        rows[row[key]] = None if op == "-D" else row
    return collections.Counter(name(row) for row in rows.values() if row is not None)


def wrong_order(lines):
    """Does one take back what is not there yet?  '', or which."""
    have = collections.Counter()
    for n, (op, row) in enumerate(map(split, rows_of(lines)), 1):
        have[name(row)] += 1 if op[0] == "+" else -1
        if have[name(row)] < 0:
            return f"line {n} takes back what is not there: {op} {name(row)}"
    return ""


def difference(got, want):
    """'' if the Counters of names are the same, else the first that differ."""
    both = [(n, got[n], want[n]) for n in sorted(got.keys() | want.keys()) if got[n] != want[n]]
    text = "".join(f"\n    {have}x, expected {need}x {n[:200]}" for n, have, need in both[:6])
    return text and f"{len(both)} rows differ of {want.total()}{text}"
