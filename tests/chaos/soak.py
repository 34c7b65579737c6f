"""One long run in which coordinator, servers and workers are killed again and again, beside the same run left alone.

    python tests/chaos/soak.py --bin bin [--kills 100] [--steps 16000] [--seed 1] [--servers 3] [--replicas 1]

A cluster of `banyan local up`, which starts again what ended, runs a GPT with replicas. At steps drawn from the seed one
of its processes, drawn from the seed among those that have run for a while (who ends too often is given up), gets
SIGKILL. Hash of the state, sums of losses and every line of the ledger must
be those of the run that nothing happened to, each step with one line. Printed: the gaps between lines, of the whole run
and after the kills of each role. A line is written when the coordinator hears of it: while that is away steps go on, but
lines do not. With replicas, no kill of a server stops the lines for longer than --limit.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# Seconds after which `local up` takes a process's end for its first.
STEADY = 10.5

JOB = """
version: 1
name: soak
recipe:
  seed: 1
  model: {{gpt: {{layers: 2, heads: 2, width: 64, context: 32, dropout: 0.1}}}}
  data: {{text: {{path: "data:text", held_out: 0.05}}}}
  batch: {{samples: 16, leaf: 2}}
  until: {{steps: {steps}}}
  optimizer: {{adamw: {{learning_rate: 1e-3, weight_decay: 0.1, no_decay: [bias, norm]}}, clip_norm: 1.0}}
run:
  workers: {{min: 1, wait: 2m}}
  servers: {{count: {servers}, replicas: {replicas}, chunk_bytes: 65536, wait: 2m}}
  evaluate: {{every: 500 steps, samples: 32}}
  checkpoint: {{every: 200 steps, keep: 3}}
"""


class Cluster:
    """A local cluster that stays, and its one job."""

    def __init__(self, flags, folder):
        self.flags = flags
        self.program = pathlib.Path(flags.bin).resolve() / "banyan"
        self.folder = folder
        self.state = folder / "state"
        self.environment = dict(os.environ, XDG_CONFIG_HOME=str(folder / "config"), XDG_STATE_HOME=str(folder / "home"))
        self.step = 0
        self.over = False
        folder.mkdir(parents=True)
        (folder / "text").write_text("".join(f"line {i * i % 977} of {i * 31 % 89}\n" for i in range(5000)))
        (folder / "job.yaml").write_text(JOB.format(steps=flags.steps, servers=flags.servers, replicas=flags.replicas))
        self.banyan("local", "up", f"--workers={flags.workers}", f"--servers={flags.servers}", "--threads=1",
                    f"--root=data={folder}", f"--state-dir={self.state}")

    def run(self, *arguments, **options):
        return subprocess.run([self.program, *arguments], env=self.environment, text=True, **options)

    def banyan(self, *arguments):
        return self.run(*arguments, check=True, stdout=subprocess.PIPE).stdout

    def submit(self):
        self.job = self.banyan("submit", str(self.folder / "job.yaml"), "--detach").strip()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        """Keeps `step` at the last line's; the coordinator may be away for a while."""
        while not self.over:
            command = [self.program, "metrics", self.job, "-f", "-o", "jsonl"]
            with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True) as follow:
                for line in follow.stdout:
                    self.step = max(self.step, json.loads(line)["step"])
            self.over = follow.returncode == 0
            time.sleep(0.02)

    def processes(self):
        """Pids by name, of those that run."""
        found = {}
        for process in json.loads((self.state / "processes.json").read_text()):
            role = process["role"]
            name = role if role == "coordinator" else f"{role}-{process['index']}"
            if pathlib.Path(f"/proc/{process['pid']}").exists():
                found[name] = process["pid"]
        return found

    def result(self):
        """What the job gave, its lines and when each was written; takes the cluster down."""
        while True:
            ended = self.run("wait", self.job, "-o", "json", "--timeout", "600s", stdout=subprocess.PIPE)
            if ended.returncode != 6:  # the coordinator is away
                break
            time.sleep(0.1)
        result = json.loads(ended.stdout.splitlines()[-1])
        lines = self.banyan("metrics", self.job, "-o", "jsonl").splitlines()
        self.over = True
        self.banyan("local", "down", f"--state-dir={self.state}")
        store = sqlite3.connect(self.state / "coordinator" / "coordinator.sqlite")
        times = [row[0] / 1e9 for row in store.execute("SELECT time FROM lines ORDER BY step")]
        store.close()
        return result, lines, times


