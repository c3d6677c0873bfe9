#!/usr/bin/env python3
"""Print a Fjord frame stream as text; written from fframe(5) alone, shares nothing with lib/frame.

    fframe.py [--hex] [--bare] [FILE]
    fframe.py --encode [FILE]

--hex     the input is hex digits with blanks and comments behind '#', as in tests/golden
--bare    frames without the line and without the order of a whole stream; fields go by number
--encode  the other way: lines of JSON become a stream without a key, an END behind it
              {"schema": ["k", "v"], "changing": true}     once or more, each with all fields
              ["+U", 1000, {"k": "a", "v": 1}]             kind, event time or null, fields
              {"watermark": 5000}
          A DATA frame has what stands between two SCHEMAs.

One line for each frame, then one indented line for each stage, field, row or mark of it.  A fault
ends it with status 1 and `fframe.py: byte N: what is wrong` on stderr.
"""
import json
import struct
import sys

LINE = b"#fjord 1 binary frames; to read them add: | fsink -".ljust(63) + b"\n"
KINDS = ["", "HELLO", "SCHEMA", "DATA", "IDLE", "ACTIVE", "BARRIER", "CANCEL", "END", "CREDIT"]
LENGTHS = {"IDLE": 0, "ACTIVE": 0, "BARRIER": 28, "CANCEL": 8, "END": 1}
ROW_KINDS = {0: "+I", 1: "-U", 2: "+U", 3: "-D"}
TYPES = ["absent", "null", "bool", "i64", "f64", "time", "str", "bytes", "json", "cell"]
NO_TIME = -(1 << 63)


class Fault(Exception):
    pass


