#!/usr/bin/env python3
"""Logits that transformers and PEFT compute from folders that Weft wrote; for the tests.

    python scripts/reference_logits.py JOBS.json

JOBS.json: a list of {"fixture", "base", "adapter"}. fixture: a golden file of make_model_fixtures.py, for its token ids.
base: a Hugging Face folder: the base model of `adapter`, or, where that is null, a merged model. Prints a list of
{"logits", "labels"}.
"""
import json
import sys

import safetensors.torch
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification


def load(job):
    if job["adapter"]:
        model = AutoModelForSequenceClassification.from_pretrained(job["base"], num_labels=2)
        return PeftModel.from_pretrained(model, job["adapter"])
    model, info = AutoModelForSequenceClassification.from_pretrained(job["base"], output_loading_info=True)
    problems = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if problems:
        sys.exit(f"reference_logits: transformers did not take {job['base']} as it is: {problems}")
    return model


def answer(job):
    golden = safetensors.torch.load_file(job["fixture"])
    model = load(job).eval()
    starts = golden["starts"].tolist()
    with torch.no_grad():
        logits = [model(input_ids=golden["ids"][a:b][None], token_type_ids=golden["types"][a:b][None]).logits[0].tolist()
                  for a, b in zip(starts, starts[1:])]
    return {"logits": sum(logits, []), "labels": list(model.config.id2label.values())}


def main():
    torch.set_num_threads(1)
    with open(sys.argv[1], encoding="utf-8") as jobs:
        print(json.dumps([answer(job) for job in json.load(jobs)]))


if __name__ == "__main__":
    main()
