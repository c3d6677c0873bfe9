#!/usr/bin/env python3
"""The oracle on cases worked out by hand from the rules; the last line is 'N passed, N failed'."""
import sys

import oracle as o

CASES = []


def case(fn):
    CASES.append(fn)
    return fn


def run(words, *records):
    """Records are (seconds, key) or (seconds, key, value); marks after each record."""
    conf = o.options().parse_args(["--time", "t", "--watermark", "each"] + words)
    rows = [dict(zip(("t", "k", "v"), r)) for r in records]
    oracle = o.Oracle(conf)
    oracle.run(rows)
    return oracle


def spans(oracle, name="count"):
    """Results as (start, end, value) in seconds."""
    return [(o.time_ms(r["window_start"]) / 1000, o.time_ms(r["window_end"]) / 1000, r[name])
            for r in oracle.results]


def same(got, want):
    if got != want:
        raise AssertionError(f"\n  got  {got}\n  want {want}")


@case
def c1_watermark():
    conf = o.options().parse_args(["--time", "t", "--watermark", "each", "--out-of-order", "2s", "global"])
    marks = [e[1] for e in o.events([{"t": 10}, {"t": 7}, {"t": 11}], conf) if e[0] == "mark"]
    same(marks, [7999, 8999, o.MAX])
    conf.watermark = "auto"
    marks = [e[1] for e in o.events([{"t": i} for i in range(2500)], conf) if e[0] == "mark"]
    same(marks, [999_000 - 2001, 1_999_000 - 2001, o.MAX])


@case
def c2_c3_fire_and_late():
    r = run(["tumble", "5s"], (1, "a"), (4, "a"), (5, "a"), (4, "a"))
    same(spans(r), [(0, 5, 2), (5, 10, 1)])
    same(r.late, [{"t": 4, "k": "a"}])
    r = run(["tumble", "5s", "--out-of-order", "1s"], (1, "a"), (5, "a"), (4, "a"), (6, "a"), (4, "a"))
    same((spans(r), r.dropped), ([(0, 5, 2), (5, 10, 2)], 1))


@case
def c5_refire_per_element():
    r = run(["tumble", "5s", "--lateness", "3s"], (1, "a"), (5, "a"), (2, "a"), (3, "a"), (8, "a"), (4, "a"))
    # marks: 0.999 4.999 4.999 4.999 7.999; the window is cleared at 4.999 + 3 <= 7.999
    same(spans(r), [(0, 5, 1), (0, 5, 2), (0, 5, 3), (5, 10, 2)])
    same(r.late, [{"t": 4, "k": "a"}])


@case
def c6_slide_late_for_some():
    r = run(["slide", "10s/5s"], (1, "a"), (5, "a"), (4, "a"), (10, "a"), (4, "a"))
    same(spans(r), [(-5, 5, 1), (0, 10, 3), (5, 15, 2), (10, 20, 1)])
    same(r.late, [{"t": 4, "k": "a"}])


@case
def c7_window_start():
    same(o.window_start(-1, 0, 10), -10)
    same(o.window_start(-10, 0, 10), -10)
    same(o.window_start(0, -3, 10), -3)


@case
def c8_slide_counts_and_gaps():
    r = run(["slide", "3s/2s"], (0, "a"), (1, "a"))
    same(spans(r), [(-2, 1, 1), (0, 3, 2)])
    r = run(["slide", "1s/2s"], (0, "a"), (1, "a"), (2, "a"))
    same((spans(r), r.dropped), ([(0, 1, 1), (2, 3, 1)], 0))


@case
def c9_zone_days():
    day = o.time_ms("2024-03-10T12:00:00-04:00") // 1000      # 23 h in New York
    r = run(["tumble", "1d", "--tz", "America/New_York"], (day, "a"))
    same([(w["window_start"], w["window_end"]) for w in r.results],
         [("2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z")])
    day = o.time_ms("2024-11-03T12:00:00-05:00") // 1000      # 25 h
    r = run(["tumble", "1d", "--tz", "America/New_York"], (day, "a"))
    same([(w["window_start"], w["window_end"]) for w in r.results],
         [("2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z")])


@case
def c10_sessions_touch():
    same(spans(run(["session", "10s"], (0, "a"), (10, "a"))), [(0, 20, 2)])
    same(spans(run(["session", "10s"], (0, "a"), (11, "a"))), [(0, 10, 1), (11, 21, 1)])


