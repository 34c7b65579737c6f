"""Trains small GPTs with Banyan's own processes and checks every file and number of them with PyTorch, live.

    ./quickstart --build-only && bazel build //tests/parity:logits
    python tests/parity/training.py

For each of two jobs, on a cluster of a coordinator, two servers and two workers that `banyan local up` starts and on
text that this script makes; the first starts from Banyan's initial weights, the second, with dropout, from a model that
transformers made, with names as the original GPT-2 has them:

* safetensors' own library reads every file of every checkpoint, and finds the tensors that the manifest names;
* PyTorch trains transformers' GPT2LMHeadModel from the checkpoint of step 0, exported, on the same samples in the
  same order, with torch.optim.AdamW: losses and gradient norms of each step within 1e-5, relative, and each tensor's
  gradient of step 1, as AdamW's mean in the checkpoint of step 1 shows it, within what docs/numerics.md says;
* transformers loads the exported result unchanged and gives Banyan's logits within 1e-4 (export_logits.py);
* PyTorch's loss of that model over the held-out samples is the job's own within 1e-5, relative.

PyTorch is given nothing but the job file, the text and the weights of step 0: the order of the samples and what
dropout drops come from keyed_random.py, the schedule and the split of the text from what the documents say.
"""

import contextlib
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers

import export_logits
import keyed_random

TOLERANCE = 1e-5
STEPS, BATCH, CONTEXT, SEED, HELD_OUT = 10, 7, 17, 3, 0.4
RATE, BETAS, DECAY, CLIP, WARMUP, FINAL = 1e-2, (0.9, 0.95), 0.1, 1.0, 3, 0.1

# Odd sizes; a short last leaf; a batch that runs on into the next epoch.
JOB = """
version: 1
name: parity
recipe:
  seed: {seed}
  model: {{gpt: {{layers: 2, heads: 3, width: 30, context: {context}, dropout: {dropout}}}{start}}}
  data: {{text: {{path: "data:text.txt", held_out: {held_out}}}}}
  batch: {{samples: {batch}, leaf: 3, micro: 2}}
  until: {{steps: {steps}}}
  optimizer:
    adamw: {{learning_rate: {rate}, betas: [{betas[0]}, {betas[1]}], weight_decay: {decay}, no_decay: [bias, norm]}}
    clip_norm: {clip}
  schedule: {{cosine: {{warmup_steps: {warmup}, final: {final}}}}}
run:
  evaluate: {{every: 5 steps, at_end: all}}
  checkpoint: {{every: 1 steps, keep: 20}}
"""


class Difference:
    """The largest one seen, held against a limit. A number that is none is above every limit."""

    def __init__(self, what, limit):
        self.what, self.limit, self.worst = what, limit, 0.0

    def add(self, ours, theirs):
        self.add_error(abs(ours - theirs), abs(theirs))

    def add_error(self, error, scale):
        found = error / scale
        self.worst = max(self.worst, found) if math.isfinite(found) else math.inf

    def report(self):
        right = self.worst <= self.limit
        print(f"{'ok' if right else 'FAILED'}: {self.what}: largest difference {self.worst:.2e}, "
              f"allowed {self.limit:.0e}")
        return right


class Cluster:
    """`banyan` on a cluster of its own, whose state, like the contexts of the user, lies in `folder`."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = {**os.environ, "XDG_CONFIG_HOME": f"{folder}/config"}

    def __enter__(self):
        self("local", "up", "--workers", "2", "--servers", "2", "--threads", "1", "--root", f"data={self.folder}",
             "--state-dir", f"{self.folder}/state")
        return self

    def __exit__(self, *_):
        self("local", "down", "--state-dir", f"{self.folder}/state")

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], env=self.environment, capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise RuntimeError(f"banyan {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout


class KeyedDropout(torch.nn.Module):
    """In the place of torch.nn.Dropout: drops what Banyan's layer of this name drops."""

    step = 0

    def __init__(self, layer, rate):
        super().__init__()
        self.layer, self.rate = layer, rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        keep = keyed_random.keeps(SEED, KeyedDropout.step, self.layer, self.rate, x.numel())
        return x * torch.from_numpy(keep).view(x.shape) / (1 - self.rate)


def load(directory, rate):
    # Reordering and upcasting change no fp32 number; that form alone drops attention weights by a module.
    model = transformers.GPT2LMHeadModel.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", reorder_and_upcast_attn=True)
    for name, module in list(model.transformer.named_modules()):
        if isinstance(module, torch.nn.Dropout):
            parent, _, child = name.rpartition(".")
            setattr(model.transformer.get_submodule(parent), child,
                    KeyedDropout(name.removesuffix(".attn_dropout"), rate))
    return model


def mean_loss(model, tokens, ids):
    rows = torch.stack([tokens[i * CONTEXT:i * CONTEXT + CONTEXT + 1] for i in ids])
    logits = model(rows[:, :-1]).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def factor(step):
    """common/optimizer/schedule.h: cosine."""
    if step <= WARMUP:
        return step / WARMUP
    return FINAL + (1 - FINAL) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


