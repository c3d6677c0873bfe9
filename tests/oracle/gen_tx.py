#!/usr/bin/env python3
"""gen:tx once more, from its written rules (lib/conn/gen_tx.c), sharing no code with it.

    gen_tx.py 'seed=1&n=1000'        NDJSON as `fsource gen:tx?... | fsink -` prints it
    gen_tx.py --fnv 'n=1000'         its length and FNV-1a hash
    gen_tx.py --check 'n=100000'     reads nothing but the records: is `fraud` what its definition says?
"""
import json
import sys
from math import asin, cos, gcd, radians, sin, sqrt

from gen_nexmark import G, Stream, line, mix, parameters, rfc3339, show

# city, country, latitude, longitude in 1/10000 degree; then the town
PLACES = [
    [("New York", "US", 407128, -740060), ("Newark", "US", 407357, -741724)],
    [("Los Angeles", "US", 340522, -1182437), ("Pasadena", "US", 341478, -1181445)],
    [("Mexico City", "MX", 194326, -991332), ("Ecatepec", "MX", 196010, -990500)],
    [("São Paulo", "BR", -235505, -466333), ("Guarulhos", "BR", -234538, -465333)],
    [("Buenos Aires", "AR", -346037, -583816), ("Quilmes", "AR", -347203, -582546)],
    [("London", "GB", 515074, -1278), ("Croydon", "GB", 513762, -982)],
    [("Madrid", "ES", 404168, -37038), ("Getafe", "ES", 403083, -37326)],
    [("Berlin", "DE", 525200, 134050), ("Potsdam", "DE", 523906, 130645)],
    [("Istanbul", "TR", 410082, 289784), ("Gebze", "TR", 408028, 294307)],
    [("Cairo", "EG", 300444, 312357), ("Giza", "EG", 300131, 312089)],
    [("Lagos", "NG", 65244, 33792), ("Ikorodu", "NG", 66194, 35105)],
    [("Nairobi", "KE", -12921, 368219), ("Thika", "KE", -10396, 370900)],
    [("Mumbai", "IN", 190760, 728777), ("Thane", "IN", 192183, 729781)],
    [("Singapore", "SG", 13521, 1038198), ("Johor Bahru", "MY", 14927, 1037414)],
    [("Tokyo", "JP", 356762, 1396503), ("Yokohama", "JP", 354437, 1396380)],
    [("Sydney", "AU", -338688, 1512093), ("Parramatta", "AU", -338150, 1510011)],
]
DEVICES = ["chip", "contactless", "magstripe", "phone"]


class Tx:
    def __init__(self, conf):
        self.n, self.cards, self.rate, self.start = (conf[x] for x in ("n", "cards", "rate", "start"))
        self.users = conf["users"] or self.cards
        self.root = mix(conf["seed"] + G)
        self.gap = self.cards // 2 + 1
        self.gap_ms = self.gap * 1000 // self.rate
        self.jitter = min(300, self.gap_ms // 300)
        self.block = 1000 // conf["fraud"] if conf["fraud"] else 0
        self.orders = {}

    def salted(self, salt):
        return Stream(mix(self.root - salt * G))

    def turn(self, k):
        q, p = divmod(k, self.cards)
        if q not in self.orders:
            self.orders = {q - 1: self.orders.get(q - 1), q: self.order(q)}
        return self.orders[q][p]

    def order(self, q):
        h = (self.cards + 1) // 2
        out = []
        for half, m, base in ((0, h, 0), (1, self.cards - h, h)):
            if m:
                s = self.salted(2**41 + 2 * q + half)
                step = 1 + s.below(m)
                while gcd(step, m) != 1:
                    step += 1
                first = s.below(m)
                out += [base + (first + p * step) % m for p in range(m)]
        return out

    def fraud(self, b):
        s = self.salted(2**42 + b)
        o = 1 + s.below(self.block - 1)
        d = 1 + s.below(min(o, max(1, min(self.gap - 1, 600 * self.rate))))
        return b * self.block + o, d

    def records(self):
        turns, frauds = [], {}
        for k in range(self.n):
            if self.block and k % self.block == 0:
                at, back = self.fraud(k // self.block)
            card = self.turn(k)
            turns.append(card)
            is_fraud = bool(self.block) and k == at
            if is_fraud:
                card = turns[k - back]
            user = card % self.users
            s = Stream(mix(self.root + k * G))
            metro = self.salted(1 + user).below(16)
            if is_fraud:
                metro = (metro + 1 + s.below(15)) % 16
            city, country, lat, lon = PLACES[metro][int(s.below(4) == 0 and self.gap_ms >= 480000)]
            lat += s.below(2 * self.jitter + 1) - self.jitter
            lon += s.below(2 * self.jitter + 1) - self.jitter
            amount = s.pow10(3) / 100
            device = DEVICES[s.below(4)]
            time = self.start + k // self.rate * 1000 + k % self.rate * 1000 // self.rate
            time += self.salted(2**40 + card).below(2001)
            v = frauds.get(card, 0)
            frauds[card] = v + is_fraud
            yield {
                "id": k + 1,
                "card": "c%04d" % card + ("-%d" % (v + 1) if v else ""),
                "user": "u%04d" % user,
                "amount": amount,
                "time": rfc3339(time),
                "lat": lat / 10000,
                "lon": lon / 10000,
                "city": city,
                "country": country,
                "device": device,
                "fraud": is_fraud,
                "ms": time,
            }

    def lines(self):
        for r in self.records():
            del r["ms"]
            yield line(r)


def km(a, b):
    la, lo, lb, ob = (radians(x) for x in (a["lat"], a["lon"], b["lat"], b["lon"]))
    h = sin((lb - la) / 2) ** 2 + cos(la) * cos(lb) * sin((ob - lo) / 2) ** 2
    return 2 * 6371.0088 * asin(sqrt(h))


def check(tx):
    """Compare each record with the one before it on its card, as the definition of fraud says."""
    last, wrong, planted, newest, behind = {}, 0, 0, 0, 0
    frauds, others = [], []
    for r in tx.records():
        before = last.get(r["card"])
        alarm = False
        if before:
            hours = (r["ms"] - before["ms"]) / 3600000
            dist = km(before, r)
            alarm = dist > 900 * hours
            wrong += hours < 0
            if hours > 0:
                (frauds if r["fraud"] else others).append(dist / hours)
        wrong += alarm != r["fraud"]
        planted += r["fraud"]
        newest = max(newest, r["ms"])
        behind = max(behind, newest - r["ms"])
        last[r["card"]] = r
    print("planted %d, wrong %d, behind %d ms, slowest fraud %d km/h, fastest other %d km/h"
          % (planted, wrong, behind, min(frauds, default=0), max(others, default=0)))
    return wrong != 0


if __name__ == "__main__":
    words = sys.argv[1:]
    option = words.pop(0) if words and words[0].startswith("--") else ""
    defaults = {"seed": 1, "n": 10, "cards": 1000, "users": 0, "fraud": 1, "rate": 1, "start": 1704067200000}
    generator = Tx(parameters("".join(words), defaults))
    if option == "--check":
        sys.exit(check(generator))
    show(generator.lines(), option == "--fnv")
