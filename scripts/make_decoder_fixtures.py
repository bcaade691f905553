#!/usr/bin/env python3
"""Writes tiny random decoders and the golden tensors that tests/models compares Weft's with: transformers and PEFT.

    python scripts/make_decoder_fixtures.py [NAME...]        # all, or those named: gpt2_tiny, llama_tiny, ...
    python scripts/make_decoder_fixtures.py --smollm2 .deps/models/SmolLM2-135M-Instruct   # the real one alone

One folder a model, as transformers saves it, and one NAME.safetensors beside it: logits of the language model, of a
sequence and of a token classifier with LoRA on all linear layers, the gradients of one step, and 64 greedy tokens of the
base model.
Everything is seeded; versions and tolerances go into the file's metadata. Sequences are run one at a time, without
padding, all in double and stored in fp32. The adapter's tensors are not stored: both sides draw them from the same
formula (see `drawn`).
"""
import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy
import peft
import safetensors.torch
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import (AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification,
                          AutoModelForTokenClassification)

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
TOLERANCE = 1e-5
LENGTHS = [5, 1, 2, 14, 10]
VOCABULARY = 64

LLAMA = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             intermediate_size=16, max_position_embeddings=160, rms_norm_eps=1e-5, tie_word_embeddings=False,
             bos_token_id=0, eos_token_id=1)
NARROW = LLAMA | dict(num_attention_heads=2, num_key_value_heads=1, head_dim=16)
MODELS = {
    "gpt2_tiny": ("gpt2", dict(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=72, n_inner=32, bos_token_id=0,
                               eos_token_id=1)),
    "llama_tiny": ("llama", LLAMA | dict(rope_parameters={
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 100})),
    "llama_yarn_tiny": ("llama", LLAMA | dict(num_hidden_layers=1, attention_bias=True, tie_word_embeddings=True,
                                              rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 40})),
    "llama_linear_tiny": ("llama", LLAMA | dict(num_hidden_layers=1, rope_parameters={
        "rope_type": "linear", "rope_theta": 500.0, "factor": 2.5})),
    "mistral_tiny": ("mistral", NARROW | dict(sliding_window=9)),
    "qwen2_tiny": ("qwen2", LLAMA | dict(tie_word_embeddings=True, use_sliding_window=True, sliding_window=7,
                                         max_window_layers=1)),
    "qwen3_tiny": ("qwen3", NARROW),
}
VARIANTS = ("llama_yarn_tiny", "llama_linear_tiny")  # of a family that is there already: logits and tokens alone
TARGETS = {"gpt2": ["c_attn", "c_proj", "c_fc"]}
LLAMA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def write_model(folder, kind, options):
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **options))
    with torch.no_grad():  # larger than the usual start, so that every part shows in the outputs
        for name, parameter in model.named_parameters():
            norm = "norm" in name or ".ln_" in name
            parameter.copy_((1 if norm and name.endswith("weight") else 0) + 0.2 * torch.randn_like(parameter))
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)  # half the size; reading bf16 is tested by the way
    (folder / "model.safetensors").chmod(0o644)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    if kind == "llama" and options["rope_parameters"]["rope_type"] == "linear":  # as before transformers 5
        rope = config.pop("rope_parameters")
        config |= {"rope_theta": rope["rope_theta"], "rope_scaling": {"type": "linear", "factor": rope["factor"]}}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def drawn(name, shape, scale):
    """Values in +-scale that follow from the name: the same formula is in tests/models/decoder_support.cpp."""
    state = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values = []
    for _ in range(int(numpy.prod(shape))):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(((state >> 40) / 2**23 - 1) * scale)
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def adapted(model, kind, task):
    config = LoraConfig(task_type=task, r=2, lora_alpha=4, lora_dropout=0.0,
                        target_modules=TARGETS.get(kind, LLAMA_TARGETS), fan_in_fan_out=kind == "gpt2")
    model = get_peft_model(model, config).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(drawn(plain(name), parameter.shape, 0.2))
    return model


