#!/usr/bin/env python3
"""oracle -- a second client for the tests of Kafka: it writes, reads, counts and administers, and knows nothing of
lib/conn.  Runs in the Python of tools.bash.  BOOT is host:port; KAFKA_OPTIONS has more settings of librdkafka, with
blanks between them.

    oracle.py numbers 1000 4 | oracle.py produce BOOT topic --key k --partition p
    oracle.py read BOOT topic | oracle.py check 1000
    oracle.py follow BOOT topic 1000 >verdict &      # during faults; SIGTERM: to the end, then the verdict

check and follow want records {"i": N, "p": P}: each i of 1..N once, and those of a p in order in each partition.
Their verdict is one line of JSON; status 1 when it is bad.
"""

import argparse
import base64
import json
import os
import signal
import sys
import time

import confluent_kafka as ck
from confluent_kafka import admin as cka

NO_OFFSET = -1001
DEADLINE = 60  # seconds that anything here may take


def options(boot, **more):
    extra = dict(o.split("=", 1) for o in os.environ.get("KAFKA_OPTIONS", "").split() if o)
    return {"bootstrap.servers": boot, "socket.nagle.disable": True, "log_level": 2, **more, **extra}


def emit(value):
    print(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


# ---- writing ----


def numbers(args):
    """Records from 1 to N over P partitions, NDJSON; `t` steps by 10 ms, so that windows have something to do."""
    pad = "x" * args.pad
    for i in range(args.first, args.first + args.n):
        r = {"i": i, "p": i % args.partitions, "k": f"k{i % args.keys}", "t": 1704448800000 + 10 * i}
        if pad:
            r["pad"] = pad
        emit(r)


class Writer:
    """Lines to a topic; with an id, in transactions that are ended as the caller says."""

    def __init__(self, args):
        self.args, self.failed = args, None
        conf = options(args.boot, **{"linger.ms": 5})
        if args.txn:
            conf |= {"transactional.id": args.txn, "transaction.timeout.ms": args.timeout}
        self.producer = ck.Producer(conf)
        if args.txn:
            self.producer.init_transactions(DEADLINE)

    def delivered(self, err, _msg):
        if err is not None and self.failed is None:
            self.failed = err

    def put(self, line):
        a, more = self.args, {}
        record = json.loads(line) if a.key or a.partition or a.time else None
        if a.key:
            key = record[a.key]
            more["key"] = key if isinstance(key, str) else json.dumps(key)
        if a.partition:
            more["partition"] = record[a.partition]
        if a.time:
            more["timestamp"] = record[a.time]
        if a.header:
            more["headers"] = [tuple(h.split("=", 1)) for h in a.header]
        while True:
            try:
                self.producer.produce(a.topic, line, on_delivery=self.delivered, **more)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self):
        left = self.producer.flush(DEADLINE)
        if left or self.failed:
            sys.exit(f"oracle: produce: {left} records not delivered: {self.failed}")

    def transaction(self, lines, end):
        self.producer.begin_transaction()
        for line in lines:
            self.put(line)
        self.flush()
        if end == "commit":
            self.producer.commit_transaction(DEADLINE)
        elif end == "abort":
            self.producer.abort_transaction(DEADLINE)


def produce(args):
    """NDJSON on stdin, a record a line, as it is."""
    lines = [line.rstrip("\n") for line in sys.stdin]
    w = Writer(args)
    if not args.txn:
        for line in lines:
            w.put(line)
        w.flush()
        return
    size = args.every or len(lines)
    for k, start in enumerate(range(0, len(lines), size), 1):
        part = lines[start : start + size]
        if args.abort_every and k % args.abort_every == 0:
            w.transaction(part, "abort")
        w.transaction(part, args.end)
    if args.end == "open":
        os._exit(0)  # without the goodbye that would abort it; it stays until its timeout, or `fence`


def fence(args):
    """End what a transactional id has open."""
    ck.Producer(options(args.boot, **{"transactional.id": args.txn})).init_transactions(DEADLINE)


# ---- reading ----


