#!/usr/bin/env python3
"""Trains small base models for the digits and emoji jobs, as no package has any, and saves Hugging Face folders.

    python scripts/make_base_models.py vit .deps/data/fashion-mnist FOLDER    a ViT of 0.3 M parameters, on clothes
    python scripts/make_base_models.py clip .deps/data/emoji FOLDER           a CLIP of 1.1 M, on emoji and their names

Needs torch, transformers, tokenizers, pillow (./run fetch digits emoji brings all and runs this). Seeded; the number of
threads and the machine still show in the last digits, so FOLDER/TRAINING.json says what a folder's own model reached.
The CLIP sees half of the emoji, in both vendors' styles; the sites' half is kept from it (scripts/assets/images.py).
"""
import argparse
import gzip
import json
import math
import time
from pathlib import Path

import numpy
import tokenizers
import torch
import transformers
from PIL import Image
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy

CLOTHES = ["t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
START, END = "<|startoftext|>", "<|endoftext|>"


def fit(model, loss_of, steps, rate, warmup=0.1, weight_decay=0.05):
    """AdamW with a linear warm-up and a cosine down to zero. loss_of(step) -> loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=weight_decay)
    start = time.monotonic()
    model.train()
    for step in range(steps):
        progress = (step + 1) / steps
        scale = min(progress / warmup, 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate * scale
        loss = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % (steps // 10) == 0:
            seconds = time.monotonic() - start
            print(f"    step {step + 1} of {steps}: loss {loss.item():.3f}, {seconds:.0f} s", flush=True)
    model.eval()
    return time.monotonic() - start


def shifted(images, most):
    """Each image moved by up to `most` pixels both ways; the border repeats. N3HW."""
    padded = torch.nn.functional.pad(images, (most,) * 4, mode="replicate")
    height, width = images.shape[2:]
    moves = torch.randint(0, 2 * most + 1, (len(images), 2)).tolist()
    return torch.stack([image[:, y:y + height, x:x + width] for image, (y, x) in zip(padded, moves)])


def save(model, processor, folder, facts):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
    facts |= {"parameters": model.num_parameters(), "threads": torch.get_num_threads(), "torch": torch.__version__,
              "transformers": transformers.__version__}
    (folder / "TRAINING.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"    {facts}")


# --- ViT on Fashion-MNIST --------------------------------------------------------------------------------------------

VIT_PROCESSOR = {
    "image_processor_type": "ViTImageProcessor", "do_convert_rgb": True, "do_resize": True,
    "size": {"height": 28, "width": 28}, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
}


def idx(path):
    with gzip.open(path) as file:
        data = file.read()
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return torch.from_numpy(numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * len(shape)).reshape(shape).copy())


def fashion(folder, part):
    images = idx(folder / f"{part}-images-idx3-ubyte.gz").float() / 255
    grey = ((images - 0.5) / 0.5)[:, None]
    return grey, idx(folder / f"{part}-labels-idx1-ubyte.gz").long()


def make_vit(data, folder, steps=1000, batch=128):
    names = dict(enumerate(CLOTHES))
    config = transformers.ViTConfig(
        image_size=28, patch_size=7, num_channels=3, hidden_size=96, num_hidden_layers=4, num_attention_heads=3,
        intermediate_size=192, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, id2label=names,
        label2id={name: i for i, name in names.items()})
    model = transformers.ViTForImageClassification(config)
    images, labels = fashion(data, "train")

    def loss_of(_):
        chosen = torch.randint(0, len(images), (batch,))
        pixels = shifted(images[chosen], 1).expand(-1, 3, -1, -1)
        return cross_entropy(model(pixel_values=pixels).logits, labels[chosen])
    seconds = fit(model, loss_of, steps, rate=2e-3)
    images, labels = fashion(data, "t10k")
    with torch.no_grad():
        logits = [model(pixel_values=part.expand(-1, 3, -1, -1)).logits for part in images.split(1000)]
        guesses = torch.cat(logits).argmax(-1)
    accuracy = (guesses == labels).double().mean().item()
    save(model, VIT_PROCESSOR, folder, {"data": "Fashion-MNIST, 60,000 images", "steps": steps, "batch": batch,
                                        "seconds": round(seconds, 1), "test_accuracy": round(accuracy, 4)})


# --- CLIP on one half of the emoji -----------------------------------------------------------------------------------

CLIP_PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True,
    "size": {"shortest_edge": 32}, "resample": 3, "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32}, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
CONTEXT = 48


def clip_tokenizer(texts, merges):
    """CLIP's kind of tokenizer: lower case, byte-level BPE with </w> at the end of a word; its merges are learnt here.

    The vocabulary is ordered as CLIP's is: bytes, bytes that end a word, merges, the two special tokens.
    """
    def pipeline(model):
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(tokenizers.Regex(CLIP_WORDS), "removed", invert=True),
             pre_tokenizers.ByteLevel(add_prefix_space=False)])
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer
    learner = pipeline(models.BPE(end_of_word_suffix="</w>"))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + merges, end_of_word_suffix="</w>", initial_alphabet=alphabet, min_frequency=2,
        show_progress=False))
    pairs = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]][:merges]
    words = alphabet + [symbol + "</w>" for symbol in alphabet] + ["".join(pair) for pair in pairs] + [START, END]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    tokenizer = pipeline(models.BPE(vocabulary, pairs, end_of_word_suffix="</w>", unk_token=END))
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False)
                                  for token in (START, END)])
    start, end = ((token, vocabulary[token]) for token in (START, END))
    tokenizer.post_processor = processors.RobertaProcessing(end, start, False, False)
    return tokenizer


def emoji_pairs(folder, part):
    """The pixels and captions of both vendors' files of a part."""
    settings = {key: value for key, value in CLIP_PROCESSOR.items() if key != "image_processor_type"}
    processor = transformers.CLIPImageProcessorPil(**settings)
    rows = [json.loads(line) for vendor in ("google", "twitter")
            for line in (folder / f"{part}-{vendor}.jsonl").read_text(encoding="utf-8").splitlines()]
    images = [Image.open(folder / row["image"]) for row in rows]
    return processor(images, return_tensors="pt")["pixel_values"], [row["caption"] for row in rows]


def clip_config(tokenizer):
    width = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "projection_dim": 64,
             "attention_dropout": 0.0}
    ends = {"bos_token_id": tokenizer.token_to_id(START), "eos_token_id": tokenizer.token_to_id(END),
            "pad_token_id": tokenizer.token_to_id(END)}
    text = {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": CONTEXT, "num_hidden_layers": 3,
            **width, **ends}
    return transformers.CLIPConfig(text_config=text, projection_dim=64, vision_config={
        "image_size": 32, "patch_size": 8, "num_hidden_layers": 4, **width})


