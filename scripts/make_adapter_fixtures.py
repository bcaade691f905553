#!/usr/bin/env python3
"""Writes what tests compare adapters and model families with: PEFT's own folders, and the logits and gradients that
transformers and PEFT compute with them.

    python scripts/make_adapter_fixtures.py methods             # tests/fixtures/adapters: every method on the tiny BERT
    python scripts/make_adapter_fixtures.py family distilbert   # tests/fixtures/families/distilbert
    python scripts/make_adapter_fixtures.py                     # all of them

Needs torch, transformers, peft, safetensors. Everything is seeded, computed in double and stored in fp32; sequences run
one at a time, without padding. Base models of families are stored in fp16, which both sides widen exactly.
"""
import argparse
import json
import shutil
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers
from peft import IA3Config, LoraConfig, get_peft_model, get_peft_model_state_dict

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
TASKS = {"sequence_classification": ("SEQ_CLS", transformers.AutoModelForSequenceClassification),
         "token_classification": ("TOKEN_CLS", transformers.AutoModelForTokenClassification)}
LENGTHS = [5, 1, 2, 20, 9, 16]
CLASSES = 3

# Every method on tests/fixtures/models/bert_tiny.
METHODS = {
    "rslora_patterns": lambda: LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=3, use_rslora=True,
                                          target_modules=["query", "dense"], layers_to_transform=[0, 2],
                                          rank_pattern={"layer.0.attention.self.query": 3, "output.dense": 1},
                                          alpha_pattern={"intermediate.dense": 5}),
    "dora": lambda: LoraConfig(task_type="SEQ_CLS", r=2, use_dora=True,
                               target_modules=["query", "value", "intermediate.dense"]),
    "bias_all": lambda: LoraConfig(task_type="SEQ_CLS", r=2, bias="all", target_modules=["query"]),
    "bias_lora_only": lambda: LoraConfig(task_type="SEQ_CLS", r=2, bias="lora_only",
                                         target_modules=["value", "output.dense"]),
    "regex": lambda: LoraConfig(task_type="SEQ_CLS", r=2, target_modules=r".*layer\.[01]\.attention.*(query|key)"),
    "all_linear": lambda: LoraConfig(task_type="SEQ_CLS", r=1, target_modules="all-linear"),
    "pissa": lambda: LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights="pissa", target_modules=["query", "key"]),
    "pooler_whole": lambda: LoraConfig(task_type="SEQ_CLS", r=1, target_modules=["key"], modules_to_save=["pooler"]),
    "ia3": lambda: IA3Config(task_type="SEQ_CLS", target_modules=["key", "value", "intermediate.dense"],
                             feedforward_modules=["intermediate.dense"]),
}

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40}
FAMILIES = {
    "bert": lambda: transformers.BertConfig(**SIZES, max_position_embeddings=24),
    "distilbert": lambda: transformers.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=40,
                                                        max_position_embeddings=24),
    "roberta": lambda: transformers.RobertaConfig(**SIZES, max_position_embeddings=26, type_vocab_size=1, pad_token_id=1),
    "xlm-roberta": lambda: transformers.XLMRobertaConfig(**SIZES, max_position_embeddings=26, type_vocab_size=1,
                                                         pad_token_id=1),
}


