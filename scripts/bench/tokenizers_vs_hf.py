#!/usr/bin/env python3
"""Tokenizing speed of Weft beside Hugging Face's Rust library, one thread each: the sentiment texts, one by one.

    python scripts/bench/tokenizers_vs_hf.py [--turns 5]

A tokenizer of each kind: WordPiece (MiniLM), byte-level BPE (GPT-2, Llama 3, Qwen2), BPE with byte fallback (Llama 2),
Unigram (XLM-RoBERTa's vocabulary). Hugging Face's runs as a batch without offsets, its fastest way, with its word cache.
Turns alternate, so that whatever else the machine does hits both; figures are medians. Needs build/release/
text_tokenizer_bench, and `./run fetch tokenizers` for all but the first; what is not fetched is left out.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = {"wordpiece minilm": "models/all-MiniLM-L6-v2", "bpe gpt-2": "tokenizers/gpt-2", "bpe llama 3": "tokenizers/llama-bpe",
         "bpe qwen2": "tokenizers/qwen2", "bpe llama 2": "tokenizers/llama-spm", "unigram xlm-r": "tokenizers/nomic-bert-moe"}


def sentiment():
    texts = []
    for name in ("tweets", "reviews", "films", "editorials"):
        for line in (ROOT / f".deps/data/sentiment/{name}.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
            texts.append(line.rsplit("\t", 1)[1])
    return texts


def show(name, value, unit, ours, **more):
    print(json.dumps({"name": name, "value": value, "unit": unit, "ours": ours, **more}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/text_tokenizer_bench")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer
    if not options.program.exists():
        sys.exit(f"tokenizers_vs_hf: {options.program} is not there; build it: ./run build text_tokenizer_bench")
    weft = subprocess.Popen([options.program, "--serve"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    texts = sentiment()
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    for name, folder in KINDS.items():
        file = ROOT / ".deps" / folder / "tokenizer.json"
        if not file.exists():
            continue
        reference = Tokenizer.from_file(str(file))
        reference.no_truncation()
        reference.no_padding()
        ours, theirs = [], []
        for turn in range(options.turns + 1):
            weft.stdin.write(f"{file}\n")
            weft.stdin.flush()
            rate = json.loads(weft.stdout.readline())["mb_per_s"]
            started = time.perf_counter()
            reference.encode_batch_fast(texts)
            if turn > 0:  # the first warms both
                ours.append(rate)
                theirs.append(megabytes / (time.perf_counter() - started))
        show(f"tokenize {name} weft", statistics.median(ours), "MB/s", True)
        show(f"tokenize {name} tokenizers", statistics.median(theirs), "MB/s", False)
        show(f"tokenize {name} ratio", statistics.median(a / b for a, b in zip(ours, theirs)), "x", True, target=0.5)


if __name__ == "__main__":
    main()
