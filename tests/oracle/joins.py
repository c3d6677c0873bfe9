"""joins -- what fjoin must give, worked out by brute force: nested loops over two lists of rows.

complete(join, left, right)   a run to the end of input in which no record is late
ordered(join, events)         the same where records may be late, so that the order of events matters
table(changes)                what a changing stream (+I -U +U -D) comes to in the end

Shares no line and no idea with lib/join.  Rule numbers (C36 ...) are those of the semantics tests in tests/bats.
"""
import collections
import dataclasses
import types
import typing

import oracle as o
from oracle import MAX, MIN

# seq: place in its side's order of arrival.  time: ms, or None.  op: -D takes the key away (as-of, C39).
Row = collections.namedtuple("Row", "seq time fields op", defaults=("+I",))
Window = collections.namedtuple("Window", "start end")
# times: the event times this result may have (semi: those of any first match), None: not said.
# left, right: the rows it was made of, or None.
Result = collections.namedtuple("Result", "fields times left right window")
Names = collections.namedtuple("Names", "left right")


@dataclasses.dataclass
class Join:
    kind: str                                       # within, window, asof, ttl, lookup
    type: str = "inner"                             # inner, left, right, full, semi, anti
    left_on: tuple = ("k",)
    right_on: tuple = ("k",)
    on: bool = True                                 # --on: the right key is not repeated
    lo: int = 0                                     # within, ms
    hi: int = 0
    window: str = ""                                # 'tumble 5m'
    span: typing.Optional[int] = None               # --asof, --ttl in ms; None: inf
    match: typing.Optional[typing.Callable] = None  # (left fields, right fields, window) -> bool
    select: typing.Optional[list] = None            # "l.*", "r.*", or (name, function as match)


# ---- what belongs together -----------------------------------------------------------------------------------

def key(row, paths):
    """The canonical key, or None when a part is null or absent: such a row matches nothing."""
    parts = tuple(o.canonical(o.field(row.fields, p)) for p in paths)
    return None if any(rank == 0 for rank, _ in parts) else parts


def same_key(join, l, r):
    k = key(l, join.left_on)
    return k is not None and k == key(r, join.right_on)


def accepted(join, l, r, window):
    return join.match is None or bool(join.match(l.fields, r.fields, window))


def in_range(join, l, r):
    if join.kind == "within":                       # C36: both ends in
        return join.lo <= r.time - l.time <= join.hi
    if join.kind == "ttl":
        return join.span is None or l.time is None or r.time is None or abs(l.time - r.time) < join.span
    return True                                     # lookup; window: who calls has looked at it


def is_pair(join, l, r, window=None):
    return in_range(join, l, r) and same_key(join, l, r) and accepted(join, l, r, window)


def newest(join, l, rights):
    """C39: the newest row of the right that is not younger than l; of equal times the later arrival."""
    old = [r for r in rights if r.time <= l.time and same_key(join, l, r)]
    best = max(old, key=lambda r: (r.time, r.seq), default=None)
    if best is None or best.op == "-D" or (join.span is not None and l.time - best.time > join.span):
        return None
    return best


def partners(join, l, rights, window=None):
    if join.kind == "asof":
        r = newest(join, l, rights)
        return [r] if r is not None and accepted(join, l, r, window) else []
    return [r for r in rights if is_pair(join, l, r, window)]


# ---- what a result looks like --------------------------------------------------------------------------------

def names_of(left, right):
    def names(rows):
        return list(dict.fromkeys(n for row in rows for n in row.fields))
    return Names(names(left), names(right))


def right_fields(join, names, l, r):
    """The right fields under the names that they have behind the left ones; a missing side is null."""
    out = {}
    for name, value in (r.fields if r else dict.fromkeys(names.right)).items():
        if join.on and name in join.right_on:
            if l is None:
                out[name] = value
        else:
            out[name + "_r" if name in names.left else name] = value
    return out


def shape(join, names, l, r, window):
    left = l.fields if l else dict.fromkeys(names.left)
    if join.select is None:
        return dict(left) if join.type in ("semi", "anti") else {**left, **right_fields(join, names, l, r)}
    out = {}
    named = {item[0] for item in join.select if not isinstance(item, str)}  # goes before a field of * of that name
    for item in join.select:
        if item == "l.*":
            out.update((k, v) for k, v in left.items() if k not in named)
        elif item == "r.*":
            out.update((k, v) for k, v in right_fields(join, names, l, r).items() if k not in named)
        else:
            name, fn = item
            out[name] = fn(left, r.fields if r else {}, window)
    return out


def time_of(join, l, r, window):
    if join.kind == "window":
        return window.end - 1                       # C4
    if join.kind == "ttl":
        return None
    if join.kind in ("asof", "lookup"):
        return l.time
    return max(row.time for row in (l, r) if row)   # C36; an unmatched row: its own