def randomised(model, scale):
    """Larger values than at the usual start, so that every part shows in the outputs."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                one = "norm" in name.lower() and name.endswith("weight") or "magnitude" in name or "ia3_l" in name
                parameter.add_(scale * torch.randn_like(parameter)) if "magnitude" in name else \
                    parameter.copy_(one + scale * torch.randn_like(parameter))


def batch_of(vocabulary, lengths, seed):
    torch.manual_seed(seed)
    ids = [torch.randint(2, vocabulary, (n,)) for n in lengths]  # 0 and 1 are padding somewhere
    types = [torch.tensor([int(i >= n // 2 and n > 3) for i in range(n)]) for n in lengths]
    return ids, types


def logits_of(model, ids, types):
    inputs = [{"input_ids": i[None]} | ({"token_type_ids": t[None]} if types else {})
              for i, t in zip(ids, types or ids)]
    outputs = [model(**one).logits for one in inputs]
    return torch.cat([o[0] if o.dim() == 3 else o for o in outputs])


def gradients_of(model):
    clean = lambda n: n.replace(".default", "").replace(".modules_to_save", "").replace("vector.weight", "vector")  # noqa: E731
    return {clean(n): p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def save(path, tensors):
    tensors = {n: (t.detach().float() if t.is_floating_point() else t).contiguous() for n, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tensors, path, metadata=VERSIONS | {"tolerance": "1e-5"})
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size} bytes")


def golden(model, ids, types, labels):
    logits = logits_of(model, ids, types)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    # With bias="all" PEFT's file holds a head's bias three times, and with a pair on an embedding the base's weight.
    copies = (".original_module.", ".modules_to_save.", ".base_layer.weight")
    trained = {n for n in get_peft_model_state_dict(model) if not any(c in n for c in copies)}
    gradients = gradients_of(model)
    assert trained == set(gradients), trained ^ set(gradients)
    return {"ids": torch.cat(ids), "types": torch.cat(types or [torch.zeros_like(i) for i in ids]), "labels": labels,
            "starts": torch.tensor([0] + [len(i) for i in ids]).cumsum(0),
            "logits": logits} | {f"gradient/{n}": g for n, g in gradients.items()}


def save_adapter(model, folder, base, safe=True):
    """PEFT's folder, without the path that it would note."""
    shutil.rmtree(folder, ignore_errors=True)
    model.float().save_pretrained(folder, safe_serialization=safe)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / ("adapter_model.safetensors" if safe else "adapter_model.bin")).chmod(0o644)
    config = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_method(name):
    base = FIXTURES / "models" / "bert_tiny"
    torch.manual_seed(3)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=2,
                                                                            attn_implementation="eager")
    model = get_peft_model(model, METHODS[name]()).eval()
    torch.manual_seed(4)
    randomised(model, 0.1)
    ids, types = batch_of(124, LENGTHS, 7)
    folder = FIXTURES / "adapters" / name
    save_adapter(model, folder, "bert_tiny")
    labels = torch.tensor([i % 2 for i in range(len(ids))])
    save(folder / "golden.safetensors", golden(model.double(), ids, types, labels))


def write_family(name):
    folder = FIXTURES / "families" / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(1)
    base = transformers.AutoModel.from_config(FAMILIES[name]())
    randomised(base, 0.2)
    base.half().save_pretrained(folder / "base")
    (folder / "base" / "model.safetensors").chmod(0o644)
    ids, types = batch_of(40, LENGTHS, 6)
    if getattr(base.config, "type_vocab_size", 0) < 2:
        types = None
    for task, (peft_task, loader) in TASKS.items():
        torch.manual_seed(2)
        model = loader.from_pretrained(folder / "base", num_labels=CLASSES, dtype=torch.float32,
                                       attn_implementation="eager")
        targets = ["q_lin", "v_lin", "lin1"] if name == "distilbert" else ["query", "key", "intermediate.dense"]
        config = LoraConfig(task_type=peft_task, r=2, lora_alpha=4, target_modules=targets)
        model = get_peft_model(model, config).eval()
        torch.manual_seed(4)
        randomised(model, 0.1)
        save_adapter(model, folder / task, f"{name}_tiny")
        count = sum(LENGTHS) if task == "token_classification" else len(LENGTHS)
        labels = torch.tensor([i % CLASSES for i in range(count)])
        save(folder / task / "golden.safetensors", golden(model.double(), ids, types, labels))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["methods", "family"])
    parser.add_argument("names", nargs="*", help="methods or families; all by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what in (None, "methods"):
        for name in options.names or METHODS:
            write_method(name)
    if options.what in (None, "family"):
        for name in options.names or FAMILIES:
            write_family(name)


if __name__ == "__main__":
    main()
