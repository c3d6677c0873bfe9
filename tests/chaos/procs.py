"""procs -- the processes of one job, found by a mark in their environment; never by their names."""

import collections
import os
import pathlib
import signal
import time

MARK = "FJORD_CHAOS"
Proc = collections.namedtuple("Proc", "pid role words")  # role: coordinator, agent, or the stage's tool


def find(mark):
    """All that live and carry the mark."""
    found, sought = [], f"{MARK}={mark}\0".encode()
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            environ = (p / "environ").read_bytes() + b"\0"
            if sought not in environ:
                continue
            words = (p / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if (p / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                continue
        except OSError:  # it has ended meanwhile, or is not ours
            continue
        tool = os.path.basename(words[0])
        verb = words[1] if len(words) > 1 else ""
        if b"FJORD_DESCRIBE=" in environ:
            tool = "describe"  # asked by fcoord what it is
        role = {"run": "coordinator", "agent": "agent"}.get(verb, f"fcoord {verb}") if tool == "fcoord" else tool
        found.append(Proc(int(p.name), role, " ".join(words)))
    return sorted(found)


def subtasks(procs):
    return [p for p in procs if not p.role.startswith(("fcoord", "coordinator", "agent", "describe"))]


def send(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def end_all(mark):
    """Kill whatever carries the mark, until nothing does."""
    while procs := find(mark):
        for p in procs:
            send(p.pid, signal.SIGKILL)
        time.sleep(0.01)  # the kernel takes them down; looked at again


def describe(procs):
    """Where each of them waits: for a run that hangs."""
    lines = []
    for p in procs:
        place = pathlib.Path("/proc") / str(p.pid)
        try:
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            threads = [(t / "wchan").read_text() for t in (place / "task").iterdir()]
            fds = sorted(f"{f.name} {os.readlink(f)}" for f in (place / "fd").iterdir())
        except OSError:
            continue
        lines.append(f"{p.pid} {p.role} {state} waits in {' '.join(threads)}\n    {p.words}\n    {'; '.join(fds)}")
    return "\n".join(lines) + "\n"
