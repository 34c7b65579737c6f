"""A worker's step against PyTorch's on this machine, as paired runs of two live processes.

    python tests/benchmark/worker_torch.py BINARY [--case a|b|quickstart] [--threads 1|2] [--rounds 9] [--steps 3]

BINARY is worker_benchmark. Both processes keep one model and, when told, run a few steps (forward, backward, AdamW on
a random batch that stays the same) and answer with the seconds; the driver alternates between them and prints medians,
their ratio and both peak memories. PyTorch's best form on CPUs: eager, fused attention, fused AdamW.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

CASES = {
    "a": dict(layers=4, heads=4, width=128, context=128, vocabulary=256, batch=64),
    "b": dict(layers=6, heads=6, width=384, context=256, vocabulary=256, batch=16),
    "quickstart": dict(layers=2, heads=4, width=128, context=64, vocabulary=256, batch=16),
}


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def build_model(torch, layers, heads, width, context, vocabulary):
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.c_fc, self.mlp_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = (part.view(n, t, heads, width // heads).transpose(1, 2)
                       for part in self.c_attn(self.ln_1(x)).split(width, dim=2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(y.transpose(1, 2).reshape(n, t, width))
            return x + self.mlp_proj(functional.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.h, self.ln_f = nn.Sequential(*(Block() for _ in range(layers))), nn.LayerNorm(width)

        def forward(self, tokens, targets):
            x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
            logits = self.ln_f(self.h(x)) @ self.wte.weight.T
            return functional.cross_entropy(logits.view(-1, vocabulary), targets.view(-1))

    return Gpt()


def child(case, threads):
    """PyTorch's side: a line with a number of steps comes in, the seconds they took go out."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    sizes = dict(CASES[case])
    batch = sizes.pop("batch")
    model = build_model(torch, **sizes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    tokens = torch.randint(sizes["vocabulary"], (batch, sizes["context"] + 1))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            optimizer.zero_grad(set_to_none=True)
            loss = model(inputs, targets)
            loss.backward()
            optimizer.step()
        print(time.perf_counter() - begin, peak_bytes(), loss.item(), flush=True)


class Runner:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.peak = 0

    def run(self, steps):
        print(steps, file=self.process.stdin, flush=True)
        seconds, peak, _ = self.process.stdout.readline().split()
        self.peak = int(peak)
        return float(seconds) / steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--case", choices=CASES, default="a")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--child", action="store_true")
    flags = parser.parse_args()
    if flags.child:
        child(flags.case, flags.threads)
        return
    common = [f"--case={flags.case}", f"--threads={flags.threads}"]
    torch_side = Runner([sys.executable, __file__, "--child", *common])
    ours = Runner([flags.binary, *common]) if flags.binary else None
    times = [[], []]
    for round_number in range(flags.rounds + 1):
        measured = [torch_side.run(flags.steps), ours.run(flags.steps) if ours else float("nan")]
        if round_number > 0:  # the first warms up
            for side, seconds in zip(times, measured):
                side.append(seconds)
    medians = [statistics.median(side) for side in times]
    ratio = statistics.median(t / o for t, o in zip(*times))
    memory = (ours.peak if ours else 0) / torch_side.peak
    print(f"case {flags.case}, {flags.threads} threads: torch {medians[0] * 1e3:.1f} ms, banyan {medians[1] * 1e3:.1f} ms"
          f" a step, speed ratio {ratio:.2f}, peak memory {(ours.peak if ours else 0) / 2**20:.0f} MiB"
          f" of {torch_side.peak / 2**20:.0f} MiB ({memory:.2f})")


if __name__ == "__main__":
    main()
