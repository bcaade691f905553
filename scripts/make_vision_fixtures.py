#!/usr/bin/env python3
"""Writes tiny random ViT, DeiT and CLIP models and the golden tensors that tests/models compares Weft's with.

    python scripts/make_vision_fixtures.py [NAME...]   # all, or those named: vit_tiny, deit_tiny, clip_tiny, ...
    python scripts/make_vision_fixtures.py --real FOLDER --out FILE PICTURE...   # of a trained one, for the slow test

One folder a model, as transformers saves it, and one NAME.safetensors beside it: logits, or embeddings and similarities,
with LoRA on all linear layers, and the gradients of one step.
Everything is seeded; versions and tolerances go into the file's metadata. Texts run one at a time, without padding, all
in double and stored in fp32. Pixels and the adapter's tensors are not stored: both sides draw them from one formula
(`drawn`, of make_decoder_fixtures.py).
"""
import argparse
import json
import shutil
from pathlib import Path

import safetensors.torch
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch.nn.functional import cross_entropy, normalize
from transformers import (AutoImageProcessor, AutoModelForImageClassification, CLIPConfig, CLIPModel, DeiTConfig,
                          DeiTForImageClassification, PreTrainedTokenizerFast, ViTConfig, ViTForImageClassification)

from make_decoder_fixtures import FIXTURES, TOLERANCE, VERSIONS, drawn, plain, stored

CLASSES = 3
SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20)
# 23 and 17 pixels leave some over beside patches of 5 and 4.
PICTURES = {"vit_tiny": (7, 23), "deit_tiny": (4, 17), "clip_tiny": (5, 19), "clip_legacy_tiny": (3, 14)}
TEXTS = [6, 2, 11, 1, 4]  # tokens, the end token included
REAL_TEXTS = ["grinning face", "red heart", "a cat with tears of joy"]
TEXT = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=50,
            max_position_embeddings=12, bos_token_id=48, pad_token_id=49)


def clip_config(end, activation, texts, **vision):
    return CLIPConfig(projection_dim=9, logit_scale_init_value=1.3, text_config=TEXT | texts | dict(
        eos_token_id=end, hidden_act=activation), vision_config=SIZES | vision | dict(hidden_act=activation))


MODELS = {
    "vit_tiny": lambda: ViTForImageClassification(ViTConfig(**SIZES, image_size=23, patch_size=5, num_labels=CLASSES)),
    "deit_tiny": lambda: DeiTForImageClassification(DeiTConfig(
        **SIZES, image_size=17, patch_size=4, num_labels=CLASSES, qkv_bias=False, hidden_act="gelu_new")),
    "clip_tiny": lambda: CLIPModel(clip_config(49, "quick_gelu", {}, image_size=19, patch_size=6)),
    # The end token is the largest id, whatever the config says.
    "clip_legacy_tiny": lambda: CLIPModel(clip_config(
        2, "gelu", dict(num_hidden_layers=1, hidden_size=8, intermediate_size=10), num_hidden_layers=1, hidden_size=12,
        num_attention_heads=2, intermediate_size=10, image_size=14, patch_size=7)),
}


def write_model(name):
    torch.manual_seed(11)
    model = MODELS[name]()
    with torch.no_grad():  # larger than the usual start, so that every part shows in the outputs
        for tensor, parameter in model.named_parameters():
            norm = "norm" in tensor and tensor.endswith("weight")
            if tensor != "logit_scale":
                parameter.copy_((1 if norm else 0) + 0.2 * torch.randn_like(parameter))
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)  # half the size; reading bf16 is tested by the way
    (folder / "model.safetensors").chmod(0o644)
    return folder


def adapted(model):
    saved = ["classifier"] if hasattr(model, "classifier") else None
    model = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", modules_to_save=saved))
    model = model.double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(drawn(plain(name), parameter.shape, 0.2))
    return model


def pixels_of(name):
    count, side = PICTURES[name]
    return 5 * drawn("pixels", (count, 3, side, side), 0.2).double()


def gradients(model, loss):
    loss.backward()
    return {"loss": loss.detach().reshape(1)} | {
        f"gradient/{plain(n)}": p.grad for n, p in model.named_parameters() if p.requires_grad}


def classified(name, model):
    labels = torch.arange(PICTURES[name][0]) % CLASSES
    model = adapted(model)
    logits = model(pixel_values=pixels_of(name)).logits
    return {"labels": labels, "logits": logits.detach()} | gradients(model, cross_entropy(logits, labels))


def texts_of(name):
    """Token ids that end in the end token; in clip_tiny one has it in the middle, too, and one has none."""
    generator = torch.Generator().manual_seed(5)
    texts = [torch.cat([torch.randint(3, 48, (n - 1,), generator=generator), torch.tensor([49])]) for n in TEXTS]
    if name == "clip_tiny":
        texts[2][4] = 49
        texts[4][3] = 7
    return texts[:PICTURES[name][0]]


def packed(texts):
    return {"ids": torch.cat(texts), "starts": torch.tensor([0] + [len(t) for t in texts]).cumsum(0)}


def contrasted(name, model):
    model = adapted(model)
    texts = texts_of(name)
    text = torch.cat([model.base_model.model.get_text_features(input_ids=t[None]).pooler_output for t in texts])
    image = model.base_model.model.get_image_features(pixel_values=pixels_of(name)).pooler_output
    scale = model.base_model.model.logit_scale
    scores = normalize(image) @ normalize(text).T * scale.exp()
    truth = torch.arange(len(texts))
    loss = (cross_entropy(scores, truth) + cross_entropy(scores.T, truth)) / 2
    return packed(texts) | {"text": text.detach(), "image": image.detach(), "scores": scores.detach(),
                            "logit_scale": scale.detach().reshape(1)} | gradients(model, loss)


def write(name):
    folder = write_model(name)
    model = type(MODELS[name]()).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    tensors = (classified if hasattr(model, "classifier") else contrasted)(name, model)
    path = FIXTURES / f"{name}.safetensors"
    safetensors.torch.save_file(stored(tensors), path, metadata=VERSIONS | {
        "tolerance": str(TOLERANCE), "about": "LoRA r=2, alpha 4 on all linear layers"})
    path.chmod(0o644)
    print(f"{name}: {sum(f.stat().st_size for f in [path, *folder.iterdir()])} bytes", flush=True)


def write_real(folder, out, files):
    """Of a real model: logits, or embeddings, of picture files as its own processor gives them, and of texts."""
    model = AutoModelForImageClassification if json.loads((folder / "config.json").read_text())[
        "model_type"] == "vit" else CLIPModel
    model = model.from_pretrained(folder, dtype=torch.float32).eval()
    pixels = AutoImageProcessor.from_pretrained(folder)([Image.open(f) for f in files], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        if isinstance(model, CLIPModel):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
            texts = [torch.tensor(tokenizer(text)["input_ids"]) for text in REAL_TEXTS]
            tensors = {"text": torch.cat([model.get_text_features(input_ids=t[None]).pooler_output for t in texts]),
                       "image": model.get_image_features(pixel_values=pixels).pooler_output, **packed(texts)}
        else:
            tensors = {"logits": model(pixel_values=pixels).logits}
    safetensors.torch.save_file(stored(tensors), out, metadata=VERSIONS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="a trained model; NAMES are then picture files")
    parser.add_argument("--out", type=Path, help="what is written of the real one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.real:
        write_real(options.real, options.out, options.names)
        return
    for name in options.names or MODELS:
        write(name)


if __name__ == "__main__":
    main()
