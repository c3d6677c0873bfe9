#!/usr/bin/env python3
"""nexmark_duckdb -- the results of examples/nexmark beside those of DuckDB over the same events.

    scripts/deps-python
    build/venv/bin/python tests/oracle/nexmark_duckdb.py EVENTS.ndjson q0 RESULT.ndjson [q1 RESULT.ndjson ...]

EVENTS is the mixed stream of gen:nexmark, RESULT what the job of that query wrote.  The SQL is that of the Nexmark suite
for Flink as far as DuckDB has the same words.  A changing result (`op` in its lines) counts when all its changes are
applied, one that is told again and again by its last line for each key.  Prints ok or not ok for each query, and why;
last line: N passed, N failed.
"""
import datetime
import json
import math
import re
import sys
from collections import Counter

import duckdb

KINDS = {
    "person": "id BIGINT, name VARCHAR, email VARCHAR, creditCard VARCHAR, city VARCHAR, state VARCHAR",
    "auction": "id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT, "
               "expires TIMESTAMP, seller BIGINT, category BIGINT",
    "bid": "auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
EPOCH = datetime.datetime(1970, 1, 1)

WINNING = """
    SELECT A.id, A.seller, A.category, A.expires, max(B.price) AS final
    FROM auction A, bid B WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
    GROUP BY A.id, A.seller, A.category, A.expires"""
HOP = """
    SELECT auction, count(*) AS num, w AS window_end FROM
        (SELECT auction, unnest(generate_series(time_bucket(INTERVAL 2 SECOND, dateTime) + INTERVAL 2 SECOND,
            time_bucket(INTERVAL 2 SECOND, dateTime) + INTERVAL 10 SECOND, INTERVAL 2 SECOND)) AS w FROM bid)
    GROUP BY auction, w"""
TUMBLE = "time_bucket(INTERVAL 10 SECOND, dateTime)"
BANDS = {"rank1": "price < 10000", "rank2": "price >= 10000 AND price < 1000000", "rank3": "price >= 1000000"}
BAND_BIDS = ", ".join(f"count(*) FILTER (WHERE {c}) AS {b}_bids" for b, c in BANDS.items())
DISTINCT = ", ".join(
    f"count(DISTINCT {who}) AS total_{who}s, "
    + ", ".join(f"count(DISTINCT {who}) FILTER (WHERE {c}) AS {b}_{who}s" for b, c in BANDS.items())
    for who in ("bidder", "auction"))
DAY = "time_bucket(INTERVAL 1 DAY, dateTime)"
CHANNEL_ID = r"nullif(regexp_extract(url, '(&|^)channel_id=([^&]*)', 2), '')"

# What each query must give.
SQL = {
    "q0": "SELECT auction, bidder, price, dateTime, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": """SELECT P.name, P.city, P.state, A.id FROM auction A JOIN person P ON A.seller = P.id
        WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA')""",
    "q4": f"SELECT category, avg(final) AS avg FROM ({WINNING}) GROUP BY category",
    "q5": f"""SELECT A.auction, A.num FROM ({HOP}) A JOIN
        (SELECT max(num) AS maxn, window_end FROM ({HOP}) GROUP BY window_end) M
        ON A.window_end = M.window_end AND A.num >= M.maxn""",
    "q6": f"SELECT seller, id, final, expires FROM ({WINNING})",
    "q7": f"""SELECT B.auction, B.price, B.bidder, B.dateTime, B.extra FROM bid B JOIN
        (SELECT max(price) AS maxprice, {TUMBLE} + INTERVAL 10 SECOND AS dateTime FROM bid GROUP BY {TUMBLE}) M
        ON B.price = M.maxprice WHERE B.dateTime BETWEEN M.dateTime - INTERVAL 10 SECOND AND M.dateTime""",
    "q8": f"""SELECT P.id, P.name, P.starttime FROM
        (SELECT id, name, {TUMBLE} AS starttime FROM person GROUP BY ALL) P JOIN
        (SELECT seller, {TUMBLE} AS starttime FROM auction GROUP BY ALL) A
        ON P.id = A.seller AND P.starttime = A.starttime""",
    "q9": """SELECT * EXCLUDE (rownum) FROM
        (SELECT A.* EXCLUDE (kind, seq), B.auction, B.bidder, B.price, B.dateTime AS bid_dateTime, B.extra AS bid_extra,
            row_number() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.dateTime, B.seq) AS rownum
        FROM auction A, bid B WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires)
        WHERE rownum <= 1""",
    "q11": """SELECT bidder, count(*) AS bid_count, min(dateTime) AS window_start,
            max(dateTime) + INTERVAL 10 SECOND AS window_end FROM
        (SELECT bidder, dateTime, count(*) FILTER (WHERE begins) OVER (PARTITION BY bidder ORDER BY dateTime, seq) AS n
        FROM (SELECT *, coalesce(dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime, seq)
            > INTERVAL 10 SECOND, true) AS begins FROM bid)) GROUP BY bidder, n""",
    "q14": """SELECT auction, bidder, 0.908 * price AS price,
        CASE WHEN hour(dateTime) >= 8 AND hour(dateTime) <= 18 THEN 'dayTime'
            WHEN hour(dateTime) <= 6 OR hour(dateTime) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType,
        dateTime, extra, len(extra) - len(replace(extra, 'c', '')) AS c_counts
        FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q15": f"""SELECT {DAY} AS window_start, {DAY} + INTERVAL 1 DAY AS window_end, count(*) AS total_bids,
        {BAND_BIDS}, {DISTINCT} FROM bid GROUP BY {DAY}""",
    "q16": f"""SELECT channel, {DAY} AS window_start, {DAY} + INTERVAL 1 DAY AS window_end,
        max(date_trunc('minute', dateTime)) AS minute, count(*) AS total_bids, {BAND_BIDS}, {DISTINCT}
        FROM bid GROUP BY channel, {DAY}""",
    "q17": f"""SELECT auction, {DAY} AS day, count(*) AS total_bids, {BAND_BIDS}, min(price) AS min_price,
        max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price FROM bid GROUP BY auction, {DAY}""",
    "q18": """SELECT auction, bidder, price, channel, url, dateTime, extra FROM
        (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, seq DESC) AS rank_number
        FROM bid) WHERE rank_number <= 1""",
    "q19": """SELECT * FROM (SELECT * EXCLUDE (kind, seq),
            row_number() OVER (PARTITION BY auction ORDER BY price DESC, seq) AS rank_number FROM bid)
        WHERE rank_number <= 10""",
    "q20": """SELECT B.* EXCLUDE (kind, seq), A.itemName, A.description, A.initialBid, A.reserve, A.dateTime AS AdateTime,
        A.expires, A.seller, A.category, A.extra AS Aextra FROM bid B JOIN auction A ON B.auction = A.id
        WHERE A.category = 10""",
    "q21": f"""SELECT auction, bidder, price, channel, CASE WHEN lower(channel) = 'apple' THEN '0'
            WHEN lower(channel) = 'google' THEN '1' WHEN lower(channel) = 'facebook' THEN '2'
            WHEN lower(channel) = 'baidu' THEN '3' ELSE {CHANNEL_ID} END AS channel_id FROM bid
        WHERE {CHANNEL_ID} IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')""",
    "q22": """SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2,
        split_part(url, '/', 6) AS dir3 FROM bid""",
}
# Of results that are told again: what the last line of counts.
KEY = {
    "q4": ("category",),
    "q15": ("window_start",),
    "q16": ("channel", "window_start"),
    "q17": ("auction", "day"),
}