def train(model, tokens):
    """Yields loss, gradient norm, learning rate and the clipped gradients by name of each step."""
    named = {name.removeprefix("transformer."): parameter for name, parameter in model.named_parameters()}
    parameters = list(named.values())
    optimizer = torch.optim.AdamW([
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": DECAY},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}], betas=BETAS, eps=1e-8)
    samples = (len(tokens) - 1) // CONTEXT
    if samples >= STEPS * BATCH:
        raise RuntimeError(f"{samples} samples last {STEPS} steps: no second epoch is seen")
    model.train()
    for step in range(1, STEPS + 1):
        KeyedDropout.step = step
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor(step)
        optimizer.zero_grad()
        loss = mean_loss(model, tokens, keyed_random.samples_of_step(SEED, step, BATCH, samples))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        yield loss.item(), norm.item(), RATE * factor(step), {name: p.grad for name, p in named.items()}


def check_files(folder):
    """Reads all checkpoints of a job with safetensors; returns their folders by step."""
    checkpoints = sorted(path.parent for path in pathlib.Path(folder).glob("step-*/manifest.json"))
    read = 0
    for checkpoint in checkpoints:
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        found = {}
        for file in sorted(checkpoint.glob("*.safetensors")):
            found.update({name: tuple(t.shape) for name, t in safetensors.torch.load_file(file).items()})
            read += 1
        expected = {"step": ()}
        for tensor in manifest["tensors"]:
            for name in [tensor["name"], *(f"{tensor['name']}.{slot}" for slot in tensor.get("slots", []))]:
                expected[name] = tuple(map(int, tensor["shape"]))
        if found != expected:
            sys.exit(f"{checkpoint}: tensors in files and manifest differ: {found.items() ^ expected.items()}")
    print(f"ok: safetensors reads {read} files of {len(checkpoints)} checkpoints, as their manifests say")
    return {int(path.name.split("-")[1]): path for path in checkpoints}


def compare_gradients(difference, checkpoint, theirs):
    """Step 1's, after clipping: AdamW's first mean is 1 - beta1 of them."""
    slots = safetensors.torch.load_file(checkpoint / "optimizer.safetensors")
    whole = math.sqrt(sum(gradient.double().square().sum().item() for gradient in theirs.values()))
    for name, gradient in theirs.items():
        error = slots[f"{name}.exp_avg"].double() / (1 - BETAS[0]) - gradient.double()
        least = 1e-3 * whole / math.sqrt(len(theirs))
        difference.add_error(error.norm().item(), max(gradient.double().norm().item(), least))


def check_steps(name, lines, first_checkpoint, model, tokens):
    losses = Difference(f"{name}: loss of {STEPS} steps", TOLERANCE)
    norms = Difference(f"{name}: norm of the gradient of {STEPS} steps", TOLERANCE)
    rates = Difference(f"{name}: learning rate of {STEPS} steps", 1e-15)
    gradients = Difference(f"{name}: each gradient of step 1", TOLERANCE)
    if [line["step"] for line in lines] != list(range(1, STEPS + 1)):
        sys.exit(f"metrics has steps {[line['step'] for line in lines]}")
    for line, (loss, norm, rate, gradient) in zip(lines, train(model, tokens)):
        number = {key: float.fromhex(line[key]) for key in ("loss_sum", "weight", "learning_rate", "grad_norm")}
        losses.add(number["loss_sum"] / number["weight"], loss)
        norms.add(number["grad_norm"], norm)
        rates.add(number["learning_rate"], rate)
        if line["step"] == 1:
            compare_gradients(gradients, first_checkpoint, gradient)
    return all([difference.report() for difference in (losses, norms, rates, gradients)])


def check_evaluation(name, held_out, model, tokens):
    samples = (len(tokens) - 1) // CONTEXT
    if held_out["weight"] != samples * CONTEXT:
        sys.exit(f"held-out weight {held_out['weight']}, expected {samples * CONTEXT}")
    difference = Difference(f"{name}: held-out loss", TOLERANCE)
    with torch.no_grad():
        difference.add(held_out["loss"], mean_loss(model, tokens, range(samples)).item())
    return difference.report()


def check_job(cluster, logits, text, dropout, start):
    job = pathlib.Path(cluster.folder) / "job.yaml"
    job.write_text(JOB.format(seed=SEED, context=CONTEXT, dropout=dropout, start=start, held_out=HELD_OUT, batch=BATCH,
                              steps=STEPS, rate=RATE, betas=BETAS, decay=DECAY, clip=CLIP, warmup=WARMUP, final=FINAL))
    result = json.loads(cluster("submit", job, "-o", "json").splitlines()[-1])
    lines = [json.loads(line) for line in cluster("metrics", result["job"]["id"], "-o", "jsonl").splitlines()]
    checkpoints = check_files(pathlib.Path(result["checkpoint"]["path"]).parent)
    exported = {step: pathlib.Path(cluster.folder) / f"dropout-{dropout}-step-{step}" for step in (0, STEPS)}
    for step, directory in exported.items():
        cluster("export", checkpoints[step], directory)

    tokens = torch.tensor(list(text.encode()))
    training = len(tokens) - math.floor(HELD_OUT * len(tokens) + 0.5)
    name = f"dropout {dropout}"
    return all([
        check_steps(name, lines, checkpoints[1], load(exported[0], dropout), tokens[:training]),
        check_evaluation(name, result["held_out"], export_logits.load(exported[STEPS]), tokens[training:]),
        *(export_logits.compare(logits, directory) for directory in exported.values())])


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    words = random.Random(1)
    text = " ".join("".join(words.choices("aeimnorst", k=words.randint(1, 7))) for _ in range(200))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (pathlib.Path(folder) / "text.txt").write_text(text)
        # Weights so large that the two forms of gelu, say, are told apart.
        export_logits.make_model(f"{folder}/large", 2, 3, 30, CONTEXT, 256, seed=1, bare=True)
        programs = export_logits.ROOT
        cluster = stack.enter_context(Cluster(programs / "bin/banyan", folder))
        logits = str(programs / "bazel-bin/tests/parity/logits")
        right = [check_job(cluster, logits, text, dropout, start)
                 for dropout, start in ((0, ""), (0.2, ', init_from: "data:large"'))]
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