class Reader:
    """A whole topic from its beginning.  next() gives messages; at_end() says whether all that is there was read."""

    def __init__(self, boot, topic, uncommitted=False):
        isolation = "read_uncommitted" if uncommitted else "read_committed"
        self.boot, self.topic = boot, topic
        conf = {"group.id": "oracle", "enable.auto.commit": False, "enable.partition.eof": True,
                "auto.offset.reset": "error", "fetch.wait.max.ms": 50, "isolation.level": isolation}
        self.consumer = ck.Consumer(options(boot, **conf))
        # The end of the log, open transactions included.
        self.watcher = ck.Consumer(options(boot, **conf | {"isolation.level": "read_uncommitted"}))
        self.place = {}
        self.discover()

    def discover(self):
        """Take up partitions that are new."""
        t = self.watcher.list_topics(self.topic, DEADLINE).topics[self.topic]
        if t.error is not None:
            raise ck.KafkaException(t.error)
        new = [ck.TopicPartition(self.topic, p, ck.OFFSET_BEGINNING) for p in sorted(t.partitions) if p not in self.place]
        if new:
            self.consumer.incremental_assign(new)
            self.place.update({tp.partition: 0 for tp in new})

    def next(self, seconds):
        """Messages that are there, at most 10,000; a fault of the broker that passes is none of ours."""
        out = []
        for m in self.consumer.consume(10000, seconds):
            err = m.error()
            if err is None:
                self.place[m.partition()] = m.offset() + 1
                out.append(m)
            elif err.code() == ck.KafkaError._PARTITION_EOF:
                self.place[m.partition()] = m.offset()
            elif err.fatal() or err.code() in (ck.KafkaError._AUTO_OFFSET_RESET, ck.KafkaError.OFFSET_OUT_OF_RANGE):
                raise ck.KafkaException(err)
        return out

    def ends(self, consumer):
        return {p: consumer.get_watermark_offsets(ck.TopicPartition(self.topic, p), 5)[1] for p in self.place}

    def committed_ends(self):
        """Where the first open transaction begins, for each partition."""
        return self.ends(self.consumer)

    def settled_ends(self, seconds):
        """The same once no transaction is open, or after that time; the broker may be away for a while."""
        end = time.monotonic() + seconds
        while True:
            try:
                ends = self.committed_ends()
                if ends == self.ends(self.watcher) or time.monotonic() > end:
                    return ends
            except ck.KafkaException:
                if time.monotonic() > end + DEADLINE:
                    raise
            time.sleep(0.1)

    def drain(self, ends):
        """Yield what is before these ends."""
        idle = time.monotonic() + DEADLINE
        while any(self.place[p] < end for p, end in ends.items()):
            got = self.next(0.2)
            if got:
                idle = time.monotonic() + DEADLINE
            elif time.monotonic() > idle:
                sys.exit(f"oracle: read: stuck at {self.place}, ends are {ends}")
            yield from got


def ends(args):
    """How long the topic is for a read_committed reader: the sum of its last stable offsets."""
    print(sum(Reader(args.boot, args.topic).committed_ends().values()))


def text(b):
    """Bytes as text, or else marked as what they are."""
    if b is None or isinstance(b, str):
        return b
    try:
        return b.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(b).decode()}


def read(args):
    """The topic as NDJSON, to the last stable offset (--uncommitted: to the end of the log)."""
    r = Reader(args.boot, args.topic, args.uncommitted)
    for m in r.drain(r.committed_ends()):
        headers = [[k, text(v)] for k, v in m.headers() or []]
        emit({"partition": m.partition(), "offset": m.offset(), "key": text(m.key()), "headers": headers,
              "timestamp": m.timestamp()[1], "value": text(m.value())})


# ---- judging ----


class Verdict:
    """What came of records 1..n."""

    def __init__(self, n, lane="p", seq="i"):
        self.n, self.lane, self.seq = n, lane, seq
        self.seen, self.last = set(), {}
        self.records = 0
        self.bad = {"twice": 0, "out_of_order": 0, "strange": 0}
        self.examples = []

    def fault(self, kind, what):
        self.bad[kind] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: {what}")
            print(f"oracle: {kind}: {what}", file=sys.stderr, flush=True)

    def take(self, partition, offset, value):
        where = f"partition {partition}, offset {offset}: {value}"
        self.records += 1
        try:
            record = json.loads(value)
            lane, seq = record[self.lane], record[self.seq]
        except (TypeError, ValueError, KeyError):
            return self.fault("strange", where)
        if not isinstance(seq, int) or not 1 <= seq <= self.n:
            return self.fault("strange", where)
        before = self.last.get((partition, lane), 0)
        if seq in self.seen:
            self.fault("twice", where)
        elif seq < before:
            self.fault("out_of_order", f"{where}, after {before}")
        self.seen.add(seq)
        self.last[partition, lane] = max(before, seq)

    def close(self):
        """Print it; the status."""
        missing = self.n - len(self.seen)
        if missing:
            first = next(i for i in range(1, self.n + 1) if i not in self.seen)
            self.examples.append(f"missing: {first} is the first")
        emit({"records": self.records, "missing": missing, **self.bad, "examples": self.examples})
        return 1 if missing or any(self.bad.values()) else 0


