#!/usr/bin/env python3
"""The join oracle on cases worked out by hand, against itself in random orders of events, and, where DuckDB is
there (build/venv/bin/python), against SQL.  The last line is 'N passed, N failed'.

    test_joins.py [--seed S]
"""
import argparse
import collections
import random
import sys

import joins as j

try:
    import duckdb
except ImportError:
    duckdb = None

CASES = []


def case(fn):
    CASES.append(fn)
    return fn


def rows(*items):
    """(time, key[, op]) -> Rows, numbered by arrival."""
    return [j.Row(i, t[0], {"k": t[1]}, *t[2:]) for i, t in enumerate(items)]


def seqs(results):
    """[(left seq, right seq)], sorted; None where there is no such row."""
    pairs = [(r.left and r.left.seq, r.right and r.right.seq) for r in results]
    return sorted(pairs, key=lambda p: [-1 if x is None else x for x in p])


def at(results):
    return [sorted(r.times) for r in results]


def events(*steps):
    """("l", time, key), ("r", time, key) or ("l mark", ms), with rows numbered, and marks of MAX behind."""
    out, n = [], {"l": 0, "r": 0}
    for what, *rest in steps:
        if what in n:
            out.append((what, j.Row(n[what], rest[0], {"k": rest[1]}, *rest[2:])))
            n[what] += 1
        else:
            out.append((what, rest[0]))
    return out + [("l mark", j.MAX), ("r mark", j.MAX)]


def late(run):
    return [(side, row.time) for side, row in run.late]


def same(got, want):
    if got != want:
        raise AssertionError(f"\n  got  {got}\n  want {want}")


# ---- by hand -------------------------------------------------------------------------------------------------

@case
def c36_both_ends_in_and_greater_time():
    join = j.Join("within", lo=-5, hi=3)
    got = j.complete(join, rows((100, 1)), rows((94, 1), (95, 1), (100, 1), (103, 1), (104, 1)))
    same((seqs(got), at(got)), ([(0, 1), (0, 2), (0, 3)], [[100], [100], [103]]))
    got = j.complete(j.Join("within", lo=2, hi=2), rows((100, 1)), rows((101, 1), (102, 1), (103, 1)))
    same((seqs(got), at(got)), ([(0, 1)], [[102]]))


@case
def c36_late_is_strict():
    marks = (("l mark", 100), ("r mark", 100))
    run = j.ordered(j.Join("within", lo=0, hi=0), events(("r", 100, 1), *marks, ("l", 99, 1), ("l", 100, 1)))
    same(late(run), [("l", 99)])
    same(seqs(run.results), [])                     # the right row was kept until WM >= 100 + max(-0, 0)
    run = j.ordered(j.Join("within", lo=-1, hi=0), events(("r", 100, 1), *marks, ("l", 100, 1), ("r", 99, 1)))
    same((seqs(run.results), late(run)), ([(0, 0)], [("r", 99)]))


@case
def c36_kept_while_partners_may_come():
    join = j.Join("within", lo=0, hi=5)
    run = j.ordered(join, events(("l", 100, 1), ("l mark", 104), ("r mark", 104), ("r", 105, 1)))
    same((seqs(run.results), at(run.results)), ([(0, 0)], [[105]]))
    run = j.ordered(join, events(("l", 100, 1), ("l mark", 105), ("r mark", 105), ("r", 105, 1)))
    same(seqs(run.results), [])                     # WM >= 100 + 5: forgotten, though 105 is not late
    run = j.ordered(join, events(("l", 100, 1), ("l mark", 500), ("r mark", 104), ("r", 104, 1)))
    same(seqs(run.results), [(0, 0)])               # the minimum of both inputs counts


@case
def c37_outer_keeps_the_last_millisecond():
    join = j.Join("within", "left", lo=0, hi=5)
    run = j.ordered(join, events(("l", 100, 1), ("l mark", 105), ("r mark", 105), ("r", 105, 1)))
    same(seqs(run.results), [(0, 0)])
    run = j.ordered(join, events(("l", 100, 1), ("l mark", 106), ("r mark", 106), ("r", 105, 1)))
    same((seqs(run.results), at(run.results), late(run)), ([(0, None)], [[100]], [("r", 105)]))


