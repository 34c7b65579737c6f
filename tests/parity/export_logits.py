"""Compares the logits of an exported model in Hugging Face's transformers with Banyan's own, live.

    bazel build //tests/parity:logits
    python tests/parity/export_logits.py [DIRECTORY ...]

A directory is what `banyan export` wrote. transformers loads it with GPT2LMHeadModel.from_pretrained, Banyan's kernels
by the program `logits`; both are given the same tokens, of every length up to the model's context that is tried, and
no logit may differ by more than 1e-4. Tensors that transformers misses or does not know are an error.

Without a directory the script makes models of its own, with large random weights, and saves them with transformers:
then Banyan reads what another tool wrote, with names as transformers has them, or bare as in the original GPT-2.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors.torch
import torch
import transformers

TOLERANCE = 1e-4
ROOT = pathlib.Path(__file__).resolve().parents[2]


def make_model(directory, layers, heads, width, context, vocabulary, seed, bare):
    torch.manual_seed(seed)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_layer=layers, n_head=heads, n_embd=width, n_positions=context, vocab_size=vocabulary, bos_token_id=None,
        eos_token_id=None))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Biases and norms of a fresh model are 0 and 1, which would hide a swapped one.
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    if bare:
        path = f"{directory}/model.safetensors"
        tensors = safetensors.torch.load_file(path)
        safetensors.torch.save_file({name.removeprefix("transformer."): tensor for name, tensor in tensors.items()},
                                    path, metadata={"format": "pt"})


def load(directory):
    model, report = transformers.GPT2LMHeadModel.from_pretrained(
        directory, dtype=torch.float32, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        # The output layer is the token table, kept once.
        names = {str(name) for name in report[kind]} - {"lm_head.weight"}
        if names:
            sys.exit(f"{directory}: {kind}: {sorted(names)}")
    return model.eval()


def banyan_logits(program, directory, tokens):
    lines = subprocess.run([program, str(directory), *map(str, tokens)], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return numpy.array([[float.fromhex(number) for number in line.split()] for line in lines])


def compare(program, directory):
    model = load(directory)
    context, vocabulary = model.config.n_positions, model.config.vocab_size
    random = numpy.random.default_rng(1)
    worst, largest = 0.0, 0.0
    for length in sorted({1, 2, context // 2 + 1, context}):
        tokens = random.integers(0, vocabulary, min(length, context)).tolist()
        with torch.no_grad():
            theirs = model(torch.tensor([tokens])).logits[0].double().numpy()
        ours = banyan_logits(program, directory, tokens)
        if ours.shape != theirs.shape:
            sys.exit(f"{directory}: {ours.shape} logits, transformers has {theirs.shape}")
        worst = max(worst, float(numpy.abs(ours - theirs).max()))
        largest = max(largest, float(numpy.abs(theirs).max()))
    verdict = "ok" if worst <= TOLERANCE else "FAILED"
    print(f"{verdict}: {directory}: largest difference {worst:.2e} (logits up to {largest:.2f})")
    return worst <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="*", metavar="DIRECTORY")
    parser.add_argument("--program", default=str(ROOT / "bazel-bin/tests/parity/logits"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.directories:
        right = [compare(arguments.program, directory) for directory in arguments.directories]
    else:
        with tempfile.TemporaryDirectory() as folder:
            right = []
            for seed, sizes in enumerate([(2, 2, 12, 9, 17), (3, 4, 64, 33, 256), (1, 1, 128, 128, 300)]):
                directory = f"{folder}/{'-'.join(map(str, sizes))}"
                make_model(directory, *sizes, seed=seed, bare=seed % 2 == 1)
                right.append(compare(arguments.program, directory))
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
