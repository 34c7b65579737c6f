"""Writes worker/compute/testdata/gpt_golden.txt: loss and gradients that PyTorch gives a tiny GPT-2.

    python tests/parity/gpt_golden.py > worker/compute/testdata/gpt_golden.txt

The model is Hugging Face's GPT2LMHeadModel in fp32 on one thread, so names and layouts are put to the test as well.
Weights and tokens come from an integer hash that golden_test.cc computes alike (`uniform`), so only results are kept:

    <layers> <heads> <width> <context> <vocabulary> <samples>
    losses <mean loss before each of ten steps of AdamW on the same batch, hex>
    <parameter> <number of elements>
    <one hex float a line: the gradient of the mean loss before the first step>
    ...
"""

import sys
import typing

import numpy
import torch
import transformers

STEPS = 10


class Sizes(typing.NamedTuple):
    layers: int
    heads: int
    width: int
    context: int
    vocabulary: int
    samples: int


def uniform(stream, size):
    """Numbers in [-0.5, 0.5) that fp32 holds exactly."""
    x = numpy.arange(size, dtype=numpy.uint64) + numpy.uint64(1000003 * stream + 1)
    x = (x * numpy.uint64(2654435761)) % numpy.uint64(1 << 32)
    x = ((x ^ (x >> numpy.uint64(15))) * numpy.uint64(2246822519)) % numpy.uint64(1 << 32)
    return (x >> numpy.uint64(8)).astype(numpy.float64) / (1 << 24) - 0.5


def tokens(stream, sizes):
    values = numpy.floor((uniform(stream, sizes.samples * sizes.context) + 0.5) * sizes.vocabulary)
    return torch.tensor(values.astype(numpy.int64).reshape(sizes.samples, sizes.context))


def make_model(sizes):
    """The model, and its parameters with their names in byte order."""
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_layer=sizes.layers, n_head=sizes.heads, n_embd=sizes.width, n_positions=sizes.context,
        vocab_size=sizes.vocabulary, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    named = sorted((name.removeprefix("transformer."), p) for name, p in model.named_parameters())
    with torch.no_grad():
        for number, (name, parameter) in enumerate(named):
            values = uniform(number, parameter.numel())
            if ".ln_" in f".{name}" and name.endswith(".weight"):
                values = values + 1
            parameter.copy_(torch.tensor(values.astype(numpy.float32)).view(parameter.shape))
    return model, named


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)


def train(model, optimizer, sizes):
    """Yields the mean loss before each step, while its gradients are in the parameters."""
    for _ in range(STEPS):
        optimizer.zero_grad()
        logits = model(tokens(1000, sizes)).logits
        loss = torch.nn.functional.cross_entropy(logits.view(-1, sizes.vocabulary), tokens(1001, sizes).view(-1))
        loss.backward()
        yield loss.item()
        optimizer.step()


def main():
    torch.set_num_threads(1)
    sizes = Sizes(layers=2, heads=2, width=10, context=7, vocabulary=13, samples=5)
    model, named = make_model(sizes)
    losses, gradients = [], None
    for loss in train(model, make_optimizer(model), sizes):
        gradients = gradients or [(name, parameter.grad.flatten().tolist()) for name, parameter in named]
        losses.append(loss)
    print(*sizes)
    print("losses", *(value.hex() for value in losses))
    for name, gradient in gradients:
        print(name, len(gradient))
        for value in gradient:
            print(value.hex())


if __name__ == "__main__":
    sys.exit(main())