@case
def c37_out_of_range_on_arrival():
    join = j.Join("within", "full", lo=-5, hi=-3)   # the right row comes first, by 3 to 5 ms
    run = j.Within(join, j.Names(["k"], ["k"]))
    for e in events(("l mark", 99), ("r mark", 99), ("l", 100, 1), ("r", 100, 1))[:4]:
        run.event(*e)
    same(seqs(run.results), [(0, None)])            # 99 > 100 - 3: at once; the right one may still find a left
    for e in events(("l mark", 106), ("r mark", 106))[:2]:
        run.event(*e)
    same((seqs(run.results), at(run.results)), ([(None, 0), (0, None)], [[100], [100]]))


@case
def types_of_a_join():
    left, right = rows((1, 1), (1, 2), (1, None)), rows((1, 2), (1, 2), (1, 3), (1, None))
    def got(kind):
        return seqs(j.complete(j.Join("within", kind), left, right))
    pairs = [(1, 0), (1, 1)]
    same(got("inner"), pairs)
    same(got("left"), [(0, None)] + pairs + [(2, None)])
    same(got("right"), [(None, 2), (None, 3)] + pairs)
    same(got("full"), [(None, 2), (None, 3), (0, None)] + pairs + [(2, None)])
    same(got("semi"), [(1, None)])
    same(got("anti"), [(0, None), (2, None)])


@case
def semi_once_at_its_first_match():
    left, right = rows((100, 1)), rows((105, 1), (103, 1), (97, 1))
    got = j.complete(j.Join("within", "semi", lo=-5, hi=5), left, right)
    same((seqs(got), at(got)), ([(0, None)], [[100, 103, 105]]))
    run = j.ordered(j.Join("within", "semi", lo=-5, hi=5), events(("l", 100, 1), ("r", 105, 1), ("r", 103, 1)))
    same((seqs(run.results), at(run.results)), ([(0, None)], [[105]]))


@case
def keys_are_equal_as_values():
    left = rows(*((1, k) for k in (1, "1", True, 0, None, 2**53, "a")))
    right = rows(*((1, k) for k in (1.0, "1", 1, -0.0, None, float(2**53), 2**53 + 1, True)))
    want = [(0, 0), (0, 2), (1, 1), (2, 7), (3, 3), (5, 5)]
    same(seqs(j.complete(j.Join("lookup"), left, right)), want)
    left, right = [j.Row(0, 1, {"a": {"b": 7}, "c": "x"})], [j.Row(0, 1, {"k": 7, "m": "x"}), j.Row(1, 1, {"k": 7})]
    same(seqs(j.complete(j.Join("lookup", left_on=("a.b", "c"), right_on=("k", "m")), left, right)), [(0, 0)])


@case
def c38_windows():
    left, right = rows((0, 1), (4999, 1), (5000, 1), (5001, 2)), rows((1, 1), (5000, 1), (5002, 3))
    join = j.Join("window", "full", window="tumble 5s")
    got = j.complete(join, left, right)
    same(seqs(got), [(None, 2), (0, 0), (1, 0), (2, 1), (3, None)])
    same({(r.window, *r.times) for r in got}, {((0, 5000), 4999), ((5000, 10000), 9999)})
    join.type, join.window = "inner", "slide 10s/5s"
    same(seqs(j.complete(join, left, right)), [(0, 0), (0, 0), (0, 1), (1, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 1)])
    join.window = "cumulate 4s/2s"
    same(seqs(j.complete(join, left, right)), [(0, 0), (0, 0), (1, 1), (1, 1), (2, 1), (2, 1)])
    join.type = "anti"                              # in each window where it is alone
    same(seqs(j.complete(join, rows((0, 1)), rows((2000, 1)))), [(0, None)])