def check(args):
    """The verdict on what `read` printed, from stdin."""
    v = Verdict(args.n, args.lane, args.seq)
    for line in sys.stdin:
        m = json.loads(line)
        v.take(m["partition"], m["offset"], m["value"])
    return v.close()


def follow(args):
    """Read while others write and fail; at SIGTERM (or after --seconds) to the end, then the verdict."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    v = Verdict(args.n, args.lane, args.seq)
    r = Reader(args.boot, args.topic)
    print("oracle: following", file=sys.stderr, flush=True)
    until = time.monotonic() + args.seconds
    rediscover = time.monotonic() + 1
    while not ended and time.monotonic() < until:
        for m in r.next(0.1):
            v.take(m.partition(), m.offset(), m.value())
        if args.until_complete and len(v.seen) == v.n:
            break
        if time.monotonic() > rediscover:
            try:
                r.discover()
            except ck.KafkaException:
                pass  # the broker is down; next time
            rediscover = time.monotonic() + 1
    r.discover()
    # A transaction that is never decided makes the records behind it missing.
    for m in r.drain(r.settled_ends(args.settle)):
        v.take(m.partition(), m.offset(), m.value())
    return v.close()


# ---- administration ----


def futures(done):
    """Wait for what an AdminClient began."""
    for name, f in done.items():
        try:
            f.result(DEADLINE)
        except ck.KafkaException as e:
            sys.exit(f"oracle: {name}: {e}")


def pairs(words):
    return dict(w.split("=", 1) for w in words)


def until(what, condition):
    """Topics are made and removed some moments after the answer."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"oracle: waited in vain for {what}")
        time.sleep(0.02)


def partitions_of(a, topic):
    t = a.list_topics(timeout=DEADLINE).topics.get(topic)
    return len(t.partitions) if t is not None and t.error is None else 0


def topic(a, args):
    new = cka.NewTopic(args.name, args.partitions, 1, config=pairs(args.settings))
    futures(a.create_topics([new]))
    until(args.name, lambda: partitions_of(a, args.name) == args.partitions)


def delete(a, args):
    futures(a.delete_topics(args.names))
    until("the end of the topics", lambda: not any(partitions_of(a, n) for n in args.names))


def partitions(a, args):
    futures(a.create_partitions([cka.NewPartitions(args.name, args.n)]))
    until("partitions", lambda: partitions_of(a, args.name) == args.n)


def truncate(a, args):
    futures(a.delete_records([ck.TopicPartition(args.name, args.partition, args.offset)]))


def settings(a, args):
    entries = [cka.ConfigEntry(k, v, incremental_operation=cka.AlterConfigOpType.SET)
               for k, v in pairs(args.settings).items()]
    futures(a.incremental_alter_configs(
        [cka.ConfigResource(cka.ResourceType.TOPIC, args.name, incremental_configs=entries)]))


def groups(a, _args):
    for g in a.list_consumer_groups().result(DEADLINE).valid:
        emit({"group": g.group_id, "state": g.state.name})


def offsets(a, args):
    found = a.list_consumer_group_offsets([ck.ConsumerGroupTopicPartitions(args.group)])[args.group].result(DEADLINE)
    for tp in found.topic_partitions:
        if tp.offset != NO_OFFSET:
            emit({"topic": tp.topic, "partition": tp.partition, "offset": tp.offset, "metadata": tp.metadata})


def commit(args):
    """A position of a group, as a consumer of it would commit it."""
    c = ck.Consumer(options(args.boot, **{"group.id": args.group}))
    done = c.commit(offsets=[ck.TopicPartition(args.topic, args.partition, args.offset)], asynchronous=False)
    if done[0].error is not None:
        raise ck.KafkaException(done[0].error)