def need(ok, what):
    if not ok:
        raise Fault(what)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        need(self.at + n <= len(self.data), "payload ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def uint(self, n):
        return int.from_bytes(self.bytes(n), "little")

    def done(self):
        need(self.at == len(self.data), "bytes left over in a payload")


def text(raw):
    return json.dumps(raw.decode("utf-8", "backslashreplace"), ensure_ascii=False)


def hello(payload):
    need(len(payload) <= 1 << 20, "HELLO too long")
    c = Cursor(payload)
    version, nrun, nedge, nstage = c.uint(4), c.uint(1), c.uint(1), c.uint(2)
    need(version == 1, "HELLO of another version")
    need(nrun <= 4 and nedge <= 63, "HELLO: too many runs, or name of the edge too long")
    runs = [c.bytes(16).hex() for _ in range(nrun)]
    edge = c.bytes(nedge)
    yield f"version {version} runs [{' '.join(runs)}] edge {text(edge)}"
    for _ in range(nstage):
        words = [c.bytes(c.uint(4)) for _ in range(c.uint(4))]
        need(all(0 not in w for w in words + [edge]), "NUL in a word")
        yield "stage " + " ".join(text(w) for w in words)
    c.done()


class Schema:
    def __init__(self, payload):
        c = Cursor(payload)
        flags, nkey, n, self.groups = c.uint(1), c.uint(1), c.uint(2), c.uint(4)
        need(flags < 4, "SCHEMA: unknown flags")
        self.keyed, self.changing = bool(flags & 1), bool(flags & 2)
        need(nkey <= 16 and n <= 4096, "SCHEMA: too many fields")
        need(1 <= self.groups <= 65536 if self.keyed else self.groups == 0, "SCHEMA: key groups")
        need(self.keyed or nkey == 0, "SCHEMA: key fields without key")
        self.key = [c.uint(2) for _ in range(nkey)]
        need(all(k < n for k in self.key), "SCHEMA: key field that is not there")
        self.fields = []
        for _ in range(n):
            hidden, zero, size = c.uint(1), c.uint(1), c.uint(2)
            need(hidden < 2 and zero == 0 and size <= 4096, "SCHEMA: bad field")
            name = c.bytes(size)
            name.decode("utf-8")
            need(hidden or (0, name) not in self.fields, "SCHEMA: a name twice")
            self.fields.append((hidden, name))
        c.done()

    def extends(self, old):
        return (
            self.fields[: len(old.fields)] == old.fields
            and (self.keyed, self.changing) == (old.keyed, old.changing)
            and (self.groups, self.key) == (old.groups, old.key)
        )

    def lines(self):
        yield (
            f"keyed {int(self.keyed)} changing {int(self.changing)}"
            f" groups {self.groups} key {self.key}"
        )
        for i, (hidden, name) in enumerate(self.fields):
            yield f"field {i} {text(name)}" + (" hidden" if hidden else "")


def value(row, tag, slot, behind):
    kind = TYPES[tag]
    (number,) = struct.unpack("<q", slot)
    if kind in ("absent", "null"):
        need(number == 0, f"slot of {kind} not 0")
        return kind
    if kind == "bool":
        need(number in (0, 1), "slot of bool neither 0 nor 1")
        return "bool true" if number else "bool false"
    if kind in ("i64", "time"):
        return f"{kind} {number}"
    if kind == "f64":
        (f,) = struct.unpack("<d", slot)
        need(f - f == 0, "f64 not finite")
        return f"f64 {f!r}"
    at, size = struct.unpack("<II", slot)
    need(behind <= at and at + size <= len(row), "text outside of its row")
    need(kind != "json" or size > 0, "empty json")
    raw = row[at : at + size]
    return f"bytes {raw.hex()}" if kind == "bytes" else f"{kind} {text(raw)}"


def record(row, schema):
    length, n, kind, flags, time, key_hash = struct.unpack_from("<IHBBqQ", row)
    need(length <= 16777152 and kind in ROW_KINDS and flags < 2, "bad row header")
    need(flags & 1 or key_hash == 0, "key hash on a row that is not keyed")
    need(24 + 9 * n <= length, "row too short for its slots")
    names = [text(name) for _, name in schema.fields] if schema else range(n)
    need(n <= len(names), "more slots than the schema has fields")
    out = [ROW_KINDS[kind], "time " + ("none" if time == NO_TIME else str(time))]
    if flags & 1:
        out.append(f"hash {key_hash:016x}")
    for i in range(n):
        tag = row[24 + 8 * n + i]
        need(tag < len(TYPES), "unknown type tag")
        slot = row[24 + 8 * i : 32 + 8 * i]
        out.append(f"{names[i]} {value(row, tag, slot, 24 + 9 * n)}")
    return " | ".join(out)


def data(payload, count, schema):
    at = records = 0
    while at < len(payload):
        need(len(payload) - at >= 16, "row cut off")
        length, n, kind, flags, time = struct.unpack_from("<IHBBq", payload, at)
        need(length % 8 == 0 and 16 <= length <= len(payload) - at, "bad row length")
        if kind == 16:
            need(length == 16 and n == 0 and flags == 0, "bad watermark")
            yield f"watermark {time}"
        else:
            need(length >= 24, "row too short")
            yield record(payload[at : at + length], schema)
            records += 1
        at += length
    need(records == count, f"count says {count}, there are {records} records")


def barrier(payload):
    epoch, ident, flags = struct.unpack("<Q16sI", payload)
    need(epoch > 0 and flags < 32, "bad BARRIER")
    words = ["FINAL", "STOP", "SAVEPOINT", "DRAIN", "UNALIGNED"]
    names = [w for i, w in enumerate(words) if flags >> i & 1]
    yield " ".join([f"epoch {epoch} id {ident.hex()}"] + names)


class Stream:
    """The rules that go beyond one frame."""

    def __init__(self, bare):
        self.bare, self.next, self.schema, self.ended = bare, 0, None, False

    def order(self, kind, seq):
        if self.bare:
            return
        need(not self.ended, "a frame behind END")
        need(seq == self.next, f"sequence number {seq} where {self.next} was due")
        need((kind == "HELLO") == (seq == 0), "HELLO must come first, and once")
        self.next += 1
        self.ended = kind == "END"

    def payload(self, kind, payload, count):
        if kind == "HELLO":
            return hello(payload)
        if kind == "SCHEMA":
            new = Schema(payload)
            need(self.schema is None or new.extends(self.schema), "SCHEMA that does not extend")
            self.schema = new
            return new.lines()
        if kind == "DATA":
            need(self.bare or self.schema or count == 0, "records before a SCHEMA")
            return data(payload, count, self.schema)
        if kind == "BARRIER":
            return barrier(payload)
        if kind == "CANCEL":
            epoch = int.from_bytes(payload, "little")
            need(epoch > 0, "bad CANCEL")
            return [f"epoch {epoch}"]
        if kind == "END":
            need(payload[0] < 2, "bad END")
            return [["done", "stop"][payload[0]]]
        return []

    def frame(self, b):
        """Print the frame at the head of b; its length."""
        need(len(b) >= 24, "frame cut off")
        magic, k, flags, size, count, crc, seq = struct.unpack_from("<2sBBIIIQ", b)
        need(magic == b"FJ" and 1 <= k <= 9 and flags == 0, "not a frame")
        kind = KINDS[k]
        need(size <= 16 << 20 and size == LENGTHS.get(kind, size), "bad payload length")
        need(size % 8 == 0 if kind == "DATA" else count == 0, "bad length or count")
        need(len(b) >= 24 + size, "frame cut off")
        need(crc == crc32c(b[:12] + b[16 : 24 + size]), "checksum wrong")
        self.order(kind, seq)
        print(f"{seq} {kind}" + (f" {count}" if kind == "DATA" else ""))
        for line in self.payload(kind, b[24 : 24 + size], count):
            print("   ", line)
        return 24 + size


class Encoder:
    """Lines of JSON as frames."""

    def __init__(self):
        self.out, self.seq, self.names = bytearray(LINE), 0, []
        self.rows, self.count = bytearray(), 0
        self.frame("HELLO", struct.pack("<IBBH", 1, 0, 0, 0))

    def frame(self, kind, payload, count=0):
        head = struct.pack("<2sBBII", b"FJ", KINDS.index(kind), 0, len(payload), count)
        seq = struct.pack("<Q", self.seq)
        self.out += head + struct.pack("<I", crc32c(head + seq + payload)) + seq + payload
        self.seq += 1

    def flush(self):
        if self.rows:
            self.frame("DATA", bytes(self.rows), self.count)
        self.rows, self.count = bytearray(), 0

    def schema(self, names, changing):
        self.flush()
        self.names = [name.encode() for name in names]
        payload = struct.pack("<BBHI", 2 if changing else 0, 0, len(names), 0)
        for name in self.names:
            payload += struct.pack("<BBH", 0, 0, len(name)) + name
        self.frame("SCHEMA", payload)

    def watermark(self, time):
        self.rows += struct.pack("<IHBBq", 16, 0, 16, 0, time)

    def row(self, kind, time, fields):
        n, tags, slots, behind = len(self.names), b"", b"", b""
        kind = next(k for k, name in ROW_KINDS.items() if name == kind)
        need(set(fields) <= {name.decode() for name in self.names}, "a field without a name")
        for name in self.names:
            tag, slot = encoded(fields.get(name.decode(), Ellipsis))
            if isinstance(slot, str):
                raw = slot.encode()
                slot = struct.pack("<II", 24 + 9 * n + len(behind), len(raw))
                behind += raw
            tags += bytes([TYPES.index(tag)])
            slots += slot
        pad = -(24 + 9 * n + len(behind)) % 8
        length = 24 + 9 * n + len(behind) + pad
        time = NO_TIME if time is None else time
        self.rows += struct.pack("<IHBBqQ", length, n, kind, 0, time, 0)
        self.rows += slots + tags + behind + bytes(pad)
        self.count += 1

    def line(self, item):
        if isinstance(item, list):
            self.row(*item)
        elif "watermark" in item:
            self.watermark(item["watermark"])
        else:
            self.schema(item["schema"], item.get("changing", False))

    def end(self):
        self.flush()
        self.frame("END", b"\0")
        return bytes(self.out)


def encoded(v):
    """The type of a JSON value, and its slot, or its text."""
    if v is Ellipsis:
        return "absent", bytes(8)
    if v is None:
        return "null", bytes(8)
    if isinstance(v, bool):
        return "bool", struct.pack("<q", v)
    if isinstance(v, int):
        return "i64", struct.pack("<q", v)
    if isinstance(v, float):
        return "f64", struct.pack("<d", v)
    return ("str", v) if isinstance(v, str) else ("json", json.dumps(v, separators=(",", ":")))


def encode(raw):
    encoder = Encoder()
    for line in raw.decode().splitlines():
        encoder.line(json.loads(line))
    sys.stdout.buffer.write(encoder.end())


def unhex(raw):
    return bytes.fromhex("".join(line.split("#")[0] for line in raw.decode().splitlines()))


def main():
    flags = {a for a in sys.argv[1:] if a.startswith("--")}
    files = [a for a in sys.argv[1:] if not a.startswith("--")]
    if flags - {"--hex", "--bare", "--encode"} or len(files) > 1:
        sys.exit(__doc__)
    raw = open(files[0], "rb").read() if files else sys.stdin.buffer.read()
    if "--encode" in flags:
        return encode(raw)
    b = unhex(raw) if "--hex" in flags else raw
    at, stream = 0, Stream("--bare" in flags)
    try:
        if not stream.bare:
            need(b[:64] == LINE, "the line is missing or of another version")
            at = 64
        while at < len(b):
            at += stream.frame(memoryview(b)[at:].tobytes())
        need(stream.bare or stream.ended, "end of file without END")
    except (Fault, UnicodeDecodeError) as e:
        sys.stdout.flush()
        print(f"fframe.py: byte {at}: {e}", file=sys.stderr)
        sys.exit(1)


main()
