"""reader -- reads an output again and again while the job writes it, and believes nothing.

What is seen must never become shorter or different, and never vanish; with --visible roll it is whole
and never changes at all.  As a consumer it moves such parts away, which must not bring them back.
A reader that comes while bytes are being written may see half a line (design: at most a prefix of the
newest epoch); that is counted, and must be gone at the end.
"""

import os
import re
import threading

PART = re.compile(r"part-(\d+)-(\d+)\.\w+")


class Reader(threading.Thread):
    def __init__(self, out, taken, final_parts, consume):
        super().__init__(daemon=True)
        self.out, self.taken, self.final_parts, self.consume = out, taken, final_parts, consume
        self.seen = {}  # name -> (device, inode, size, mtime), bytes
        self.moved = {}  # name -> bytes
        self.faults, self.rounds, self.torn = [], 0, 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            self.look()
            self.over.wait(0.003)

    def finish(self):
        """End, after a last look; then faults and contents() are final."""
        self.over.set()
        self.join()
        self.consume = False
        torn = self.torn
        self.look()
        if self.torn != torn:
            self.fault("the output ends in the middle of a line")

    def fault(self, text):
        if text not in self.faults and len(self.faults) < 10:
            self.faults.append(f"reader: {text}")

    def visible(self):
        if self.out.is_file():
            return [self.out]
        return [f for f in self.out.rglob("*") if not f.name.startswith(".") and f.is_file()]

    def look(self):
        self.rounds += 1
        names = set()
        for f in self.visible():
            name = str(f.relative_to(self.out.parent))
            names.add(name)
            self.read(f, name)
        for name in self.seen.keys() - names:
            self.fault(f"{name} has vanished")

    def read(self, f, name):
        with open(f, "rb") as h:
            st = os.fstat(h.fileno())
            was, old = self.seen.get(name, (None, b""))
            stamp = (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns)
            if stamp == was:
                return
            new = h.read()
        if name in self.moved:
            self.fault(f"{name} was taken away and is there again")
        if not new.startswith(old):
            at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
            self.fault(f"{name} has changed at byte {at}: {len(old)} bytes, then {len(new)}")
        if self.final_parts and was is not None and new != old:
            self.fault(f"{name} has grown after it was seen, from {len(old)} to {len(new)} bytes")
        if new and not new.endswith(b"\n"):
            self.torn += 1
            if self.final_parts:
                self.fault(f"{name} is seen with half a line")
        self.seen[name] = (stamp, new)
        if self.consume and PART.fullmatch(f.name):
            to = self.taken / name
            to.parent.mkdir(parents=True, exist_ok=True)
            os.rename(f, to)
            self.moved[name] = new
            del self.seen[name]

    def contents(self):
        """Directory -> lane -> its lines in order, of all that was seen or taken."""
        lanes, parts = {}, {**self.moved, **{name: data for name, (_, data) in self.seen.items()}}

        def order(name):
            m = PART.fullmatch(os.path.basename(name))
            return (os.path.dirname(name), int(m[1]), int(m[2])) if m else (os.path.dirname(name), 0, 0)

        for name in sorted(parts, key=order):
            where, lane, _ = order(name)
            lanes.setdefault(where, {}).setdefault(lane, []).extend(parts[name].decode().splitlines())
        return lanes
