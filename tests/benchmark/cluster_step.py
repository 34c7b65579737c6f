"""A step of two real workers and a server against the same step in one process with two threads, in turns.

    python tests/benchmark/cluster_step.py --bin bin --benchmarks bazel-bin/tests/benchmark [--rounds 9] [--steps 2]

One process: worker_benchmark, which computes the leaves side by side, joins and updates without a network. The cluster:
coordinator, banyan-server and two workers of one thread each, over gRPC, with the same model, batch and optimizer.
Counted too: what our code allocates on compute threads after the first steps.
"""

import argparse
import json
import statistics
import tempfile

from live import Cluster, Runner, cpu_seconds

CASES = {
    "a": dict(layers=4, heads=4, width=128, context=128, batch=64, leaf=16, micro=4),
    "b": dict(layers=6, heads=6, width=384, context=256, batch=16, leaf=8, micro=2),
    "quickstart": dict(layers=2, heads=4, width=128, context=64, batch=16, leaf=4, micro=4),
}

JOB = """
version: 1
name: step
recipe:
  seed: 1
  model: {{gpt: {{layers: {layers}, heads: {heads}, width: {width}, context: {context}, dropout: 0}}}}
  data: {{text: {{path: "data:text"}}}}
  batch: {{samples: {batch}, leaf: {leaf}, micro: {micro}}}
  until: {{steps: 1000000}}
  optimizer: {{adamw: {{learning_rate: 1e-3, betas: [0.9, 0.95], weight_decay: 0.1}}{clip}}}
run:
  workers: {{min: {workers}}}
  servers: {{count: {servers}, chunk_bytes: {chunk}}}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of banyan and the daemons")
    parser.add_argument("--benchmarks", required=True, help="folder of worker_benchmark and stepped_worker")
    parser.add_argument("--case", choices=CASES, default="b")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2, help="of the one process")
    parser.add_argument("--chunk", type=int, default=1 << 20, help="bytes")
    parser.add_argument("--clip", type=float, default=0, help="clip_norm; 0: none")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=2, help="steps a round")
    flags = parser.parse_args()

    clip = f", clip_norm: {flags.clip}" if flags.clip else ""
    with tempfile.TemporaryDirectory(prefix="banyan_step_") as folder:
        cluster = Cluster(flags.bin, f"{folder}/cluster", flags.servers)
        one = Runner([f"{flags.benchmarks}/worker_benchmark", f"--case={flags.case}", f"--threads={flags.threads}"])
        try:
            job = cluster.submit(JOB.format(chunk=flags.chunk, clip=clip, workers=flags.workers, servers=flags.servers,
                                            **CASES[flags.case]))
            for _ in range(flags.workers):
                cluster.add_worker(f"{flags.benchmarks}/stepped_worker", ["--threads=1"])
            for worker in cluster.workers:
                worker.read()
            times, cpu, allocations = [[], []], [[], []], 0
            for number in range(flags.rounds + 1):
                before = cpu_seconds([one.pid]), cpu_seconds(cluster.pids())
                alone = one.run(flags.steps)[0]
                together, allocated = cluster.run(flags.steps)
                after = cpu_seconds([one.pid]), cpu_seconds(cluster.pids())
                if number > 0:  # the first warms up
                    for side, seconds in zip(times, (alone, together)):
                        side.append(seconds / flags.steps)
                    for side, was, now in zip(cpu, before, after):
                        side.append((now - was) / flags.steps)
                    allocations += allocated
            counters = json.loads(cluster.banyan("describe", job, "-o", "json"))["counters"]
            medians = [statistics.median(side) * 1e3 for side in times]
            ratios = [together / alone for alone, together in zip(*times)]
            print(f"case {flags.case}: one process with {flags.threads} threads {medians[0]:.1f} ms"
                  f" ({min(times[0]) * 1e3:.1f}-{max(times[0]) * 1e3:.1f}), {flags.workers} workers and {flags.servers}"
                  f" servers {medians[1]:.1f} ms ({min(times[1]) * 1e3:.1f}-{max(times[1]) * 1e3:.1f}) a step,"
                  f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
            print(f"  CPU a step: {statistics.median(cpu[0]) * 1e3:.0f} ms, {statistics.median(cpu[1]) * 1e3:.0f} ms;"
                  f" allocations of ours on compute threads: {allocations:.0f}")
            pushed, early = int(counters["bytes_pushed"]), int(counters["bytes_pushed_in_backward"])
            print(f"  pushed before backward ended: {early} of {pushed} bytes ({early / pushed:.0%})")
        finally:
            one.process.kill()
            cluster.close()


if __name__ == "__main__":
    main()