def result(join, names, l, r, window=None, times=None):
    if times is None:
        t = time_of(join, l, r, window)
        times = None if t is None else {t}
    return Result(shape(join, names, l, r, window), times, l, r, window)


def of_left(join, names, l, rs, window=None):
    """What left row l gives when rs are its partners, and stay so."""
    if join.type == "semi":
        if rs:
            times = {time_of(join, l, r, window) for r in rs} - {None}
            yield result(join, names, l, None, window, times or None)
    elif join.type == "anti":
        if not rs:
            yield result(join, names, l, None, window)
    else:
        for r in rs:
            yield result(join, names, l, r, window)
        if not rs and join.type in ("left", "full"):
            yield result(join, names, l, None, window)


def combine(join, names, lefts, rights, window=None):
    """All results of these two lists."""
    taken = set()
    for l in lefts:
        rs = partners(join, l, rights, window)
        taken.update(r.seq for r in rs)
        yield from of_left(join, names, l, rs, window)
    if join.type in ("right", "full"):
        for r in rights:
            if r.seq not in taken:
                yield result(join, names, None, r, window)


# ---- windows -------------------------------------------------------------------------------------------------

def window_spec(join):
    """(kind, gap of sessions in ms, function time -> its windows)"""
    kind, _, arg = join.window.partition(" ")
    if kind == "session":
        return kind, o.duration(arg), None
    conf = types.SimpleNamespace(kind=kind, arg=arg, tz=None, offset=0)
    assign = o.assigner(conf)
    return kind, None, lambda ts: [Window(*w) for w in assign(ts)]


def session_key(join, side, row):
    """A null equals nothing, so a row with one has a session of its own."""
    k = key(row, join.left_on if side == "l" else join.right_on)
    return k if k is not None else (side, row.seq)


def sessions(times, gap):
    """C10: the sessions that these times make; touching ones are one."""
    out = []
    for t in sorted(times):
        if out and t <= out[-1].end:
            out[-1] = Window(out[-1].start, t + gap)
        else:
            out.append(Window(t, t + gap))
    return out


def filled_windows(join, left, right):
    """(window, its left rows, its right rows); a session spans both sides and is of one key."""
    kind, gap, assign = window_spec(join)
    if kind != "session":
        every = sorted({w for row in left + right for w in assign(row.time)}, key=lambda w: (w.end, w.start))
        return [(w, [l for l in left if w in assign(l.time)], [r for r in right if w in assign(r.time)])
                for w in every]
    out = []
    for k in {session_key(join, "l", l) for l in left} | {session_key(join, "r", r) for r in right}:
        ls = [l for l in left if session_key(join, "l", l) == k]
        rs = [r for r in right if session_key(join, "r", r) == k]
        for w in sessions([row.time for row in ls + rs], gap):
            out.append((w, [l for l in ls if w.start <= l.time < w.end], [r for r in rs if w.start <= r.time < w.end]))
    return sorted(out, key=lambda e: (e[0].end, e[0].start))


# ---- a run without late records ------------------------------------------------------------------------------

def complete(join, left, right):
    """All results, as a list of Result; the order means something for as-of (left arrival) alone.

    Two rows exactly a session's gap apart are one session here (C10).  In a run they are so only when the second comes
    before the mark that closes the first one's session, which with two inputs is a matter of timing.
    """
    names = names_of(left, right)
    groups = filled_windows(join, left, right) if join.kind == "window" else [(None, left, right)]
    return [res for w, ls, rs in groups for res in combine(join, names, ls, rs, w)]


# ---- a run with late records ---------------------------------------------------------------------------------

class Ordered:
    """Events one by one: ("l" or "r", Row), ("l mark" or "r mark", ms).  Fills results and late: [(side, Row)]."""

    def __init__(self, join, names):
        self.join, self.names = join, names
        self.results, self.late = [], []
        self.marks = {"l": MIN, "r": MIN}
        self.wm = MIN

    def event(self, what, value):
        if what in ("l", "r"):
            self.on_row(what, value)
            return
        side = what[0]
        self.marks[side] = max(self.marks[side], value)
        wm = min(self.marks.values())               # C16
        if wm > self.wm:
            self.wm = wm
            self.on_mark()

    def emit(self, *args):
        self.results.append(result(self.join, self.names, *args))


