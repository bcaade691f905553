#!/usr/bin/env python3
"""Training speed of Weft beside PEFT with transformers: MiniLM, LoRA r=8 on query and value plus the head, batch 32, the
checkpoint's dropout, the sentiment data.

    python scripts/bench/train_vs_peft.py [--threads 2] [--turns 5] [--steps 12]

PEFT runs twice: as people run it (shuffled, padded to the longest text of a batch) and grouped by length, as the Trainer's
group_by_length does. The three take turns of a few steps, so that whatever else the machine does hits all alike. Real
tokens count, padding does not. Each turn of Weft also times a large fp32 product: the share of the peak is 42 MFLOP a real
token over it. Figures are medians over turns. Needs build/release/train_step_bench.
"""
import argparse
import json
import os
import random
import statistics
import time
import warnings

from served import ROOT, Served

FLOP_A_TOKEN = 42e6


class Peft:
    def __init__(self, threads):
        import torch
        from peft import LoraConfig, TaskType, get_peft_model
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding
        self.torch = torch
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        folder = ROOT / ".deps/models/all-MiniLM-L6-v2"
        tokenizer = AutoTokenizer.from_pretrained(folder)
        self.collate = DataCollatorWithPadding(tokenizer)
        texts, labels = sentiment()
        encoded = tokenizer(texts, truncation=True, max_length=128, padding=False)
        self.examples = [{"input_ids": ids, "labels": label} for ids, label in zip(encoded["input_ids"], labels)]
        base = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
        config = LoraConfig(task_type=TaskType.SEQ_CLS, r=8, lora_alpha=16, lora_dropout=0.0,
                            target_modules=["query", "value"], modules_to_save=["classifier"])
        self.model = get_peft_model(base, config).train()
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=5e-4)
        self.batches = {"shuffled": self.shuffled(), "grouped": self.grouped()}

    def shuffled(self):
        order = list(range(len(self.examples)))
        random.Random(1).shuffle(order)
        return [order[i:i + 32] for i in range(0, len(order) - 31, 32)]

    def grouped(self):
        from transformers.trainer_pt_utils import get_length_grouped_indices
        generator = self.torch.Generator().manual_seed(1)
        order = get_length_grouped_indices([len(e["input_ids"]) for e in self.examples], 32, generator=generator)
        batches = [order[i:i + 32] for i in range(0, len(order) - 31, 32)]
        random.Random(2).shuffle(batches)  # a turn of a few steps then sees all lengths
        return batches

    def turn(self, kind, steps):
        batches = [self.batches[kind].pop() for _ in range(steps)]
        started, cpu, tokens = time.perf_counter(), time.process_time(), 0
        for batch in batches:
            inputs = self.collate([self.examples[i] for i in batch])
            tokens += int(inputs["attention_mask"].sum())
            self.optimizer.zero_grad()
            self.model(**inputs).loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
            self.optimizer.step()
        return {"tokens_per_second": tokens / (time.perf_counter() - started),
                "tokens_per_cpu_second": tokens / (time.process_time() - cpu)}


def sentiment():
    texts, labels = [], []
    for name in ("tweets", "reviews", "films", "editorials"):
        for line in (ROOT / f".deps/data/sentiment/{name}.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
            _, rating, text = line.split("\t")
            if abs(float(rating)) > 0.2:
                texts.append(text)
                labels.append(int(float(rating) > 0.2))
    return texts, labels


def show(name, value, unit, ours, **more):
    print(json.dumps({"name": name, "value": value, "unit": unit, "ours": ours, **more}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="optimizer steps in a turn")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    weft, peft = Served(ROOT / "build/release/train_step_bench", options.threads), Peft(options.threads)
    weft.ask(3), peft.turn("shuffled", 2), peft.turn("grouped", 2)  # warm
    turns = {"weft": [], "peft shuffled": [], "peft grouped": []}
    for _ in range(options.turns):
        turns["weft"].append(weft.ask(3 * options.steps))  # about as long as one of the others
        turns["peft shuffled"].append(peft.turn("shuffled", options.steps))
        turns["peft grouped"].append(peft.turn("grouped", 2 * options.steps))
    rates = {name: [turn["tokens_per_second"] for turn in values] for name, values in turns.items()}
    cpu_rates = {name: [turn["tokens_per_cpu_second"] for turn in values] for name, values in turns.items()}
    for name, values in rates.items():
        show(f"train {name}", statistics.median(values), "real tokens/s", name == "weft", best=max(values),
             of_a_cpu_second=statistics.median(cpu_rates[name]), threads=options.threads)
    peak = max(turn["gemm_flops"] for turn in turns["weft"])
    show("train fp32 product", peak / 1e9, "GFLOP/s", True)
    show("train share of fp32 peak", max(rates["weft"]) * FLOP_A_TOKEN / peak, "", True)
    for name, target in (("peft shuffled", 3.0), ("peft grouped", 1.7)):
        # Turn by turn, so that a slow minute of the machine weighs on both sides of a ratio.
        ratio = statistics.median(a / b for a, b in zip(rates["weft"], rates[name]))
        by_cpu = statistics.median(a / b for a, b in zip(cpu_rates["weft"], cpu_rates[name]))
        show(f"train ratio to {name}", ratio, "x", True, target=target, of_bests=max(rates["weft"]) / max(rates[name]),
             by_cpu_time=by_cpu)


if __name__ == "__main__":
    main()
