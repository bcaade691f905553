#!/usr/bin/env python3
"""Writes PEFT's adapter folders for a slow test, each with the logits and gradients that PEFT computes with it: what
people have that needs no fixture in the repository.

    python scripts/make_peft_folders.py OUT

OUT/NAME: adapter_config.json, adapter_model.safetensors or .bin, golden.safetensors. Base models are the tiny ones below
tests/fixtures/models. Needs torch, transformers, peft, safetensors.
"""
import sys
from pathlib import Path

import torch
import transformers
from make_adapter_fixtures import FIXTURES, LENGTHS, batch_of, golden, randomised, save, save_adapter
from peft import IA3Config, LoraConfig, get_peft_model


def lora(**options):
    return lambda task: LoraConfig(task_type=task, r=2, **options)


def ia3(**options):
    return lambda task: IA3Config(task_type=task, **options)


# By name of the folder: base model and adapter.
ADAPTERS = {
    "exclude_names": ("bert_tiny", lora(target_modules=["query", "dense"], exclude_modules=["output.dense"])),
    "exclude_regex": ("bert_tiny", lora(target_modules="all-linear", exclude_modules=r".*layer\.[02].*")),
    "layers_pattern": ("bert_tiny", lora(target_modules=["query"], layers_to_transform=[1], layers_pattern="layer")),
    "feedforward_regex": ("bert_tiny", ia3(target_modules=["key", "intermediate.dense", "output.dense"],
                                           feedforward_modules=r".*layer\.\d\.(intermediate|output)\.dense")),
    "olora": ("bert_tiny", lora(target_modules=["query", "intermediate.dense"], init_lora_weights="olora")),
    "torch_file": ("bert_tiny", lora(target_modules=["query"])),
    "embedding": ("bert_tiny", lora(target_modules=["word_embeddings", "query"], lora_alpha=3)),
    "embedding_whole": ("bert_tiny", lora(target_modules=["query"], modules_to_save=["word_embeddings"])),
    "head": ("llama_tiny", lora(target_modules=["q_proj", "lm_head"])),
    "tokens": ("llama_tiny", lora(target_modules=["q_proj", "embed_tokens"])),
    "tokens_and_head_whole": ("llama_tiny", lora(target_modules=["q_proj"],
                                                 modules_to_save=["embed_tokens", "lm_head"])),
    "tied_head": ("gpt2_tiny", lora(target_modules=["c_attn", "lm_head"], fan_in_fan_out=True)),
    "tied_tokens": ("gpt2_tiny", lora(target_modules=["c_attn", "wte"], fan_in_fan_out=True)),
    "tied_tokens_whole": ("gpt2_tiny", lora(target_modules=["c_attn"], modules_to_save=["wte"], fan_in_fan_out=True)),
}


def load(base):
    folder, options = FIXTURES / "models" / base, {"attn_implementation": "eager", "dtype": torch.float32}
    if base == "bert_tiny":
        return transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2, **options)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **options)


def write(name, base, adapter, folder):
    torch.manual_seed(3)
    texts = base == "bert_tiny"
    model = get_peft_model(load(base), adapter("SEQ_CLS" if texts else "CAUSAL_LM")).eval()
    torch.manual_seed(4)
    randomised(model, 0.1)
    ids, types = batch_of(124 if texts else 64, LENGTHS, 7)
    save_adapter(model, folder, base, safe=name != "torch_file")
    count = len(LENGTHS) if texts else sum(LENGTHS)
    labels = torch.tensor([i % 2 if texts else i % 64 for i in range(count)])
    save(folder / "golden.safetensors", golden(model.double(), ids, types if texts else None, labels))


def main():
    torch.set_num_threads(1)
    for name, (base, adapter) in ADAPTERS.items():
        write(name, base, adapter, Path(sys.argv[1]) / name)


if __name__ == "__main__":
    main()
