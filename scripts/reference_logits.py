#!/usr/bin/env python3
"""Logits that transformers and PEFT compute from folders that Weft wrote; for the tests.

    python scripts/reference_logits.py JOBS.json

JOBS.json: a list of {"fixture", "base", "adapter"}. fixture: a golden file of make_model_fixtures.py, for its token ids.
base: a Hugging Face folder: the base model of `adapter`, or, where that is null, a merged model. "task": "causal_lm":
a language model, whose logits are of all tokens; else texts are classified. Prints a list of {"logits", "labels"}.
"""
import json
import sys

import safetensors.torch
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def load(job):
    language = job.get("task") == "causal_lm"
    kind = AutoModelForCausalLM if language else AutoModelForSequenceClassification
    if job["adapter"]:
        model = kind.from_pretrained(job["base"], dtype=torch.float32, **({} if language else {"num_labels": 2}))
        return PeftModel.from_pretrained(model, job["adapter"])
    model, info = kind.from_pretrained(job["base"], dtype=torch.float32, output_loading_info=True)
    problems = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if problems:
        sys.exit(f"reference_logits: transformers did not take {job['base']} as it is: {problems}")
    return model


def answer(job):
    golden = safetensors.torch.load_file(job["fixture"])
    model = load(job).eval()
    starts = golden["starts"].tolist()
    typed = job.get("task") != "causal_lm"
    with torch.no_grad():
        inputs = [{"input_ids": golden["ids"][a:b][None]} | ({"token_type_ids": golden["types"][a:b][None]} if typed else {})
                  for a, b in zip(starts, starts[1:])]
        logits = [model(**one).logits[0].flatten().tolist() for one in inputs]
    return {"logits": sum(logits, []), "labels": list(model.config.id2label.values())}


def main():
    torch.set_num_threads(1)
    with open(sys.argv[1], encoding="utf-8") as jobs:
        print(json.dumps([answer(job) for job in json.load(jobs)]))


if __name__ == "__main__":
    main()