@case
def c10_sessions_span_both_sides():
    join = j.Join("window", "left", window="session 10ms")
    left, right = rows((0, 1), (31, 1), (10, 2)), rows((10, 1), (20, 1))
    got = j.complete(join, left, right)
    same((seqs(got), at(got)), ([(0, 0), (0, 1), (1, None), (2, None)], [[19], [29], [29], [40]]))


@case
def c3_c6_late_for_a_window():
    marks = (("l mark", 4999), ("r mark", 4999))
    join = j.Join("window", window="tumble 5s")
    steps = [("l", 1, 1), ("r", 2, 1), ("l mark", 4998), ("r mark", 4999), ("r", 3, 1), *marks, ("r", 4, 1),
             ("l", 5000, 1)]
    run = j.ordered(join, events(*steps))
    same((seqs(run.results), late(run)), ([(0, 0), (0, 1)], [("r", 4)]))
    join.window = "slide 10s/5s"
    run = j.ordered(join, events(("l", 1, 1), *marks, ("r", 2, 1)))
    same((seqs(run.results), late(run)), ([(0, 0)], []))         # gone from [-5, 5), taken by [0, 10)
    join.window = "slide 1s/5s"
    run = j.ordered(join, events(*marks, ("r", 1000, 1), ("r", 6000, 1)))
    same(late(run), [("r", 1000)])                               # in no window: late once WM has passed it


@case
def c11_sessions_merge_before_lateness():
    join = j.Join("window", window="session 10ms")
    marks = (("l mark", 100), ("r mark", 100))
    run = j.ordered(join, events(("l", 95, 1), ("l", 102, 1), *marks, ("r", 88, 1), ("r", 80, 2)))
    same((seqs(run.results), late(run)), ([(0, 0), (1, 0)], [("r", 80)]))
    same(at(run.results), [[111], [111]])


@case
def c39_newest_not_younger():
    right = rows((90, 1), (100, 1), (100, 1), (101, 1), (100, 2))
    got = j.complete(j.Join("asof"), rows((100, 1), (99, 1), (89, 1)), right)
    same((seqs(got), at(got)), ([(0, 2), (1, 0)], [[100], [99]]))
    same(seqs(j.complete(j.Join("asof", "left", span=9), rows((100, 1), (99, 1), (110, 1), (111, 1)), right)),
         [(0, 2), (1, 0), (2, 3), (3, None)])
    join = j.Join("asof", "left", match=lambda l, r, w: False)   # no older one is tried
    same(seqs(j.complete(join, rows((100, 1)), right)), [(0, None)])
    same(seqs(j.complete(j.Join("asof", "anti"), rows((89, 1), (100, None)), right)), [(0, None), (1, None)])


@case
def c39_deleted_version():
    right = rows((90, 1), (95, 1, "-D"), (99, 1))
    same(seqs(j.complete(j.Join("asof", "left"), rows((94, 1), (95, 1), (98, 1), (99, 1)), right)),
         [(0, 0), (1, None), (2, None), (3, 2)])


@case
def c39_late_is_not_strict():
    marks = (("l mark", 100), ("r mark", 100))
    run = j.ordered(j.Join("asof", "left"), events(("r", 90, 1), *marks, ("l", 100, 1), ("r", 95, 1), ("l", 101, 1)))
    same((seqs(run.results), late(run)), ([(1, 1)], [("l", 100)]))     # right rows are never late
    run = j.ordered(j.Join("asof"), events(("l", 99, 1), ("r", 90, 1), *marks, ("r", 95, 1)))
    same(seqs(run.results), [(0, 0)])               # 95 came after the left row had gone
    run = j.ordered(j.Join("asof"), events(("r", 90, 1), ("l", 99, 1), ("l", 98, 1), *marks))
    same([r.left.seq for r in run.results], [0, 1])  # left arrival order


