"""The exchange of a worker with a server against a bare gRPC stream that carries the same bytes, in turns.

    python tests/benchmark/exchange.py --bin bin --benchmarks bazel-bin/tests/benchmark [--rounds 9] [--steps 8]

Bare: raw slices up, the peer adds them into an accumulator and sends as many bytes back; frames of 256 KiB, 1 MiB and
4 MiB, as gRPC comes and (`tuned`) with the settings that our processes give malloc and Abseil. Ours: a real
coordinator, banyan-server and worker with a GPT whose layers compute nothing, so that a step is one push of all
gradients, SGD on the server, one pull of all weights into place, with all that belongs to it: checksums at both ends,
session, ledger, fingerprints. A step's bytes are those pushed plus those pulled.
"""

import argparse
import statistics
import tempfile

from live import Cluster, Runner, cpu_seconds

JOB = """
version: 1
name: exchange
recipe:
  seed: 1
  model: {{gpt: {{layers: {layers}, heads: 8, width: {width}, context: 16, dropout: 0}}}}
  data: {{text: {{path: "data:text"}}}}
  batch: {{samples: 1, leaf: 1}}
  until: {{steps: 1000000}}
  optimizer: {{sgd: {{learning_rate: 0.001}}}}
run:
  servers: {{count: 1, chunk_bytes: {chunk}}}
"""


def parameters(layers, width, context=16, vocabulary=256):
    return layers * (12 * width * width + 13 * width) + (vocabulary + context + 2) * width


class Bare:
    def __init__(self, binary, size, frame, flags):
        self.peer = Runner([binary, "--listen", f"--bytes={size}", *flags])
        port = self.peer.read()[0]
        self.caller = Runner([binary, f"--connect=127.0.0.1:{port}", f"--bytes={size}", f"--frame={frame}", *flags])

    def pids(self):
        return [self.peer.pid, self.caller.pid]

    def run(self, steps):
        return self.caller.run(steps)[0]

    def close(self):
        self.caller.process.kill()
        self.peer.process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of banyan and the daemons")
    parser.add_argument("--benchmarks", required=True, help="folder of bare_stream and stepped_worker")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--chunk", type=int, default=1 << 20, help="bytes")
    parser.add_argument("--frames", type=int, nargs="*", default=[256 << 10, 1 << 20, 4 << 20])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=8, help="steps a round")
    parser.add_argument("--server-flags", nargs="*", default=[])
    flags = parser.parse_args()

    size = 4 * parameters(flags.layers, flags.width)
    with tempfile.TemporaryDirectory(prefix="banyan_exchange_") as folder:
        cluster = Cluster(flags.bin, f"{folder}/cluster", 1, flags.server_flags)
        # wte is used twice: its second use is pushed too.
        moved = 2 * size + 4 * 256 * flags.width
        sides = {}
        for tuning in ([], ["--tuned"]):
            for frame in flags.frames:
                name = f"bare {frame >> 10} KiB{', tuned' if tuning else ''}"
                sides[name] = Bare(f"{flags.benchmarks}/bare_stream", moved // 8 * 4, frame, tuning)
        sides["banyan"] = cluster
        try:
            job = cluster.submit(JOB.format(layers=flags.layers, width=flags.width, chunk=flags.chunk))
            worker = cluster.add_worker(f"{flags.benchmarks}/stepped_worker", ["--hollow"])
            worker.read()
            speeds = {name: [] for name in sides}
            cpu = {name: [] for name in sides}
            for number in range(flags.rounds + 1):
                for name, side in sides.items():
                    before = cpu_seconds(side.pids())
                    seconds = side.run(flags.steps)
                    seconds = seconds[0] if isinstance(seconds, tuple) else seconds
                    if number > 0:  # the first warms up
                        speeds[name].append(moved * flags.steps / seconds / 1e9)
                        cpu[name].append((cpu_seconds(side.pids()) - before) / (moved * flags.steps / 1e9))
            print(f"{moved / 1e6:.1f} MB a step, {flags.rounds} rounds of {flags.steps} steps, chunks of"
                  f" {flags.chunk >> 10} KiB")
            for name in sides:
                print(f"  {name:22} {statistics.median(speeds[name]):.2f} GB/s"
                      f" ({min(speeds[name]):.2f}-{max(speeds[name]):.2f}),"
                      f" {statistics.median(cpu[name]):.2f} CPU seconds a GB")
            for name in sides:
                if name != "banyan":
                    ratios = [ours / bare for ours, bare in zip(speeds["banyan"], speeds[name])]
                    print(f"  banyan / {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}),"
                          f" by CPU time {statistics.median(cpu[name]) / statistics.median(cpu['banyan']):.2f}")
        finally:
            for side in sides.values():
                side.close()


if __name__ == "__main__":
    main()
