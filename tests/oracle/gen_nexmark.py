#!/usr/bin/env python3
"""gen:nexmark once more, from its written rules (lib/conn/gen_nexmark.c), sharing no code with it.

    gen_nexmark.py 'seed=1&n=1000&kind=bid'   NDJSON as `fsource gen:nexmark?... | fsink -` prints it
    gen_nexmark.py --fnv 'n=1000'             its length and FNV-1a hash
"""
import json
import sys
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

M64 = 2**64 - 1
G = 0x9E3779B97F4A7C15
getcontext().prec = 40


def mix(x):
    x &= M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
    return x ^ x >> 31


def table(den, bits):
    return [int((Decimal(10) ** (Decimal(i) / den) * 2**bits).to_integral_value(ROUND_HALF_EVEN)) for i in range(16)]


A, B, C = table(16, 28), table(256, 30), table(4096, 30)


class Stream:
    def __init__(self, s):
        self.s = s & M64

    def draw(self):
        self.s = (self.s + G) & M64
        return mix(self.s)

    def below(self, n):
        return (self.draw() >> 32) * n >> 32

    def pow10(self, m):
        x = (self.draw() >> 32) * m
        f = (x & 0xFFFFFFFF) >> 4
        p = A[f >> 24] * B[f >> 20 & 15] >> 30
        p = p * C[f >> 16 & 15] >> 30
        p += (p * (f & 0xFFFF) >> 16) * 9431 >> 24
        return (p * 100 * 10 ** (x >> 32) + 2**27) >> 28

    def text(self, n, sep=None):
        raw = b"".join(self.draw().to_bytes(8, "little") for _ in range((n + 7) // 8))
        out = []
        for i in range(n):
            v = raw[i] * 26
            inner = 0 < i < n - 1
            out.append(sep if sep and inner and v % 256 < 20 else chr(97 + v // 256))
        return "".join(out)


def rfc3339(ms):
    t = datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return t + (".%03d" % (ms % 1000) if ms % 1000 else "") + "Z"


def parameters(text, defaults):
    conf = dict(defaults)
    for word in filter(None, text.split("&")):
        name, value = word.split("=", 1)
        if name == "start":
            conf[name] = int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()) * 1000
        else:
            conf[name] = value if name == "kind" else int(value)
    return conf


def show(lines, hashed):
    if not hashed:
        sys.stdout.writelines(lines)
        return
    h, size = 0xCBF29CE484222325, 0
    for line in lines:
        for byte in line.encode():
            h = (h ^ byte) * 0x100000001B3 & M64
            size += 1
    print("%d %016x" % (size, h))


def line(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"


FIRST = "Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter".split()
LAST = "Shultz Abrams Spencer White Bartels Walton Smith Jones Noris".split()
CITY = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",")
STATE = "AZ CA ID OR WA WY".split()
ORDER = {
    "person": "id name email creditCard city state dateTime extra".split(),
    "auction": "id itemName description initialBid reserve dateTime expires seller category extra".split(),
    "bid": "auction bidder price channel url dateTime extra".split(),
}


class Nexmark:
    def __init__(self, conf):
        self.conf = conf
        self.root = mix(conf["seed"] + G)

    def at(self, k):
        rate = self.conf["rate"]
        return self.conf["start"] + k // rate * 1000 + k % rate * 1000 // rate

    def event(self, e):
        s = self.s = Stream(mix(self.root + e * G))
        o = e % 50
        self.last_person = e // 50
        self.last_auction = e // 50 * 3 + (o - 1 if o <= 3 else 2)
        time = self.at(e)
        if s.below(16) == 0:
            time = max(self.conf["start"], time - s.below(4001))
        kind = "person" if o == 0 else "auction" if o <= 3 else "bid"
        record = getattr(self, kind)(e, time)
        record["dateTime"] = rfc3339(time)
        return kind, {name: record[name] for name in ORDER[kind]}

    def some_person(self):
        n = self.last_person + 1
        active = min(n, 1000)
        return n - active + self.s.below(active + 10)

    def some_auction(self):
        last = max(self.last_auction, 0)
        low = max(last - 100, 0)
        return low + self.s.below(last - low + 11)

    def extra(self, size, want):
        if size > want:
            return ""
        left = want - size
        delta = (left + 2) // 5
        return self.s.text(left - delta + (self.s.below(2 * delta) if delta else 0))

    def person(self, e, time):
        s = self.s
        r = {"id": 1000 + self.last_person}
        r["name"] = FIRST[s.below(11)] + " " + LAST[s.below(9)]
        left = s.text(3 + s.below(4))
        r["email"] = left + "@" + s.text(3 + s.below(2)) + ".com"
        r["creditCard"] = " ".join("%04d" % s.below(10000) for _ in range(4))
        r["city"] = CITY[s.below(10)]
        r["state"] = STATE[s.below(6)]
        size = 8 + sum(len(r[f]) for f in ("name", "email", "creditCard", "city", "state"))
        r["extra"] = self.extra(size, 200)
        return r

    def auction(self, e, time):
        s = self.s
        r = {"id": 1000 + self.last_auction}
        hot = s.below(4) > 0
        r["seller"] = 1000 + (self.last_person // 100 * 100 if hot else self.some_person())
        r["category"] = 10 + s.below(5)
        r["initialBid"] = s.pow10(6)
        r["reserve"] = r["initialBid"] + s.pow10(6)
        r["expires"] = rfc3339(time + 1 + s.below(max(2 * (self.at(e + 1666) - self.at(e)), 1)))
        r["itemName"] = s.text(3 + s.below(17), " ")
        r["description"] = s.text(3 + s.below(97), " ")
        r["extra"] = self.extra(48 + len(r["itemName"]) + len(r["description"]), 500)
        return r

    def bid(self, e, time):
        s = self.s
        r = {}
        hot = s.below(2) > 0
        r["auction"] = 1000 + (max(self.last_auction, 0) // 100 * 100 if hot else self.some_auction())
        hot = s.below(4) > 0
        r["bidder"] = 1000 + (self.last_person // 100 * 100 + 1 if hot else self.some_person())
        r["price"] = s.pow10(6)
        c = s.below(4) if s.below(2) > 0 else 4 + s.below(10000)
        r["channel"], r["url"] = self.channel(c)
        r["extra"] = self.extra(32, 100)
        return r

    def channel(self, c):
        u = Stream(mix(self.root - (c + 1) * G))
        parts = [u.text(3 + u.below(2), "_") for _ in range(3)]
        url = "https://www.nexmark.com/" + "/".join(parts) + "/item.htm?query=1"
        if c < 4:
            return ("Apple", "Google", "Facebook", "Baidu")[c], url
        if u.below(10) > 0:
            url += "&channel_id=%d" % ((c - 4) * 2654435761 % 2**32 // 2)
        return "channel-%d" % (c - 4), url

    def lines(self):
        only = self.conf["kind"]
        made = e = 0
        while made < self.conf["n"]:
            kind, record = self.event(e)
            e += 1
            if only is None:
                record = {"kind": kind, **record}
            elif kind != only:
                continue
            made += 1
            yield line(record)


if __name__ == "__main__":
    words = sys.argv[1:]
    hashed = words[:1] == ["--fnv"]
    defaults = {"seed": 1, "n": 10, "rate": 10000, "start": 1436918400000, "kind": None}
    show(Nexmark(parameters("".join(words[hashed:]), defaults)).lines(), hashed)