@case
def c43_regular_join():
    left, right = rows((0, 1), (10, 2), (None, 1)), rows((9, 1), (10, 1), (20, 2))
    join = j.Join("ttl", "left", span=10)
    same(seqs(j.complete(join, left, right)), [(0, 0), (1, None), (2, 0), (2, 1)])
    join.span = None
    same(seqs(j.complete(join, left, right)), [(0, 0), (0, 1), (1, 2), (2, 0), (2, 1)])


@case
def fields_of_results():
    left = [j.Row(0, 1, {"k": 1, "v": 2})]
    right = [j.Row(0, 1, {"k": 1.0, "v": 3, "w": 4}), j.Row(1, 1, {"k": 5, "v": 6})]
    join = j.Join("within", "right")
    got = [r.fields for r in j.complete(join, left, right)]
    same(got, [{"k": 1, "v": 2, "v_r": 3, "w": 4}, {"k": 5, "v": None, "v_r": 6}])
    join.on, join.type = False, "left"
    same([r.fields for r in j.complete(join, left, right)], [{"k": 1, "v": 2, "k_r": 1.0, "v_r": 3, "w": 4}])
    same([r.fields for r in j.complete(join, left, [])], [{"k": 1, "v": 2}])
    join.select = ["l.*", ("sum", lambda l, r, w: l["v"] + r["w"])]
    same([r.fields for r in j.complete(join, left, right)], [{"k": 1, "v": 2, "sum": 6}])
    same([r.fields for r in j.complete(j.Join("within", "semi"), left, right)], [{"k": 1, "v": 2}])


@case
def table_of_changes():
    changes = [{"op": "+I", "a": 1, "b": None}, {"op": "-D", "a": 1}, {"op": "+I", "a": 1, "b": 2},
               {"op": "-U", "b": 2, "a": 1}, {"op": "+U", "a": 1, "b": 3}, {"op": "+I", "a": 1, "b": 3}]
    same(j.table(changes), ['{"a":1,"b":3}'] * 2)
    try:
        j.table(changes[:2] + changes[1:2])
    except ValueError as e:
        same(str(e).startswith("change 3 "), True)
    else:
        raise AssertionError("a row that is not there was taken back")


# ---- against itself ------------------------------------------------------------------------------------------

TYPES = ("inner", "left", "right", "full", "semi", "anti")
LEFT_TYPES = ("inner", "left", "semi", "anti")


def random_join(rng):
    lo, hi = sorted((rng.randint(-8, 8), rng.randint(-8, 8)))
    kind = rng.choice(("within", "window", "asof"))
    match = rng.choice((None, None, lambda l, r, w: l["v"] < r["v"]))
    window = rng.choice(("tumble 5ms", "slide 6ms/2ms", "slide 2ms/5ms", "cumulate 6ms/2ms", "session 5ms"))
    return j.Join(kind, rng.choice(TYPES if kind != "asof" else LEFT_TYPES), lo=lo, hi=hi,
                  window=window, span=rng.choice((None, 0, 3)), match=match)


def random_rows(rng, keys=3, op=False, step=1):
    return [j.Row(i, rng.randint(0, 40) * step, {"k": rng.choice((None, *range(keys))), "v": rng.randint(0, 5)},
                  "-D" if op and rng.random() < 0.1 else "+I") for i in range(rng.randint(0, 25))]


def shuffled(rng, left, right):
    """An order of events in which no record is late: marks lie below all that is still to come."""
    waiting = {"l": list(left), "r": list(right)}
    out = []
    while waiting["l"] or waiting["r"]:
        side = rng.choice([s for s in "lr" if waiting[s]])
        out.append((side, waiting[side].pop(0)))
        if rng.random() < 0.5:
            side = rng.choice("lr")
            out.append((side + " mark", min((r.time for r in waiting[side]), default=j.MAX) - 1))
    return out + [("l mark", j.MAX), ("r mark", j.MAX)]


def comparable(results):
    return collections.Counter(repr((r.left, r.right, r.window, sorted(r.fields.items(), key=str))) for r in results)