class Within(Ordered):
    def __init__(self, join, names):
        super().__init__(join, names)
        self.rows = {"l": [], "r": []}              # everything that was not late, for ever
        self.matched = set()                        # (side, seq)
        self.padded = set()

    def kept(self, side, row):
        """C36: inner and semi forget at WM >= ...; C37 keeps 1 ms longer, beyond which nothing matches anyway."""
        if self.join.type not in ("inner", "semi"):
            return True
        return self.wm < row.time + max(self.join.hi if side == "l" else -self.join.lo, 0)

    def on_row(self, side, row):
        if row.time < self.wm:                      # C36: strictly
            self.late.append((side, row))
            return
        other = "r" if side == "l" else "l"
        found = []
        for o_row in self.rows[other]:
            l, r = (row, o_row) if side == "l" else (o_row, row)
            if self.kept(other, o_row) and is_pair(self.join, l, r):
                found.append((l, r))
        self.pairs(found)
        self.rows[side].append(row)
        self.pad()                                  # C37: out of range on arrival

    def pairs(self, found):
        if self.join.type == "semi":
            for l in {l.seq: l for l, _ in found if ("l", l.seq) not in self.matched}.values():
                self.emit(l, None, None, {max(l.time, r.time) for m, r in found if m is l})
        elif self.join.type != "anti":
            for l, r in found:
                self.emit(l, r)
        for l, r in found:
            self.matched |= {("l", l.seq), ("r", r.seq)}

    def pad(self):
        sides = {"left": "l", "anti": "l", "right": "r", "full": "lr"}.get(self.join.type, "")
        for side in sides:
            reach = self.join.hi if side == "l" else -self.join.lo
            for row in self.rows[side]:
                name = (side, row.seq)
                if self.wm > row.time + reach and name not in self.matched and name not in self.padded:
                    self.padded.add(name)
                    self.emit(*((row, None) if side == "l" else (None, row)))

    on_mark = pad


class Windows(Ordered):
    def __init__(self, join, names):
        super().__init__(join, names)
        self.kind, self.gap, self.assign = window_spec(join)
        self.open = []                              # [key or None, Window, {"l": rows, "r": rows}]

    def on_row(self, side, row):
        taken = self.session(side, row) if self.kind == "session" else self.aligned(side, row)
        if not taken and row.time <= self.wm:       # C6: and not in a gap between two windows
            self.late.append((side, row))

    def aligned(self, side, row):
        taken = False
        for w in self.assign(row.time):
            if w.end - 1 <= self.wm:                # C3
                continue
            taken = True
            entry = next((e for e in self.open if e[1] == w), None)
            if entry is None:
                entry = [None, w, {"l": [], "r": []}]
                self.open.append(entry)
            entry[2][side].append(row)
        return taken

    def session(self, side, row):
        """C11: merged first, looked at for lateness after."""
        k = session_key(self.join, side, row)
        new = Window(row.time, row.time + self.gap)
        old = [e for e in self.open if e[0] == k and e[1].start <= new.end and e[1].end >= new.start]
        merged = Window(min([new.start] + [e[1].start for e in old]), max([new.end] + [e[1].end for e in old]))
        if merged.end - 1 <= self.wm:
            return False
        rows = {s: [r for e in old for r in e[2][s]] for s in "lr"}
        rows[side].append(row)
        self.open = [e for e in self.open if not any(e is x for x in old)] + [[k, merged, rows]]
        return True

    def on_mark(self):
        """C38: the cross product at the end of each window."""
        due = [e for e in self.open if e[1].end - 1 <= self.wm]
        self.open = [e for e in self.open if e[1].end - 1 > self.wm]
        for _, w, rows in sorted(due, key=lambda e: (e[1].end, e[1].start)):
            self.results += combine(self.join, self.names, rows["l"], rows["r"], w)


class Asof(Ordered):
    def __init__(self, join, names):
        super().__init__(join, names)
        self.waiting, self.rights = [], []

    def on_row(self, side, row):
        if side == "r":
            self.rights.append(row)                 # never late
        elif row.time <= self.wm:                   # C39: here equality is late, too
            self.late.append((side, row))
        else:
            self.waiting.append(row)

    def on_mark(self):
        due = [l for l in self.waiting if l.time <= self.wm]
        self.waiting = [l for l in self.waiting if l.time > self.wm]
        self.results += combine(self.join, self.names, due, self.rights)


def ordered(join, events):
    """The run of these events; a mark of MAX per side ends them."""
    kind = {"within": Within, "window": Windows, "asof": Asof}[join.kind]
    run = kind(join, names_of([v for w, v in events if w == "l"], [v for w, v in events if w == "r"]))
    for what, value in events:
        run.event(what, value)
    return run


# ---- changing streams ----------------------------------------------------------------------------------------

def table(changes):
    """[{"op": ..., fields}] -> the rows that are left; ValueError when one takes back what is not there."""
    rows = collections.Counter()
    for n, change in enumerate(changes, 1):
        row = {k: v for k, v in change.items() if k != "op"}
        text = o.dump({k: row[k] for k in sorted(row) if row[k] is not None})
        if change["op"] in ("+I", "+U"):
            rows[text] += 1
        elif rows[text] > 0:
            rows[text] -= 1
        else:
            raise ValueError(f"change {n} takes back what is not there: {o.dump(change)}")
    return sorted(rows.elements())