def plain(name):
    return name.replace(".default", "").replace(".modules_to_save", "")


def load(factory, folder, **options):
    # Classification heads are not in the checkpoint; modules_to_save trains them, so their values are drawn, too.
    return factory.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, **options)


def greedy(model, prompt):
    """64 tokens, also beyond the one that would end the text."""
    ids, output = [], model(input_ids=prompt[None], use_cache=True)
    for _ in range(64):
        ids.append(output.logits[0, -1].argmax())
        output = model(input_ids=ids[-1].reshape(1, 1), past_key_values=output.past_key_values, use_cache=True)
    return torch.stack(ids)


def stored(tensors):
    return {n: (t.float() if t.is_floating_point() else t).contiguous() for n, t in tensors.items()}


def goldens(folder, kind, variant):
    generator = torch.Generator().manual_seed(3)
    ids = [torch.randint(2, VOCABULARY, (n,), generator=generator) for n in LENGTHS]
    out = {"ids": torch.cat(ids), "starts": torch.tensor([0] + LENGTHS).cumsum(0)}
    model = adapted(load(AutoModelForCausalLM, folder), kind, "CAUSAL_LM")
    with torch.no_grad(), model.disable_adapter():
        out["greedy"] = greedy(model, ids[0])
    logits = torch.cat([model(input_ids=i[None]).logits[0] for i in ids])
    out["logits"] = logits.detach()
    if variant:
        return stored(out)
    # The loss is of every token's successor inside its sequence, the mean over all of them.
    keep = torch.cat([torch.arange(n) < n - 1 for n in LENGTHS])
    targets = torch.cat([torch.cat([i[1:], i[:1]]) for i in ids])
    loss = torch.nn.functional.cross_entropy(logits[keep], targets[keep])
    loss.backward()
    out["loss"] = loss.detach().reshape(1)
    out |= {f"gradient/{plain(n)}": p.grad for n, p in model.named_parameters() if p.requires_grad}
    for task, factory, name in (("SEQ_CLS", AutoModelForSequenceClassification, "sequence_logits"),
                                ("TOKEN_CLS", AutoModelForTokenClassification, "token_logits")):
        model = load(factory, folder, num_labels=3)
        model.config.pad_token_id = 0
        model = adapted(model, kind, task)
        with torch.no_grad():
            rows = [model(input_ids=i[None]).logits for i in ids]
            out[name] = torch.cat([r[0] if r.dim() == 3 else r for r in rows])
    return stored(out)


def write_smollm2(folder):
    """Of the real model: every 384th logit of a few tokens, and 64 greedy tokens after a question."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "What is the capital of France?"}],
                                         add_generation_prompt=True, tokenize=False)
    ids = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        logits = model(input_ids=ids[None]).logits[0]
        tensors = {"ids": ids, "logits": logits[:, ::384].contiguous(), "greedy": greedy(model, ids)}
    path = FIXTURES / "smollm2.safetensors"
    safetensors.torch.save_file(tensors, path, metadata=VERSIONS | {"tolerance": "1e-4", "text": text})
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size} bytes; {tokenizer.decode(tensors['greedy'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--smollm2", type=Path, help="a folder with SmolLM2-135M-Instruct")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.smollm2:
        write_smollm2(options.smollm2)
        return
    for name in options.names or MODELS:
        kind, settings = MODELS[name]
        write_model(FIXTURES / name, kind, settings)
        path = FIXTURES / f"{name}.safetensors"
        safetensors.torch.save_file(goldens(FIXTURES / name, kind, name in VARIANTS), path, metadata=VERSIONS | {
            "tolerance": str(TOLERANCE), "about": "LoRA r=2, alpha 4 on all linear layers"})
        path.chmod(0o644)
        size = sum(f.stat().st_size for f in [path, *(FIXTURES / name).iterdir()])
        print(f"{name}: {size} bytes", flush=True)


if __name__ == "__main__":
    main()