def itself(rng):
    """The two modes agree where nothing is late, whatever the order of events."""
    for _ in range(300):
        join = random_join(rng)
        step = 2 if join.kind == "window" else 1    # see complete(): no two rows exactly a session's gap apart
        left, right = random_rows(rng, step=step), random_rows(rng, op=join.kind == "asof", step=step)
        run = j.ordered(join, shuffled(rng, left, right))
        same(run.late, [])
        want = j.complete(join, left, right)
        got, need = comparable(run.results), comparable(want)
        if got != need:
            raise AssertionError(f"{join}\n  too many {got - need}\n  missing {need - got}")
        allowed = {(r.left and r.left.seq, r.right and r.right.seq, r.window): r.times for r in want}
        for r in run.results:
            same(r.times <= allowed[(r.left and r.left.seq, r.right and r.right.seq, r.window)], True)


# ---- against SQL ---------------------------------------------------------------------------------------------

SQL = {
    "inner": "select l.seq, r.seq from l join r on {}",
    "left": "select l.seq, r.seq from l left join r on {}",
    "right": "select l.seq, r.seq from l right join r on {}",
    "full": "select l.seq, r.seq from l full join r on {}",
    "semi": "select l.seq, null from l where exists (select 1 from r where {})",
    "anti": "select l.seq, null from l where not exists (select 1 from r where {})",
}
SQL_ASOF = {
    "inner": "select l.seq, r.seq from l asof join r on {}",
    "left": "select l.seq, r.seq from l asof left join r on {}",
}


def load(db, name, side):
    db.execute(f"create or replace table {name} (seq int, t int, k int, v int)")
    if side:
        db.executemany(f"insert into {name} values (?, ?, ?, ?)",
                       [(r.seq, r.time, r.fields["k"], r.fields["v"]) for r in side])


def question(rng):
    """(join, SQL that asks the same)"""
    kind = rng.choice(("within", "tumble", "asof", "ttl", "lookup"))
    lo, hi = sorted((rng.randint(-8, 8), rng.randint(-8, 8)))
    on = "l.k = r.k"
    join = j.Join(kind, rng.choice(TYPES if kind != "lookup" else LEFT_TYPES), lo=lo, hi=hi,
                  span=rng.choice((None, 7)), window="tumble 5ms")
    if kind == "within":
        on += f" and r.t - l.t between {lo} and {hi}"
    elif kind == "ttl" and join.span:
        on += f" and abs(l.t - r.t) < {join.span}"
    elif kind == "tumble":
        join.kind = "window"
        on += " and l.t // 5 = r.t // 5"
    elif kind == "asof":
        join.type, join.span = rng.choice(tuple(SQL_ASOF)), None
        return join, SQL_ASOF[join.type].format(on + " and l.t >= r.t")
    if rng.random() < 0.3:
        on += " and l.v < r.v"
        join.match = lambda l, r, w: l["v"] < r["v"]
    return join, SQL[join.type].format(on)


def sql(rng):
    db = duckdb.connect()
    for _ in range(150):
        join, text = question(rng)
        left, right = random_rows(rng), random_rows(rng)
        if join.kind == "asof":                     # which of equal times SQL takes is not said
            right = list({(r.time, r.fields["k"]): r for r in right}.values())
        load(db, "l", left)
        load(db, "r", right)
        want = sorted(db.execute(text).fetchall(), key=lambda p: [-1 if x is None else x for x in p])
        same(seqs(j.complete(join, left, right)), want)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    seed = p.parse_args().seed
    print(f"seed {seed}")
    cases = [(fn.__name__, fn) for fn in CASES] + [("both_modes_agree", lambda: itself(random.Random(seed)))]
    if duckdb:
        cases.append(("duckdb_agrees", lambda: sql(random.Random(seed))))
    else:
        print("duckdb is not there: not asked")
    failed = 0
    for name, fn in cases:
        try:
            fn()
            print("ok", name)
        except Exception as e:                      # a crash of the oracle is a failed case
            failed += 1
            print("not ok", name, repr(e) if not isinstance(e, AssertionError) else e)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
