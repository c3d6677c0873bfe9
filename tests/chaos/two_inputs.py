"""two_inputs -- a random fjoin over two sources, one faster than the other.

No record is late, so that nothing that comes out depends on timing: the oracle is complete() of tests/oracle/joins.py.
"""

import collections
import shlex

import changing
import jobs
import joins
import oracle

TYPES = ("inner", "left", "right", "full", "semi", "anti")
LEFT_TYPES = ("inner", "left", "semi", "anti")
# A side's own names, so that no field's name in the result depends on which schema comes first.
FIELDS = {"l": ("at", "v", "i", "f"), "r": ("rat", "w", "j", "h")}


class Side:
    """One input: name.0.ndjson ..., ordered by arrival."""

    def __init__(self, name, rng, records, files, seconds):
        self.name, self.records, self.files, self.seconds = name, records, files, seconds
        self.watermark = rng.choice(("each", "auto"))
        self.rows = []

    def text(self, bound, parallel):
        share = self.records / min(self.files, parallel) / self.seconds
        words = ["fsource", *[f"{self.name}.{f}.ndjson" for f in range(self.files)], "--time", FIELDS[self.name][0],
                 "--out-of-order", f"{bound}ms", "--watermark", self.watermark, "--rate", f"{max(1, int(share * parallel))}/s"]
        return shlex.join(words) + " | fkey user"

    def write(self, where, rng, job):
        """All times are even, and those of different files differ: none is a session's gap away, ties are in one file."""
        time, number, i, f = FIELDS[self.name]
        each = self.records // self.files
        for file in range(self.files):
            at, rows = jobs.START, []
            for n in range(each):
                at += 4 * rng.randrange(2 * job.span // self.records * self.files // 4 + 1)
                rows.append({time: at - 4 * rng.randint(0, job.disorder // 4) + 2 * file,
                             "user": rng.choice(job.users_of(self.name)), number: rng.randrange(100), i: n, f: file})
            (where / f"{self.name}.{file}.ndjson").write_text("".join(oracle.dump(r) + "\n" for r in rows), encoding="utf-8")
            self.rows += rows

    def of(self, user):
        return [joins.Row(n, row[FIELDS[self.name][0]], row) for n, row in enumerate(self.rows) if row["user"] == user]


class Join(jobs.Job):
    def __init__(self, rng, seconds, plain):
        super().__init__(rng, seconds, plain)
        how = rng.choice(("within", "within", "window", "window", "asof", "ttl", "ttl", "ttl", "lookup"))
        self.span = 400_000  # ms of event time, of both sides
        self.disorder = rng.choice((0, 400, 20_000))
        self.users = rng.randint(4, 8) if self.partition else rng.randint(10, 40)
        self.ever = how == "lookup" or how in ("asof", "ttl") and rng.random() < 0.3  # all of a user may meet
        most = 700 if self.ever else 2500
        self.sides = [Side(name, rng, rng.randrange(most // 4, most), rng.choice((1, 1, 2)),
                           seconds * rng.uniform(0.4, 1)) for name in "lr"]
        rng.choice(self.sides).seconds = seconds
        self.join = joins.Join(how, rng.choice(LEFT_TYPES if how in ("asof", "lookup") else TYPES), ("user",), ("user",))
        self.flags = ["--on", "user", *self.random_flags(rng), "--type", self.join.type]
        if rng.random() < 0.3:
            self.flags += ["--match", ".l.v < .r.w"]
            self.join.match = lambda l, r, w: l["v"] < r["w"]
        self.by_stdin = rng.random() < 0.3
        self.is_changing = how == "ttl" and self.join.type not in ("inner", "semi")
        self.sums = self.is_changing and rng.random() < 0.4
        self.kind = f"join-{how}-{self.join.type}" + ("-running" if self.sums else "")
        if self.sums and (self.sink == "out.ndjson" or plain) and rng.random() < 0.5:
            self.changes = ["--changes", "upsert"]

    def random_flags(self, rng):
        """So that a left record has about one partner, or a few."""
        about = int(rng.uniform(0.5, 3) * self.span * self.users / self.sides[1].records)
        join = self.join
        if join.kind == "within":
            join.lo = rng.choice((-1, -1, 0, 1)) * rng.randrange(about)
            join.hi = join.lo + about
            return [f"--within={join.lo}ms..{join.hi}ms"]
        if join.kind == "window":
            session = max(1, about // self.users) | 1
            join.window = rng.choice((f"tumble {about}ms", f"slide {about}ms/{about // 2}ms", f"session {session}ms"))
            return ["--window", join.window]
        if join.kind == "lookup":
            return ["--lookup"]
        join.span = None if self.ever else about
        return [f"--{join.kind}", "inf" if join.span is None else f"{join.span}ms"]

    def users_of(self, name):
        """Some are in both sides, some in one alone."""
        alone = self.users // 5 if name == "r" else 0
        return [f"u{n}" for n in range(alone, alone + self.users)]

    # -- its text

    def stages(self):
        left, right = (s.text(self.disorder + 1, self.parallel) for s in self.sides)
        flags = shlex.join(self.flags)
        both = f"{left} | fjoin - <({right}) {flags}" if self.by_stdin else f"fjoin <({left}) <({right}) {flags}"
        return [both] + ([["fkey", "user"], ["fwindow", "running", "--agg", "n=count(),s=sum(.v)"]] if self.sums else [])

    def scalable(self):
        after = ["fkey-3", "fwindow"] if self.sums else []
        after += ["fsink"] if self.sink == "out/" else []
        before = ["fsource", "fkey", "fsource-2", "fkey-2"]
        return [before + ["fjoin"] + after, before[:2], before[2:], ["fjoin"] + after, ["fjoin"]]

    # -- what it must put out

    def write_input(self, where, rng):
        for side in self.sides:
            side.write(where, rng, self)

    def expect(self, *_):
        """Users do not meet, so each is worked out alone, which is faster."""
        users = {*self.users_of("l"), *self.users_of("r")}
        by_user = {u: [r.fields for r in joins.complete(self.join, *(side.of(u) for side in self.sides))] for u in users}
        rows = [row for of_user in by_user.values() for row in of_user]
        if self.sums:
            rows = [running({"user": u}, of_user) for u, of_user in by_user.items() if of_user]
        self.want = collections.Counter(map(changing.name, rows))

    def difference(self, lines):
        return changing.difference(changing.newest(lines, "user") if self.changes else changing.table(lines), self.want)

    def wrong_order(self, lines):
        in_lane = self.sink == "out.ndjson" or not self.rescaled
        return changing.wrong_order(lines) if self.is_changing and in_lane and not self.changes else ""


def running(key, rows):
    """Of --agg n=count(),s=sum(.v)."""
    values = [row["v"] for row in rows if row.get("v") is not None]
    return {**key, "n": len(rows), "s": sum(values) if values else None}