def same(v):
    """A value as both sides can have it: times as ms, numbers to 10 digits."""
    if isinstance(v, datetime.datetime):
        return (v - EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(v, str) and TIME.fullmatch(v):
        return same(datetime.datetime.fromisoformat(v[:-1]))
    if isinstance(v, int) or v is None or isinstance(v, str):
        return v
    return v if math.isinf(float(v)) else float(f"{float(v):.10g}")


def row(d):
    return frozenset((k, same(v)) for k, v in d.items())


def expected(db, name):
    cursor = db.execute(SQL[name])
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, r)) for r in cursor.fetchall()]


def applied(lines):
    """What is there after all changes."""
    there = Counter()
    for n, line in enumerate(lines, 1):
        op = line.pop("op")
        r = row(line)
        if op in ("+I", "+U"):
            there[r] += 1
        elif there[r] > 0:
            there[r] -= 1
        else:
            raise ValueError(f"line {n} takes back what is not there: {line}")
    return +there


def final(name, lines):
    if lines and "op" in lines[0]:
        return applied(lines)
    if name in KEY:
        lines = {tuple(r[k] for k in KEY[name]): r for r in lines}.values()
    return Counter(row(r) for r in lines)


def first_of(c, what):
    return "".join(f"\n    {what} {n} x {dict(sorted(r))}" for r, n in list(c.items())[:3])


def difference(name, lines, want):
    got, want = final(name, lines), Counter(row(r) for r in want)
    if got == want:
        return None
    missing, more = want - got, got - want
    return (f"{sum(missing.values())} results are missing, {sum(more.values())} are too many"
            + first_of(missing, "missing") + first_of(more, "too many"))


def last_ten(lines, auctions):
    """q6: auctions of one seller may close in the same ms; any order of those is right."""
    left, closed, prices = {a["id"]: a for a in auctions}, {}, {}
    for n, r in enumerate(lines, 1):
        a = left.pop(r["id"], None)
        if a is None or a["seller"] != r["seller"]:
            return f"line {n}: auction {r['id']} of seller {r['seller']} did not close, or did before"
        if a["expires"] < closed.get(a["seller"], a["expires"]):
            return f"line {n}: auction {r['id']} closed before the one in front of it"
        closed[a["seller"]] = a["expires"]
        last = prices.setdefault(a["seller"], [])
        last[:] = (last + [a["final"]])[-10:]
        if not math.isclose(r["avg"], sum(last) / len(last), rel_tol=1e-9):
            return f"line {n}: {r['avg']} instead of {sum(last) / len(last)}"
    return f"{len(left)} auctions are missing" if left else None


def open_events(path):
    db = duckdb.connect()
    for kind, columns in KINDS.items():
        columns = f"kind VARCHAR, {columns}, dateTime TIMESTAMP, extra VARCHAR"
        spec = ", ".join("'{}': '{}'".format(*c.split(" ")) for c in columns.split(", "))
        db.execute(f"""CREATE TABLE {kind} AS SELECT *, row_number() OVER () AS seq
            FROM read_json('{path}', format = 'newline_delimited', columns = {{{spec}}}) WHERE kind = '{kind}'""")
    return db


def check(db, name, path):
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    want = expected(db, name)
    return last_ten(lines, want) if name == "q6" else difference(name, lines, want)


def main(argv):
    if len(argv) < 4 or len(argv) % 2 != 0:
        raise SystemExit(__doc__)
    db, failed, pairs = open_events(argv[1]), 0, list(zip(argv[2::2], argv[3::2]))
    for name, path in pairs:
        try:
            why = check(db, name, path)
        except (OSError, ValueError, KeyError) as e:
            why = f"{type(e).__name__}: {e}"
        failed += why is not None
        print(f"not ok {name}: {why}" if why else f"ok {name}")
    print(f"{len(pairs) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
