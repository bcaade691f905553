#!/usr/bin/env python3
"""SmolLM2-135M in Weft beside transformers and PEFT, fp32 on the CPU: training LoRA r=16 on all linear layers with 4 texts
of 256 tokens a step, and greedy generation of one text.

    python scripts/bench/language_vs_peft.py [--threads 2] [--turns 3] [--steps 2] [--tokens 64]

The two take turns, so that whatever else the machine does hits both alike; figures are medians over turns, memory is the
peak of each process after training. Needs build/release/models_language_bench and the model that scripts/fetch_assets.py
puts into .deps/models.
"""
import argparse
import json
import resource
import statistics
import time
from pathlib import Path

from served import ROOT, Served

MODEL = ROOT / ".deps/models/SmolLM2-135M-Instruct"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROMPT = [1, 504, 3575, 282, 4649, 314]


class Peft:
    def __init__(self, threads):
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM
        self.torch = torch
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
        self.model = get_peft_model(self.base, LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS,
                                                          task_type="CAUSAL_LM"))
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-4)
        self.ids = torch.randint(49152, (4, 256))

    def train(self, steps):
        self.model.train()
        start = time.perf_counter()
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.model(input_ids=self.ids, labels=self.ids).loss.backward()
            self.optimizer.step()
        return steps * self.ids.numel() / (time.perf_counter() - start)


class Transformers:

    def __init__(self, threads):
        import torch
        from transformers import AutoModelForCausalLM
        self.torch = torch
        torch.set_num_threads(threads)
        self.base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()

    def generate(self, tokens):
        prompt = self.torch.tensor([PROMPT])
        with self.torch.inference_mode():
            start = time.perf_counter()
            self.base.generate(input_ids=prompt, attention_mask=self.torch.ones_like(prompt), do_sample=False,
                               max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=2)
        return tokens / (time.perf_counter() - start)


def say(name, value, unit, **more):
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/models_language_bench")
    options = parser.parse_args()
    if not MODEL.is_dir():
        print(f"{MODEL} is not there: nothing measured")
        return
    weft = Served(options.program, options.threads, MODEL)
    plain = Transformers(options.threads)
    plain.generate(4)
    weft.ask("generate 4")
    ours, theirs = [], []
    for _ in range(options.turns):
        theirs.append(plain.generate(options.tokens))
        ours.append(weft.ask(f"generate {options.tokens}")["tokens_per_second"])
    del plain
    say("smollm2_generate.transformers", statistics.median(theirs), "tokens/s")
    say("smollm2_generate.weft", statistics.median(ours), "tokens/s")
    say("smollm2_generate.ratio", statistics.median(ours) / statistics.median(theirs), "x", target=2.0)
    peft = Peft(options.threads)
    peft.train(1)
    figures = [weft.ask("train 1")]
    ours, theirs = [], []
    for _ in range(options.turns):
        theirs.append(peft.train(options.steps))
        figures.append(weft.ask(f"train {options.steps}"))
        ours.append(figures[-1]["tokens_per_second"])
    say("smollm2_lora_train.peft", statistics.median(theirs), "tokens/s")
    say("smollm2_lora_train.weft", statistics.median(ours), "tokens/s")
    say("smollm2_lora_train.ratio", statistics.median(ours) / statistics.median(theirs), "x", target=1.25)
    say("smollm2_lora_train.peak_share", statistics.median(f["peak_share"] for f in figures[1:]), "of fp32 GEMM peak")
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    say("smollm2_lora_train_rss.peft", rss, "MB")
    say("smollm2_lora_train_rss.weft", figures[-1]["peak_rss_mb"], "MB")
    say("smollm2_lora_train_rss.ratio", figures[-1]["peak_rss_mb"] / rss, "x", target=0.667, better="lower")


if __name__ == "__main__":
    main()
