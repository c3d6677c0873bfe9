"""jobs -- a random job, its input, and what it must put out.

All of it follows from one seed.  What must come out is said by tests/oracle (windows and late records by oracle.py),
which shares nothing with the C code; where the promise is byte for byte (one file, -p 1), the order
is that of the same pipeline in a plain shell, without faults.

Job is what all kinds have in common; Windows are here, Join and Keep in two_inputs.py and keeping.py.
"""

import collections
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/oracle"))
import oracle  # noqa: E402  (found by the line above)

START = 1_704_448_800_000  # event time of the first record


class Job:
    """One job; rng decides what it is.  plain: for a pipeline of a shell, where each stage is one process.

    A kind of job has also: kind (a name), stages(rate): the words of all before fsink, each either a list or a text,
    scalable(), write_input(where, rng), expect(where, input, bindir), and difference(lines) from what that expects.
    """

    def __init__(self, rng, seconds, plain):
        self.seconds = seconds  # that a calm run takes
        self.parallel = 1 if plain else rng.choice((1, 1, 1, 2, 3, 4))
        self.every = rng.choice((20, 20, 50, 100, 200))
        self.users = rng.randint(2, 20)
        self.roll = rng.choice((None, None, "epoch", "100ms", "2KiB", "300ms,8KiB"))
        self.visible = rng.choice(("commit", "roll"))
        self.sink = rng.choice(("out/", "out/", "out/", "out.ndjson"))
        self.partition = self.sink == "out/" and rng.random() < 0.2
        if self.partition:
            self.users = min(self.users, 8)
        # Parts that are whole may be moved away while the job runs.
        self.consume = self.sink == "out/" and self.visible == "roll" and rng.random() < 0.5
        self.append = plain and self.sink != "out/" and rng.random() < 0.5
        self.changes = []  # words for fsink
        self.late_path, self.want_late = False, []
        self.order = None  # the lines in the one order that they may have, or None
        self.rescaled = False

    # -- its text

    def text(self, *more):
        sink = ["fsink", "-" if self.append else self.sink, *more, *self.changes]
        if self.sink == "out/":
            sink += ["--visible", self.visible]
            sink += ["--roll", self.roll] if self.roll else []
            sink += ["--partition-by", ".user"] if self.partition else []
        return " | ".join(s if isinstance(s, str) else shlex.join(s) for s in [*self.stages(), sink])

    def shell_line(self):
        """The job for a shell that has FSTATE."""
        return self.text("--every", f"{self.every}ms") + (f" >>{self.sink}" if self.append else "")

    def run_words(self):
        return ["--every", f"{self.every}ms", "-p", str(self.parallel), self.text()]

    def __str__(self):
        return f"-p {self.parallel} {self.kind} {self.sink} {self.visible} roll={self.roll} every={self.every}ms"

    # -- what it has put out: lanes is directory -> lane -> lines; what is wrong, or ''

    def wrong_output(self, lanes):
        lines = [line for lane in lanes.values() for part in lane.values() for line in part]
        if text := self.difference(lines):
            return f"the output is wrong: {text}"
        for where, name, part in ((w, n, p) for w, lane in lanes.items() for n, p in lane.items()):
            if text := self.wrong_order(part):
                return f"{where} lane {name}: {text}"
        return self.wrong_bytes(lanes)

    def wrong_order(self, lines):
        """Within a lane."""
        return ""

    def wrong_bytes(self, lanes):
        """With one lane of one file: the whole order."""
        if self.order is None or self.rescaled:
            return ""
        want = {}
        for line in self.order:
            want.setdefault(f"out/user={user_of(line)}" if self.partition else "", []).append(line)
        got = [part for lane in lanes.values() for part in lane.values()]
        return "" if sorted(got) == sorted(want.values()) else "the output is right, but in another order than without faults"

    def wrong_late(self, got):
        if not self.late_path:
            return ""
        if text := difference(got, collections.Counter(self.want_late)):
            return f"the late records are wrong: {text}"
        if self.order is not None and not self.rescaled and got != self.want_late:
            return "the late records are right, but in another order than without faults"
        return ""


