"""keeping -- random jobs that keep records (first, last, top), and others over what these take back."""

import collections

import changing
import jobs
import oracle
from two_inputs import running

STAGES = ("first", "last", "last", "top", "rank", "last running", "last running", "top running", "last top")


class Keep(jobs.Job):
    def __init__(self, rng, seconds, plain):
        super().__init__(rng, seconds, plain)
        self.how = rng.choice(STAGES).split()
        self.kind = "keep-" + "-".join(self.how)
        self.files = rng.choice((1, 1, 2))
        self.records = rng.randrange(1500, 4000)
        self.users = rng.randint(4, 8) if self.partition else rng.randint(10, 100)
        self.step = rng.choice((20, 100))  # of 4 ms of event time, at most, between two records
        self.disorder = rng.choice((0, 5, 50)) * self.step
        self.watermark = rng.choice(("each", "auto"))
        self.best = rng.choice((1, 3, 10))
        self.key = "group" if len(self.how) > 1 else "user"  # of what comes out
        self.partition = self.partition and self.key == "user"
        if self.how[-1] in ("last", "running") and rng.random() < 0.5:
            self.changes = ["--changes", "upsert"]

    # -- its text

    def stage(self, how):
        return {"first": ["fwindow", "first"], "last": ["fwindow", "last"], "top": ["fwindow", "top", f"{self.best}:.v"],
                "rank": ["fwindow", "top", f"{self.best}:.v", "--rank", "rank"],
                "running": ["fwindow", "running", "--agg", "n=count(),s=sum(.v)"]}[how]

    def stages(self):
        share = self.records / min(self.files, self.parallel) / self.seconds
        source = ["fsource", *[f"in{i}.ndjson" for i in range(self.files)], "--time", "at", "--out-of-order",
                  f"{4 * self.disorder + 1}ms", "--watermark", self.watermark,
                  "--rate", f"{max(1, int(share * self.parallel))}/s"]
        behind = [["fkey", "group"], self.stage(self.how[1])] if len(self.how) > 1 else []
        return [source, ["fkey", "user"], self.stage(self.how[0]), *behind]

    def scalable(self):
        """With upserts a key stays in its lane, since only there its lines are in order."""
        second = ["fkey-2", "fwindow-2"] if len(self.how) > 1 else []
        sink = ["fsink"] if self.sink == "out/" else []
        groups = [["fsource", "fkey"]]
        if not (self.changes and sink):
            groups += [["fsource", "fkey", "fwindow", *second, *sink], ["fwindow", *second, *sink], ["fwindow"]]
        return groups

    # -- what it must put out

    def write_input(self, where, rng):
        """No two values are equal, and no two times in different files."""
        files = []
        for f in range(self.files):
            at, rows = jobs.START, []
            for n in range(self.records // self.files):
                at += 4 * rng.randrange(self.step)
                rows.append({"at": at - 4 * rng.randint(0, self.disorder) + 2 * f, "user": f"u{rng.randrange(self.users)}",
                             "group": rng.randrange(6), "v": rng.randrange(100) * 100_000 + 10 * n + f})
            (where / f"in{f}.ndjson").write_text("".join(oracle.dump(r) + "\n" for r in rows), encoding="utf-8")
            files += rows
        return files

    def expect(self, _, rows, __):
        for how, key in zip(self.how, ("user", "group")):
            groups = collections.defaultdict(list)
            for row in rows:
                groups[row[key]].append(row)
            rows = [out for k, group in groups.items() for out in self.result(how, {key: k}, group)]
        self.want = collections.Counter(map(changing.name, rows))

    def result(self, how, key, rows):
        """What remains of one key's rows; sorting is stable, so that of equal times it is the first, or the last, to come."""
        by_time = sorted(rows, key=lambda r: r["at"])
        best = sorted(rows, key=lambda r: -r["v"])[:self.best]
        return {"first": lambda: by_time[:1], "last": lambda: by_time[-1:], "top": lambda: best,
                "rank": lambda: [{**row, "rank": n} for n, row in enumerate(best, 1)],
                "running": lambda: [running(key, rows)]}[how]()

    def difference(self, lines):
        return changing.difference(changing.newest(lines, self.key) if self.changes else changing.table(lines), self.want)

    def wrong_order(self, lines):
        in_lane = self.sink == "out.ndjson" or not self.rescaled
        return changing.wrong_order(lines) if in_lane and not self.changes else ""
