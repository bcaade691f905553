#!/usr/bin/env python3
"""What transformers makes of the rarer keys of config.json, asked live by tests/models/config_reference_slow_test.cpp.

    python scripts/make_config_fixtures.py rotary COUNT SEED OUT   # a line each: [config.json, inverse frequencies, amplitude]
    python scripts/make_config_fixtures.py models FOLDER           # tiny models, NAME/ and its golden NAME.safetensors
"""
import json
import random
import sys
from pathlib import Path

import make_decoder_fixtures as decoders
import safetensors.torch
import torch
import transformers
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

MODELS = {
    "llama_inner_bias": ("llama", decoders.LLAMA | dict(mlp_bias=True, attention_bias=True,
                                                        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "gpt2_scores_by_layer": ("gpt2", decoders.MODELS["gpt2_tiny"][1] | dict(
        n_layer=3, scale_attn_by_inverse_layer_idx=True)),
    "qwen2_all_slide": ("qwen2", decoders.MODELS["qwen2_tiny"][1] | dict(max_window_layers=0)),
    "qwen2_none_slides": ("qwen2", decoders.MODELS["qwen2_tiny"][1] | dict(max_window_layers=0, use_sliding_window=False)),
}
PADDED = [[0, 5, 1, 6, 2], [1, 1, 7], [8, 9, 1], [1], [0, 1, 1, 10, 11, 1, 12, 2]]  # 1 is the padding token


def scaling(draw):
    """A rotary scaling as configs declare it: what may be left out is, now and then."""
    kind = draw.choice(["default", "linear", "llama3", "yarn", "yarn", "yarn"])
    out = {draw.choice(["rope_type", "type"]): kind}
    if kind == "default":
        return out
    out["factor"] = draw.choice([1.0, 1.5, 2, 4.0, 8.0, 32.0])
    original = draw.choice([64, 512, 4096, 8192])
    if kind == "llama3":
        out |= {"low_freq_factor": draw.choice([1.0, 2.0]), "high_freq_factor": draw.choice([4.0, 8.0])}
    if kind in ("llama3", "yarn") and draw.random() < 0.7:
        out["original_max_position_embeddings"] = original
    if kind == "yarn":
        choices = {"attention_factor": [None, 0.5, 1.0, 1.3], "mscale": [None, 0.0, 0.707, 1.0],
                   "mscale_all_dim": [None, 0.0, 0.8, 1.0], "beta_fast": [None, 0, 16, 32.0, 64],
                   "beta_slow": [None, 0, 1, 2.0], "truncate": [True, False]}
        out |= {key: draw.choice(values) for key, values in choices.items() if draw.random() < 0.5}
        if draw.random() < 0.2:
            out["factor"] = None
    return out


def rotary_config(draw):
    head_dim = draw.choice([8, 16, 64, 128])
    config = {"model_type": "llama", "hidden_size": 2 * head_dim, "num_attention_heads": 2, "head_dim": head_dim,
              "max_position_embeddings": draw.choice([2048, 32768, 131072])}
    theta = draw.choice([500.0, 10000.0, 1e6])
    for key in draw.choice([["rope_parameters"], ["rope_scaling"], ["rope_parameters", "rope_scaling"]]):
        config[key] = scaling(draw)
        if draw.random() < 0.5:
            config[key]["rope_theta"] = theta
    if draw.random() < 0.5:
        config["rope_theta"] = 2 * theta
    if draw.random() < 0.2:
        config["original_max_position_embeddings"] = draw.choice([128, 1024])
    return config


def write_rotary(count, seed, out):
    draw = random.Random(int(seed))
    with open(out, "w", encoding="utf-8") as lines:
        for _ in range(int(count)):
            config = rotary_config(draw)
            embedding = LlamaRotaryEmbedding(transformers.LlamaConfig.from_dict(json.loads(json.dumps(config))))
            lines.write(json.dumps([config, embedding.inv_freq.double().tolist(), float(embedding.attention_scaling)]) + "\n")


def write_padded_roberta(folder):
    torch.manual_seed(7)
    config = transformers.RobertaConfig(vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                                        intermediate_size=16, max_position_embeddings=26, type_vocab_size=1, pad_token_id=1,
                                        num_labels=3)
    model = transformers.RobertaForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        ids = [torch.tensor([sequence]) for sequence in PADDED]
        logits = torch.cat([model(input_ids=i, attention_mask=torch.ones_like(i)).logits for i in ids])
    model.save_pretrained(folder)
    starts = torch.tensor([0] + [len(sequence) for sequence in PADDED]).cumsum(0)
    return {"ids": torch.cat(ids, 1)[0], "starts": starts, "logits": logits}


def ask_for_upcast(folder, tensors):
    """The goldens are computed in double, which reorder_and_upcast_attn refuses; in fp32 it must change nothing."""
    config = json.loads((folder / "config.json").read_text()) | {"reorder_and_upcast_attn": True}
    (folder / "config.json").write_text(json.dumps(config))
    model = decoders.adapted(decoders.load(transformers.AutoModelForCausalLM, folder), "gpt2", "CAUSAL_LM").float()
    ids, starts = tensors["ids"], tensors["starts"].tolist()
    with torch.no_grad():
        logits = torch.cat([model(input_ids=ids[None, a:b]).logits[0] for a, b in zip(starts, starts[1:])])
    torch.testing.assert_close(logits, tensors["logits"], rtol=0, atol=1e-5)


def write_models(folder):
    torch.set_num_threads(1)
    folder = Path(folder)
    made = {}
    for name, (kind, options) in MODELS.items():
        decoders.write_model(folder / name, kind, options)
        made[name] = decoders.goldens(folder / name, kind, False)
    ask_for_upcast(folder / "gpt2_scores_by_layer", made["gpt2_scores_by_layer"])
    made["roberta_padded"] = write_padded_roberta(folder / "roberta_padded")
    for name, tensors in made.items():
        safetensors.torch.save_file(tensors, folder / f"{name}.safetensors")


if __name__ == "__main__":
    if sys.argv[1:2] == ["rotary"] and len(sys.argv) == 5:
        write_rotary(*sys.argv[2:])
    elif sys.argv[1:2] == ["models"] and len(sys.argv) == 3:
        write_models(sys.argv[2])
    else:
        sys.exit(__doc__)