class Windows(Job):
    """fwindow over one source, or a copy of it."""

    def __init__(self, rng, seconds, plain):
        super().__init__(rng, seconds, plain)
        self.kind = rng.choice(("tumble", "tumble", "slide", "slide", "session", "session", "copy"))
        self.files = rng.choice((1, 1, 1, 2, 3))
        self.records = rng.randrange(2000, 6000)
        self.step = rng.choice((20, 100, 400))  # ms of event time between two records, at most
        self.disorder = rng.choice((0, 10, 100)) * self.step
        self.watermark = rng.choice(("each", "auto"))
        self.one_order = self.files == 1 and self.parallel == 1
        # Which records are late is promised only where no channels merge.
        self.late = self.one_order and self.disorder > 0 and self.kind != "copy" and rng.random() < 0.6
        # Else + 1, so that no record can touch a session that has just fired: the oracle reads several files as one.
        self.bound = self.disorder // 4 if self.late else self.disorder + 1
        self.late_path = self.late and rng.random() < 0.7
        self.lateness = self.disorder // 4 if self.late and rng.random() < 0.4 else 0
        self.window = self.random_window(rng)
        self.agg = self.random_agg(rng)

    def random_window(self, rng):
        span = self.records // self.files * self.step // 2
        size = max(10, span // rng.randint(10, 60))
        if self.kind == "slide":
            return f"{size}ms/{max(5, size // rng.randint(2, 4))}ms"
        if self.kind == "session":
            return f"{max(1, self.step * self.users // rng.randint(1, 3))}ms"
        return f"{size}ms"

    def random_agg(self, rng):
        some = ["s=sum(.v)", "lo=min(.v)", "hi=max(.v)", "d=distinct(.v)"]
        if self.one_order:  # the order of arrival is one, too
            some += ["a=first(.i)", "z=last(.i)"]
        return ",".join(["n=count()"] + sorted(rng.sample(some, 2)))

    # -- its text

    def source(self, rate):
        words = ["fsource", *[f"in{i}.ndjson" for i in range(self.files)], "--time", "at",
                 "--out-of-order", f"{self.bound}ms", "--watermark", self.watermark]
        if rate:
            # Every subtask gets an equal share of the rate, also those that have no file.
            share = self.records / min(self.files, self.parallel) / self.seconds
            words += ["--rate", f"{max(1, int(share * self.parallel))}/s"]
        return words

    def stages(self, rate=True):
        stages = [self.source(rate)]
        if self.kind == "copy":
            return stages + [["fmap", "--where", ".v % 4 != 0"]]
        window = ["fwindow", self.kind, self.window, "--agg", self.agg]
        if self.lateness:
            window += ["--lateness", f"{self.lateness}ms"]
        if self.late_path:
            window += ["--late", "late.ndjson" if rate else "calm-late.ndjson"]
        return stages + [["fkey", "user"], window]

    def scalable(self):
        """Stages that can be rescaled, in groups that change together."""
        names = [words[0] for words in self.stages()]
        groups = [names + ["fsink"] if self.sink == "out/" else names]
        return groups + ([["fwindow"]] if self.kind != "copy" else [names[:1]])

    # -- its input

    def write_input(self, where, rng):
        every_file = []
        for i in range(self.files):
            at, rows = START, []
            for n in range(self.records // self.files):
                at += rng.randrange(self.step)
                rows.append({"at": at - rng.randint(0, self.disorder), "user": f"u{rng.randrange(self.users)}",
                             "v": rng.randrange(100), "i": n, "f": i})
            (where / f"in{i}.ndjson").write_text("".join(oracle.dump(r) + "\n" for r in rows), encoding="utf-8")
            every_file.append(rows)
        return every_file

    # -- what it must put out

    def expect(self, where, files, bindir):
        """Fill want (a Counter of lines), want_late, and order: the lines in order, or None."""
        if self.kind == "copy":
            lines, late = [oracle.dump(r) for rows in files for r in rows if r["v"] % 4 != 0], []
        else:
            argv = ["--time", "at", "--key", "user", "--agg", self.agg, "--out-of-order", f"{self.bound}ms",
                    "--lateness", f"{self.lateness}ms", self.kind, self.window]
            # Several files: nothing is late, so one long file without marks has the same windows.
            argv += ["--watermark", self.watermark if self.files == 1 else "none"]
            o = oracle.Oracle(oracle.options().parse_args(argv))
            lines = [oracle.dump(r) for r in o.run([r for rows in files for r in rows])]
            late = [oracle.dump(r) for r in o.late]
        self.want, self.want_late = collections.Counter(lines), late
        if self.one_order:
            self.order = self.calm(where, bindir)
            if collections.Counter(self.order) != self.want:
                raise ValueError(f"the calm run differs from the oracle: {difference(self.order, self.want)}")

    def difference(self, lines):
        return difference(lines, self.want)

    def wrong_order(self, lines):
        """Windows of one key come one after the other (not so when late records fire them again)."""
        if self.kind == "copy" or self.lateness:
            return ""
        last = {}
        for row in map(json.loads, lines):
            end = oracle.time_ms(row["window_end"])
            if end < last.get(row["user"], end):
                return f"{row} comes after a window that ends later"
            last[row["user"]] = end
        return ""

    def calm(self, where, bindir):
        """The job in a plain shell: its lines."""
        line = " | ".join(shlex.join([str(bindir / w[0]), *w[1:]]) for w in [*self.stages(False), ["fsink", "-"]])
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=where, check=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.stdout.decode().splitlines()


def user_of(line):
    return json.loads(line)["user"]


def difference(got, want):
    """'' if the lines got are those of the Counter want, else the first that differ."""
    have = collections.Counter(got)
    missing, more = want - have, have - want
    if not missing and not more:
        return ""
    text = f"{have.total()} lines, expected {want.total()}; {missing.total()} missing, {more.total()} too many"
    for sign, lines in (("-", missing), ("+", more)):
        text += "".join(f"\n    {sign} {n}x {line[:200]}" for line, n in sorted(lines.items())[:3])
    return text
