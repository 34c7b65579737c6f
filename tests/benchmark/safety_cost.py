"""What it costs that nothing is lost: a step with replicas against one without, and steps while a checkpoint is written.

    python tests/benchmark/safety_cost.py --bin bin --benchmarks bazel-bin/tests/benchmark [--case quickstart]

Two clusters of the same shape, with and without a replica of every chunk, take steps in turns; so do the runs of one
cluster in which a checkpoint begins with the first step, and those between, which begin when it is there. Said too: how
many checkpoints were still being written when the steps that are to bear them were over. CPU is that of all processes
of a cluster.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time

from cluster_step import CASES, JOB
from live import Cluster, cpu_seconds


class Side:
    """A cluster with its job, and what its runs took."""

    def __init__(self, flags, folder, run):
        self.flags = flags
        self.cluster = Cluster(flags.bin, folder, flags.servers)
        clip = ", clip_norm: 1"
        job = JOB.format(chunk=flags.chunk, clip=clip, workers=flags.workers, servers=flags.servers,
                         **CASES[flags.case])
        for key, value in run.items():
            job = job.replace(key, value)
        self.job = self.cluster.submit(job)
        for _ in range(flags.workers):
            self.cluster.add_worker(f"{flags.benchmarks}/stepped_worker", ["--threads=1"])
        for worker in self.cluster.workers:
            worker.read()
        self.runs = []

    def run(self, steps):
        """Seconds and CPU seconds a step."""
        before = cpu_seconds(self.cluster.pids())
        seconds, _ = self.cluster.run(steps)
        self.runs.append((seconds / steps, (cpu_seconds(self.cluster.pids()) - before) / steps))

    def await_checkpoint(self, step):
        """Whether it was there already."""
        for attempt in range(6000):
            steps = json.loads(self.cluster.banyan("describe", self.job, "-o", "json")).get("checkpoints", [])
            if str(step) in steps:
                return attempt == 0
            time.sleep(0.01)
        sys.exit(f"no checkpoint of step {step} after a minute")


def compare(what, some, others):
    """Medians of the pairs' own ratios."""
    def text(index):
        ratios = [a[index] / b[index] for a, b in zip(some, others) if b[index] > 0]
        return (f"{statistics.median(a[index] for a in some) * 1e3:.1f} against"
                f" {statistics.median(b[index] for b in others) * 1e3:.1f} ms a step, ratio"
                f" {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
    print(f"{what}: {text(0)}\n  CPU: {text(1)}", flush=True)


def replicas(flags, folder):
    sides = [Side(flags, f"{folder}/with", {"{count:": "{replicas: 1, count:"}), Side(flags, f"{folder}/without", {})]
    try:
        for _ in range(flags.rounds + 1):
            for side in sides:
                side.run(flags.steps)
        compare("with a replica", *(side.runs[1:] for side in sides))
    finally:
        for side in sides:
            side.cluster.close()


def checkpoint(flags, folder):
    side = Side(flags, f"{folder}/checkpoint",
                {"run:": f"run:\n  checkpoint: {{every: {2 * flags.steps} steps, keep: 2}}"})
    try:
        late = 0
        side.run(2 * flags.steps - 1)
        for i in range(flags.rounds):
            side.run(flags.steps)
            late += not side.await_checkpoint(2 * flags.steps * (i + 1))
            side.run(flags.steps)
        compare(f"{flags.steps} steps from a checkpoint on", side.runs[1::2], side.runs[2::2])
        print(f"  longer than the steps took {late} of {flags.rounds} checkpoints", flush=True)
    finally:
        side.cluster.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of banyan and the daemons")
    parser.add_argument("--benchmarks", required=True, help="folder of stepped_worker")
    parser.add_argument("--case", choices=CASES, default="quickstart")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=1 << 20, help="bytes")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="a round")
    parser.add_argument("--only", choices=["replicas", "checkpoint"])
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="banyan_safety_") as folder:
        if flags.only != "checkpoint":
            replicas(flags, folder)
        if flags.only != "replicas":
            checkpoint(flags, folder)


if __name__ == "__main__":
    main()