def recall(model, pixels, tokens, captions, k):
    """Share of images whose own name is among the k nearest of all different names."""
    names = list(dict.fromkeys(captions))
    first = [captions.index(name) for name in names]
    with torch.no_grad():
        scores = model(pixel_values=pixels, **{key: value[first] for key, value in tokens.items()}).logits_per_image
    nearest = scores.topk(k).indices
    truth = torch.tensor([names.index(caption) for caption in captions])
    return (nearest == truth[:, None]).any(-1).double().mean().item()


def make_clip(data, folder, steps=500, batch=128):
    pixels, captions = emoji_pairs(data, "base")
    base = clip_tokenizer(captions, merges=700)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=base, bos_token=START, eos_token=END, unk_token=END, pad_token=END, model_max_length=CONTEXT)

    def tokens_of(texts):
        return tokenizer(texts, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt",
                         return_token_type_ids=False)
    model = transformers.CLIPModel(clip_config(base))
    tokens = tokens_of(captions)

    def loss_of(_):
        # The same name twice in a batch would be its own false negative: take each emoji once, in one of its styles.
        half = len(captions) // 2
        chosen = torch.randperm(half)[:batch] + half * torch.randint(0, 2, (batch,))
        longest = tokens["attention_mask"][chosen].sum(-1).max()
        texts = {key: value[chosen, :longest] for key, value in tokens.items()}
        scores = model(pixel_values=shifted(pixels[chosen], 3), **texts).logits_per_image
        truth = torch.arange(batch)
        return (cross_entropy(scores, truth) + cross_entropy(scores.T, truth)) / 2
    seconds = fit(model, loss_of, steps, rate=1e-3, weight_decay=0.2)
    seen = recall(model, pixels, tokens, captions, 10)
    pixels, captions = emoji_pairs(data, "sites")
    unseen = recall(model, pixels, tokens_of(captions), captions, 10)
    save(model, CLIP_PROCESSOR, folder, {
        "data": "half of the emoji, two styles (base-*.jsonl)", "steps": steps, "batch": batch,
        "seconds": round(seconds, 1), "recall_at_10_seen": round(seen, 4), "recall_at_10_unseen": round(unseen, 4)})
    base.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": CONTEXT, "bos_token": START, "eos_token": END,
        "unk_token": END, "pad_token": END}, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["vit", "clip"])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.manual_seed(1)
    {"vit": make_vit, "clip": make_clip}[options.kind](options.data, options.folder)


if __name__ == "__main__":
    main()