def answer(result):
    return {key: result.get(key) for key in ("state", "step", "state_hash", "weights_hash", "train", "held_out")}


def disturb(cluster, flags):
    """Kills at steps drawn from the seed, a tenth of them right after the one before; returns (time, name)s."""
    draw = random.Random(flags.seed)
    steps = sorted(draw.randrange(flags.steps // 50, flags.steps * 24 // 25) for _ in range(flags.kills))
    kills = []
    for step in steps:
        # While the coordinator is away no step is seen; what was drawn for them is not to happen all at once.
        if kills and draw.random() >= 0.1:
            step = max(step, cluster.step + 10)
        while cluster.step < step and not cluster.over:
            time.sleep(0.005)
        if cluster.over:
            break
        while True:
            alive = cluster.processes()
            recent = {name for at, name in kills if time.time() - at < STEADY}
            steady = {name.split("-")[0]: [] for name in sorted(set(alive) - recent)}
            for name in sorted(set(alive) - recent):
                steady[name.split("-")[0]].append(name)
            roles = [role for role in flags.roles.split(",") if role in steady]
            if roles or cluster.over:
                break
            time.sleep(0.02)
        if not roles:
            break
        name = draw.choice(steady[draw.choice(roles)])
        os.kill(alive[name], signal.SIGKILL)
        kills.append((time.time(), name))
        print(f"  step {cluster.step}: {name}", file=sys.stderr, flush=True)
    return kills


def describe(gaps):
    if not gaps:
        return "none"
    gaps = sorted(gaps)
    return (f"median {statistics.median(gaps) * 1e3:.1f} ms, p99 {gaps[int(len(gaps) * 0.99)] * 1e3:.0f} ms,"
            f" longest {gaps[-1] * 1e3:.0f} ms")


def after_kills(kills, times, role):
    """The longest gap after each kill of the role, as far as the next kill of anybody."""
    longest = []
    for (at, name), (until, _) in zip(kills, [*kills[1:], (times[-1], "")]):
        if name.split("-")[0] != role:
            continue
        gaps = [min(b, until) - a for a, b in zip(times, times[1:]) if b > at and a < until]
        if gaps:
            longest.append(max(gaps))
    return longest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of banyan and the daemons")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1.0, help="seconds without a line after a kill of a server")
    parser.add_argument("--roles", default="coordinator,server,worker", help="whom to kill")
    parser.add_argument("--folder", help="where the clusters live, to be looked at afterwards; default: a temporary one")
    flags = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="banyan_soak_") as temporary:
        folder = pathlib.Path(flags.folder or temporary)
        alone = Cluster(flags, folder / "alone")
        alone.submit()
        reference, lines, times = alone.result()
        gaps = [b - a for a, b in zip(times, times[1:])]
        print(f"undisturbed: {flags.steps} steps in {times[-1] - times[0]:.0f} s; gaps: {describe(gaps)}", flush=True)

        cluster = Cluster(flags, folder / "killed")
        cluster.submit()
        kills = disturb(cluster, flags)
        result, killed_lines, times = cluster.result()

    counts = {role: sum(name.startswith(role) for _, name in kills) for role in flags.roles.split(",")}
    print(f"{len(kills)} kills ({', '.join(f'{count} {role}' for role, count in counts.items())}), seed {flags.seed}:"
          f" {len(times)} steps in {times[-1] - times[0]:.0f} s,"
          f" {result['counters'].get('rollbacks', 0)} roll-backs")
    print(f"  gaps: {describe([b - a for a, b in zip(times, times[1:])])}")
    for role in counts:
        print(f"  longest gap after a kill of a {role}: {describe(after_kills(kills, times, role))}")
    same = answer(result) == answer(reference) and killed_lines == lines and len(lines) == flags.steps
    print("the answer and every line are the same" if same else "the answer or a line DIFFERS")
    print(f"  {reference['state_hash']}\n  {result.get('state_hash')}")
    if not same or len(kills) < flags.kills:
        sys.exit("the run that was disturbed differs from the other" if not same else
                 "the job ended before all kills; give it more --steps")
    longest = max(after_kills(kills, times, "server"), default=0)
    if flags.replicas > 0 and longest > flags.limit:
        sys.exit(f"no line for {longest:.2f} s after a kill of a server, the limit is {flags.limit} s")


if __name__ == "__main__":
    main()