@case
def c11_merge_before_lateness():
    r = run(["session", "10s", "--key", "k", "--out-of-order", "1s"], (95, "a"), (101.001, "a"), (88, "a"), (80, "b"))
    same(spans(r), [(88, 111.001, 3)])                        # mark 100.000: alone, 98 would be late
    same(r.late, [{"t": 80, "k": "b"}])


@case
def c12_bridge_after_firing():
    r = run(["session", "10s", "--lateness", "1h"], (0, "a"), (15, "a"), (30, "b"), (8, "a"))
    same(spans(r), [(0, 10, 1), (15, 25, 1), (0, 25, 3), (30, 40, 1)])
    r = run(["session", "10s", "--lateness", "1h"], (0, "a"), (15, "a"), (8, "a"))
    same(spans(r), [(0, 10, 1), (0, 25, 3)])


@case
def c13_count():
    r = run(["count", "2", "--agg", "count,v=collect(.v)"], *((i, "a", i) for i in range(5)))
    same([w["v"] for w in r.results], [[0, 1], [2, 3]])
    r = run(["count", "3/2", "--agg", "v=collect(.v)"], *((i, "a", i) for i in range(6)))
    same([w["v"] for w in r.results], [[0, 1], [1, 2, 3], [3, 4, 5]])


@case
def cumulate_windows():
    r = run(["cumulate", "4s/1s"], (0, "a"), (2, "a"), (5, "a"))
    same(spans(r), [(0, 1, 1), (0, 2, 1), (0, 3, 2), (0, 4, 2), (4, 6, 1), (4, 7, 1), (4, 8, 1)])


@case
def keys_running_global():
    r = run(["global", "--key", "k"], (0, 1), (1, 1.0), (2, "1"), (3, None))
    same([(w["k"], w["count"]) for w in r.results], [(None, 1), (1, 2), ("1", 1)])
    r = run(["running", "--key", "k", "--agg", "s=sum(v)"], (0, "a", 1), (1, "b", 5), (2, "a", 2))
    same([(w["k"], w["s"]) for w in r.results], [("a", 1), ("b", 5), ("a", 3)])
    same(run(["global"]).results, [])


@case
def top_with_rank_and_ties():
    r = run(["tumble", "10s", "--key", "k", "--top", "2:.n", "--rank", "r", "--agg", "n=sum(.v)"],
            (0, "c", 5), (0, "b", 5), (0, "a", 1))
    same([(w["k"], w["r"]) for w in r.results], [("b", 1), ("c", 2)])


@case
def having():
    r = run(["tumble", "5s", "--having", ".count > 1"], (0, "a"), (1, "a"), (5, "a"))
    same(spans(r), [(0, 5, 2)])


@case
def aggregates():
    words = ["global", "--agg", "sum(.v),min(.v),max(.v),avg(.v),first(.v),last(.v),distinct(.v),quantile(.v,0.5)"]
    want = {"sum_v": 8.5, "min_v": 1, "max_v": 4.5, "avg_v": 8.5 / 3, "first_v": 3, "last_v": 4.5,
            "distinct_v": 3, "quantile_v": 3.0}
    same(run(words, (0, "a", 3), (1, "a", None), (2, "a", 1), (3, "a", 4.5)).results, [want])
    same(run(["global", "--agg", "sum(v),avg(v)"], (0, "a", None)).results, [{"sum_v": None, "avg_v": None}])


@case
def cells_and_times():
    texts = ["", "7", "007", "1e3", "-0", "-5", "2.5", "2.50", "5.0", "1e+21", "1e21", "9223372036854775808", "x"]
    want = [None, 7, "007", "1e3", -0.0, -5, 2.5, "2.50", 5.0, 1e21, "1e21", "9223372036854775808", "x"]
    same([o.cell(t) for t in texts], want)
    same([o.f64_text(v) for v in (1e-6, 1e-7, 123.25, -0.5)], ["0.000001", "1e-7", "123.25", "-0.5"])
    same(o.time_ms(99_999_999_999), 99_999_999_999_000)
    same(o.time_ms(100_000_000_000), 100_000_000_000)
    same(o.time_ms("2013-01-01 05:00:00"), o.time_ms("2013-01-01T05:00:00Z"))
    same(o.time_text(-1), "1969-12-31T23:59:59.999Z")
    same((o.duration("1h30m"), o.duration("-8h"), o.duration("250ms")), (5_400_000, -28_800_000, 250))


def main():
    failed = 0
    for fn in CASES:
        try:
            fn()
            print("ok", fn.__name__)
        except Exception as e:                                # a crash of the oracle is a failed case
            failed += 1
            print("not ok", fn.__name__, repr(e) if not isinstance(e, AssertionError) else e)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
