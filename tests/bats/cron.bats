# "Exactly-once cron": a line that is run again and again over logs that grow, some runs killed, gives what one long run gives.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	pids=()
	export SEED=${SEED:-$RANDOM} XDG_STATE_HOME=$PWD/xdg
	echo "SEED=$SEED" # shown when the test fails; set it to have the same cuts again
}

# grown FILES RUNS WINDOW [fcoord]: a log of that many files, cut at random bytes, comes piece by piece into logs/; behind each piece
# one run, every third killed somewhere.  At any time the output begins as the one of a single run over all does, and in the end
# it is the same.
grown() {
	python3 - "$@" <<-'END'
	import os, random, select, signal, subprocess, sys, time

	files, runs, window, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
	rng = random.Random(int(os.environ["SEED"]))

	def records(start):
	    """A file's worth, out of order by at most 20 s, all of it behind what another file has."""
	    for i in range(4800 // files):
	        t = start + 21 + 7 * i - rng.randrange(21)
	        yield '{"k":"user%d","t":%d,"v":%d}\n' % (rng.randrange(9) ** 2, t, rng.randrange(1000))

	logs = ["".join(records(1704448800 + 35000 // files * f)) for f in range(files)]
	total = sum(map(len, logs))

	def line(logs, to, end):
	    return ["fsource %s --time t --out-of-order 20s --at-end %s" % (logs, end), "fkey k",
	            "fwindow %s --agg 'n=count(), sum(.v), last(.v)'" % window, "fsink --every 5ms " + to]

	class Run:
	    """A run of the line, in a shell with state or by fcoord."""
	    def __init__(self, logs, to, end="hold"):
	        text = line(logs, to, end)
	        if how:
	            argv = [["fcoord", "run", "--name", "cron", "--every", "10ms", "--restart", "fixed:9,10ms",
	                     " | ".join(text)]]
	        else:
	            argv = [["sh", "-c", "exec " + stage] for stage in text]
	        self.p, pipe = [], subprocess.DEVNULL
	        self.err = open("err", "w+")
	        for a in argv:
	            out = subprocess.DEVNULL if a == argv[-1] else subprocess.PIPE
	            p = subprocess.Popen(a, stdin=pipe, stdout=out, stderr=self.err, start_new_session=True,
	                                 env=dict(os.environ, **({} if how else {"FSTATE": "state"})))
	            if pipe != subprocess.DEVNULL:
	                pipe.close()
	            pipe = p.stdout
	            self.p.append(p)

	    def processes(self):
	        """What can be killed: the stages; fcoord, its agent and what that has started."""
	        pids, todo = [], [p.pid for p in self.p]
	        while todo:
	            pids.append(todo.pop())
	            todo += map(int, subprocess.run(["pgrep", "-P", str(pids[-1])], capture_output=True).stdout.split())
	        return pids

	    def kill_after(self, moment):
	        ended = os.pidfd_open(self.p[-1].pid)
	        early = select.select([ended], [], [], moment)[0]
	        os.close(ended)
	        if early:
	            return False
	        try:
	            os.kill(rng.choice(self.processes()), signal.SIGKILL)
	        except ProcessLookupError:
	            return False
	        return True

	    def statuses(self):
	        s = [p.wait(timeout=20) for p in self.p]
	        self.err.seek(0)
	        return s

	def calm(*args):
	    run = Run(*args)
	    if any(run.statuses()):
	        sys.exit("a calm run: %s\n%s" % (run.statuses(), run.err.read()))

	def output(name):
	    return open(name, "rb").read() if os.path.exists(name) else b""

	os.mkdir("all")
	os.mkdir("logs")
	for i, text in enumerate(logs):
	    open("all/%02d.ndjson" % i, "w").write(text)
	one = line("all/", "want", "finish")
	subprocess.run(" | ".join(one), shell=True, check=True)
	want = output("want")

	cuts = sorted(rng.randrange(total) for _ in range(runs - 1)) + [total]
	at = killed = takes = 0
	for n, cut in enumerate(cuts):
	    begin = 0
	    for i, text in enumerate(logs):
	        piece = text[max(at - begin, 0):max(cut - begin, 0)]
	        if piece:
	            open("logs/%02d.ndjson" % i, "a").write(piece)
	        begin += len(text)
	    at = cut
	    if n % 3 == 2:
	        run = Run("logs/", "out")
	        killed += run.kill_after(rng.uniform(0, takes) * rng.random()) # early rather than late
	        run.statuses()
	    else:
	        started = time.monotonic()
	        calm("logs/", "out")
	        takes = time.monotonic() - started
	    if not want.startswith(output("out")):
	        sys.exit("the output differs behind run %d" % n)
	before = output("out")
	print("%d bytes in %d runs, %d of them killed; %d of %d bytes came before the last" %
	      (total, runs, killed, len(before), len(want)))
	calm("logs/", "out") # also what a killed run has left
	calm("logs/", "out", "finish")
	if output("out") != want:
	    sys.exit("the output differs in the end")
	if killed == 0:
	    sys.exit("no run was killed")
	END
}

@test "a file that grows, 50 runs, some killed: tumbling windows" {
	grown 1 50 'tumble 5m'
}

@test "a file that grows, 50 runs, some killed: sessions" {
	grown 1 50 'session 45s'
}

@test "a directory that gets files, 50 runs, some killed: tumbling windows" {
	grown 7 50 'tumble 5m'
}

@test "a directory that gets files, 50 runs, some killed: sessions" {
	grown 7 50 'session 45s'
}

@test "the same under fcoord: what is killed is started again within the run, or by the next one" {
	grown 1 20 'tumble 5m' fcoord
}
