#!/usr/bin/env python3
"""Writes what tests/train compares Weft's training with: torch.optim, transformers' schedules, and a few
whole training steps of the tiny BERT under PEFT.

    python scripts/make_train_fixtures.py

Needs torch, transformers, peft, safetensors. Everything is seeded; the versions go into the files.
"""
import json
import math

import safetensors.torch
import torch
from peft import get_peft_model_state_dict
from transformers import get_scheduler

import make_model_fixtures as models

FIXTURES = models.FIXTURES.parent / "train"
VERSIONS = models.VERSIONS


def scheduler_of(optimizer, kind, ratio, total):
    name = "constant_with_warmup" if kind == "constant" else kind
    return get_scheduler(name, optimizer, num_warmup_steps=math.ceil(total * ratio), num_training_steps=total)


def schedules():
    out = []
    for kind in ("linear", "cosine", "constant"):
        for ratio, total in ((0.0, 5), (0.1, 12), (0.25, 7), (0.9, 10)):
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
            schedule = scheduler_of(optimizer, kind, ratio, total)
            rates = []
            for _ in range(total):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            out.append({"kind": kind, "warmup_ratio": ratio, "total": total, "rates": rates})
    return out


def optimizers():
    """Two tensors, the bias without decay; three steps with gradients of different sizes and a changing rate."""
    out = {}
    for kind in ("adamw", "sgd"):
        torch.manual_seed(3)
        parameters = {"layer.bias": torch.nn.Parameter(torch.randn(3)), "layer.weight": torch.nn.Parameter(torch.randn(2, 3))}
        groups = [{"params": [parameters["layer.weight"]], "weight_decay": 0.1},
                  {"params": [parameters["layer.bias"]], "weight_decay": 0.0}]
        optimizer = (torch.optim.AdamW(groups, lr=0.05, betas=(0.8, 0.99), eps=1e-6) if kind == "adamw"
                     else torch.optim.SGD(groups, lr=0.05))
        flat = lambda get: [x for name in sorted(parameters) for x in get(parameters[name]).reshape(-1).tolist()]
        case = {"start": flat(lambda p: p.detach()), "rates": [0.05, 0.02, 0.1], "gradients": [], "values": []}
        for step, rate in enumerate(case["rates"]):
            for group in optimizer.param_groups:
                group["lr"] = rate
            for parameter in parameters.values():
                parameter.grad = 10.0 ** (1 - step) * torch.randn_like(parameter)
            case["gradients"].append(flat(lambda p: p.grad))
            optimizer.step()
            case["values"].append(flat(lambda p: p.detach()))
        out[kind] = case
    return out


def clippings():
    out = []
    for seed, max_norm in ((1, 0.5), (2, 100.0)):
        torch.manual_seed(seed)
        parameter = torch.nn.Parameter(torch.zeros(9))
        parameter.grad = torch.randn(9)
        gradient = parameter.grad.tolist()
        norm = torch.nn.utils.clip_grad_norm_([parameter], max_norm)
        out.append({"gradient": gradient, "max_norm": max_norm, "norm": norm.item(), "clipped": parameter.grad.tolist()})
    return out


def trained_bert():
    """Steps over one batch: AdamW with decay on all but biases, clipping, linear schedule with warm-up."""
    folder = models.FIXTURES / "bert_tiny"
    ids, types, labels = models.batch_of(124, [5, 1, 2, 40, 17, 16, 33, 5], 11)
    model = models.adapted(folder, ["query", "value"], 12).double()
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    groups = [{"params": [p for n, p in trainable.items() if not n.endswith("bias")], "weight_decay": 0.1},
              {"params": [p for n, p in trainable.items() if n.endswith("bias")], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=5e-3, betas=(0.9, 0.999), eps=1e-6)
    schedule = scheduler_of(optimizer, "linear", 0.4, 5)
    losses, out = [], {}
    for step in range(4):  # of 5; the first has a rate of 0
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(models.logits_of(model, ids, types), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable.values(), 0.5)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    out |= {f"trained/{n}": t.clone().float().contiguous() for n, t in get_peft_model_state_dict(model).items()}
    out["losses"] = torch.tensor(losses)
    out["logits"] = models.logits_of(model, ids, types).detach().float()
    path = FIXTURES / "bert_tiny_trained.safetensors"
    about = "start and batch: models/bert_tiny_query_value; AdamW 5e-3, epsilon 1e-6, decay 0.1, clip 0.5, linear, warm-up 0.4, steps 1-4 of 5"
    safetensors.torch.save_file(out, path, metadata=VERSIONS | {"tolerance": "1e-05", "about": about})
    path.chmod(0o644)


def main():
    torch.set_num_threads(1)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    golden = {"versions": VERSIONS, "schedules": schedules(), "optimizers": optimizers(), "clippings": clippings()}
    (FIXTURES / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    trained_bert()


if __name__ == "__main__":
    main()
