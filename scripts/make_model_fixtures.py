#!/usr/bin/env python3
"""Writes the golden tensors that tests/models compares Weft's BERT with: transformers and PEFT on the same inputs.

    python scripts/make_model_fixtures.py                        # the tiny random BERT
    python scripts/make_model_fixtures.py --minilm .deps/models/all-MiniLM-L6-v2   # and the real one

Needs torch, transformers, peft, safetensors. Everything is seeded; versions and tolerances go into the file's metadata.
Sequences are run one at a time, without padding, so nothing depends on an attention mask. All is computed in double and
stored in fp32, so that the reference's own rounding takes nothing of the tolerance. AdamW's epsilon is 1e-4 there: with a
small one, a gradient that is nearly zero makes a whole step of whichever sign its rounding gave it, and PEFT in fp32 is
1e-3 off from PEFT in double.
"""
import argparse
import json
import shutil
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers
from peft import LoraConfig, TaskType, get_peft_model, get_peft_model_state_dict
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification, BertModel

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}


def tiny_base(folder):
    torch.manual_seed(1)
    config = BertConfig(vocab_size=124, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
                        intermediate_size=24, max_position_embeddings=40, type_vocab_size=2)
    model = BertModel(config)
    with torch.no_grad():  # larger than the usual start, so that every part shows in the outputs
        for name, parameter in model.named_parameters():
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.25 * torch.randn_like(parameter))
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def batch_of(vocabulary, lengths, seed):
    torch.manual_seed(seed)
    ids = [torch.randint(0, vocabulary, (n,)) for n in lengths]
    types = [torch.tensor([int(i >= n // 2 and n > 3) for i in range(n)]) for n in lengths]
    labels = torch.tensor([i % 2 for i in range(len(lengths))])
    return ids, types, labels


def logits_of(model, ids, types):
    return torch.cat([model(input_ids=i[None], token_type_ids=t[None]).logits for i, t in zip(ids, types)])


def hidden_of(model, ids, types):
    outputs = [model(input_ids=i[None], token_type_ids=t[None], output_hidden_states=True).hidden_states
               for i, t in zip(ids, types)]
    return [torch.cat([output[layer][0] for output in outputs]) for layer in range(len(outputs[0]))]


def adapted(folder, targets, seed, rank=8):
    torch.manual_seed(seed)
    base = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2, attn_implementation="eager")
    assert isinstance(base, BertForSequenceClassification)
    config = LoraConfig(task_type=TaskType.SEQ_CLS, r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=targets,
                        modules_to_save=["classifier"])
    model = get_peft_model(base, config).eval()  # eval: no dropout; gradients flow all the same
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                scale = 0.05 if "lora_B" in name else 0.1 if "lora_A" in name else 0.2
                parameter.copy_(scale * torch.randn_like(parameter))
    return model


def gradients_of(model):
    values = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return {n.replace(".default", "").replace(".modules_to_save", ""): g.clone() for n, g in values.items()}


def goldens(folder, batch, targets, with_hidden=False, with_steps=False, rank=8, seed=12):
    ids, types, labels = batch
    lengths = [len(i) for i in ids]
    model = adapted(folder, targets, seed, rank).double()
    out = {"ids": torch.cat(ids), "types": torch.cat(types), "labels": labels,
           "starts": torch.tensor([0] + lengths).cumsum(0)}
    if with_hidden:
        with torch.no_grad():
            with model.disable_adapter():
                for layer, hidden in enumerate(hidden_of(model, ids, types)):
                    out[f"hidden.{layer}"] = hidden
    trained = get_peft_model_state_dict(model)
    out |= {f"adapter/{n}": t.clone() for n, t in trained.items()}
    logits = logits_of(model, ids, types)
    out["logits"] = logits.detach()
    loss = torch.nn.functional.cross_entropy(logits, labels)
    out["loss"] = loss.detach().reshape(1)
    loss.backward()
    out |= {f"gradient/{n}": g for n, g in gradients_of(model).items()}
    if with_steps:
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.01,
                                      eps=1e-4)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits_of(model, ids, types), labels).backward()
            optimizer.step()
        out |= {f"stepped/{n}": t.clone() for n, t in get_peft_model_state_dict(model).items()}
        out["stepped_logits"] = logits_of(model, ids, types).detach()
    return model, {n: (t.float() if t.is_floating_point() else t).contiguous() for n, t in out.items()}


def save(path, tensors, tolerance, about):
    metadata = VERSIONS | {"tolerance": str(tolerance), "about": about}
    safetensors.torch.save_file(tensors, path, metadata=metadata)
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size} bytes")


def write_tiny():
    folder = FIXTURES / "bert_tiny"
    tiny_base(folder)
    for name, targets, rank in (("query_value", ["query", "value"], 8),
                                ("all_linear", ["query", "key", "value", "dense"], 2)):
        _, tensors = goldens(folder, batch_of(124, [5, 1, 2, 40, 17, 16, 33, 5], 11), targets,
                             with_hidden=name == "query_value", with_steps=True, rank=rank)
        save(FIXTURES / f"bert_tiny_{name}.safetensors", tensors, 1e-5, f"targets {','.join(targets)}; AdamW lr 1e-2, "
             "weight decay 0.01, epsilon 1e-4, 3 steps over the same batch")
        if name == "query_value":
            adapter = FIXTURES / "bert_tiny_adapter"
            shutil.rmtree(adapter, ignore_errors=True)
            adapter.mkdir(parents=True)
            second = adapted(folder, targets, 12)  # before the optimizer steps
            # The path that PEFT would note is not of interest to anyone else.
            second.peft_config["default"].base_model_name_or_path = "bert_tiny"
            second.save_pretrained(adapter)
            (adapter / "adapter_model.safetensors").chmod(0o644)
            (adapter / "README.md").unlink(missing_ok=True)
            config = json.loads((adapter / "adapter_config.json").read_text())
            (adapter / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_minilm(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = ["What a lovely film.", "Terrible.", "The battery died after two days, and the shop would not take it back!",
             "It is not that the editorial is wrong; it is that nobody needed to be told. " * 6]
    ids = [torch.tensor(tokenizer(t, truncation=True, max_length=128)["input_ids"]) for t in texts]
    batch = ids, [torch.zeros_like(i) for i in ids], torch.tensor([1, 0, 0, 0])
    # A small rank keeps the file small. With seed 12 PEFT in fp32 is itself 1.4e-5 off from PEFT in double.
    _, tensors = goldens(folder, batch, ["query", "value"], rank=1, seed=13)
    save(FIXTURES / "minilm_query_value.safetensors", tensors, 1e-5, "targets query,value; rank 1, alpha 2")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=Path, help="a folder with all-MiniLM-L6-v2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write_tiny()
    if options.minilm:
        write_minilm(options.minilm)


if __name__ == "__main__":
    main()
