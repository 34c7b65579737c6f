"""Writes common/optimizer/testdata/optimizer_golden.txt: what torch.optim makes of recorded gradients.

    python tests/parity/optimizer_golden.py > common/optimizer/testdata/optimizer_golden.txt

One block a case: random gradients, and, by name gpt:PARAMETER, those of a small GPT while it trains. Every number is a
hex float (fp64 jobs and fp32 jobs alike, so fp32 values are exact too):

    case NAME DTYPE RULE key=value ...
    rates   <a learning rate a step>
    start   <weights>
    gradient <values>      one line a step
    <slot>  <values>       after the last step, in byte order
    weights <values>       after the last step
"""

import re

import gpt_golden
import torch

ELEMENTS = 19
STEPS = 10
GPT = gpt_golden.Sizes(layers=1, heads=2, width=4, context=5, vocabulary=7, samples=4)

CASES = [
    ("sgd", "sgd", {}),
    ("sgd_decay", "sgd", {"weight_decay": 0.1}),
    ("momentum", "momentum", {"momentum": 0.9}),
    ("momentum_decay", "momentum", {"momentum": 0.95, "weight_decay": 0.1}),
    ("nesterov", "momentum", {"momentum": 0.9, "nesterov": 1, "weight_decay": 0.01}),
    ("adam", "adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("adam_decay", "adam", {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6, "weight_decay": 0.1}),
    ("adamw", "adamw", {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1}),
    ("adamw_small_betas", "adamw", {"beta1": 0.3, "beta2": 0.5, "epsilon": 1e-8, "weight_decay": 0.01}),
    ("adamw_no_mean", "adamw", {"beta1": 0.0, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0}),
    ("adamw_no_decay", "adamw", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0}),
]


def make_optimizer(rule, options, parameter):
    decay = options.get("weight_decay", 0)
    if rule in ("sgd", "momentum"):
        return torch.optim.SGD([parameter], lr=1.0, momentum=options.get("momentum", 0), weight_decay=decay,
                               nesterov=bool(options.get("nesterov", 0)), foreach=False)
    kind = torch.optim.Adam if rule == "adam" else torch.optim.AdamW
    return kind([parameter], lr=1.0, betas=(options["beta1"], options["beta2"]), eps=options["epsilon"],
                weight_decay=decay, foreach=False)


def hex_float(value):
    return re.sub(r"\.?0*p", "p", float(value).hex())


def line(name, values):
    print(name, *[hex_float(value) for value in values])


def write_case(name, rule, options, rates, start, gradients, after, state):
    settings = [f"{key}={hex_float(value)}" for key, value in options.items()]
    print("case", name, "fp32" if start.dtype == torch.float32 else "fp64", rule, *settings)
    line("rates", rates)
    line("start", start.flatten())
    for gradient in gradients:
        line("gradient", gradient.flatten())
    for slot in ("exp_avg", "exp_avg_sq", "momentum_buffer"):
        if state.get(slot) is not None:
            line(slot, state[slot].flatten())
    line("weights", after.flatten())


def write_random_gradients(generator, name, rule, options, dtype):
    parameter = torch.nn.Parameter(torch.randn(ELEMENTS, generator=generator, dtype=dtype))
    optimizer = make_optimizer(rule, options, parameter)
    rates = [0.01 * (1 + step % 3) for step in range(STEPS)]
    start, gradients = parameter.detach().clone(), []
    for rate in rates:
        # Gradients over many magnitudes.
        scale = 10 ** (4 * torch.rand(ELEMENTS, generator=generator, dtype=dtype) - 3)
        parameter.grad = torch.randn(ELEMENTS, generator=generator, dtype=dtype) * scale
        gradients.append(parameter.grad)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    write_case(name, rule, options, rates, start, gradients, parameter.detach(), optimizer.state[parameter])


def write_gpt():
    """AdamW on the gradients that a GPT has while it trains by it: each parameter is a case."""
    model, named = gpt_golden.make_model(GPT)
    optimizer = gpt_golden.make_optimizer(model)
    start = {name: parameter.detach().clone() for name, parameter in named}
    gradients = {name: [] for name, _ in named}
    for _ in gpt_golden.train(model, optimizer, GPT):
        for name, parameter in named:
            gradients[name].append(parameter.grad.clone())
    group = optimizer.param_groups[0]
    options = {"beta1": group["betas"][0], "beta2": group["betas"][1], "epsilon": group["eps"],
               "weight_decay": group["weight_decay"]}
    for name, parameter in named:
        write_case(f"gpt:{name}", "adamw", options, [group["lr"]] * gpt_golden.STEPS, start[name], gradients[name],
                   parameter.detach(), optimizer.state[parameter])


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    for name, rule, options in CASES:
        for dtype in (torch.float32, torch.float64):
            write_random_gradients(generator, name, rule, options, dtype)
    write_gpt()


if __name__ == "__main__":
    main()