def forget(a, args):
    """Delete groups, and with them what they have committed."""
    futures(a.delete_consumer_groups(args.groups))


def allow(a, args):
    """Let a user do something: allow fjord topic name write."""
    kind = {"topic": cka.ResourceType.TOPIC, "group": cka.ResourceType.GROUP,
            "txn": cka.ResourceType.TRANSACTIONAL_ID}[args.kind]
    futures(a.create_acls([
        cka.AclBinding(kind, args.name.removesuffix("*") or "*",
                       cka.ResourcePatternType.PREFIXED if args.name[:-1] and args.name.endswith("*")
                       else cka.ResourcePatternType.LITERAL,
                       f"User:{args.user}", "*", cka.AclOperation[o.upper()], cka.AclPermissionType.ALLOW)
        for o in args.operations]))


# ---- the command line ----


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = p.add_subparsers(dest="verb", required=True)

    def verb(fn, *words, admin=False):
        v = verbs.add_parser(fn.__name__, help=(fn.__doc__ or "").split("\n")[0])
        v.set_defaults(fn=fn, admin=admin)
        if admin:
            v.add_argument("boot")
        for w in words:
            v.add_argument(w)
        return v

    v = verb(numbers)
    v.add_argument("n", type=int)
    v.add_argument("partitions", type=int)
    v.add_argument("--first", type=int, default=1)
    v.add_argument("--keys", type=int, default=10)
    v.add_argument("--pad", type=int, default=0, help="a field of so many bytes more")

    v = verb(produce, "boot", "topic")
    for name in ("key", "partition", "time"):
        v.add_argument(f"--{name}", help=f"the field with the {name}")
    v.add_argument("--header", action="append", metavar="NAME=VALUE")
    v.add_argument("--txn", metavar="ID", help="in transactions of this id")
    v.add_argument("--every", type=int, help="a transaction for so many lines (default: one for all)")
    v.add_argument("--abort-every", type=int, metavar="K", help="each K-th is aborted once before it is done again")
    v.add_argument("--end", choices=("commit", "abort", "open"), default="commit")
    v.add_argument("--timeout", type=int, default=60000, help="of the transaction, ms")

    verb(fence, "boot", "txn")

    v = verb(commit, "boot", "group", "topic")
    v.add_argument("partition", type=int)
    v.add_argument("offset", type=int)

    verb(ends, "boot", "topic")
    v = verb(read, "boot", "topic")
    v.add_argument("--uncommitted", action="store_true")

    for fn in (check, follow):
        v = verb(fn, *(("boot", "topic") if fn is follow else ()))
        v.add_argument("n", type=int)
        v.add_argument("--lane", default="p", help="the field whose records are in order")
        v.add_argument("--seq", default="i", help="the field that counts from 1")
    v.add_argument("--seconds", type=float, default=3600)
    v.add_argument("--settle", type=float, default=30, help="wait so long for transactions that are open at the end")
    v.add_argument("--until-complete", action="store_true", help="end by itself when all are there")

    v = verb(topic, "name", admin=True)
    v.add_argument("partitions", type=int)
    v.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    verb(delete, admin=True).add_argument("names", nargs="+")
    verb(partitions, "name", admin=True).add_argument("n", type=int)
    v = verb(truncate, "name", admin=True)
    v.add_argument("partition", type=int)
    v.add_argument("offset", type=int)
    verb(settings, "name", admin=True).add_argument("settings", nargs="+", metavar="KEY=VALUE")
    verb(groups, admin=True)
    verb(offsets, "group", admin=True)
    verb(forget, admin=True).add_argument("groups", nargs="+")
    v = verb(allow, "user", admin=True)
    v.add_argument("kind", choices=("topic", "group", "txn"))
    v.add_argument("name", help="NAME, or PREFIX*")
    v.add_argument("operations", nargs="+")
    return p


def main():
    args = parser().parse_args()
    try:
        if args.admin:
            return args.fn(cka.AdminClient(options(args.boot)), args)
        return args.fn(args)
    except ck.KafkaException as e:
        sys.exit(f"oracle: {args.verb}: {e}")


if __name__ == "__main__":
    sys.exit(main())
