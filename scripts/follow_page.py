#!/usr/bin/env python3
"""Does what a page of docs/ says, in a folder of its own, so that CI can build and test what readers are told to write.

    python3 scripts/follow_page.py docs/add_a_model.md --source . --out build/release/add_a_model

A block of code follows a line that starts with the file's path in backticks and ends with a colon; others are left
alone. A ```diff block adds its + lines to a copy of the source's file where its other lines, which must be found exactly
once, stand; any other block is the whole of a new file. Scripts among the new files are run, in the order of the page.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^`([^`\n]+)`[^\n]*:\n\n?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class PageError(Exception):
    pass


def patched(text, block, where):
    before = "".join(line[1:] for line in block.splitlines(True) if not line.startswith("+"))
    after = "".join(line[1:] for line in block.splitlines(True))
    found = text.count(before) if before else 0
    if found != 1:
        raise PageError(f"{where}: expected once, found {found} times:\n{before}Change the page to what is there now.")
    return text.replace(before, after)


def follow(page, source, out):
    """Returns the paths that the page writes."""
    written = {}
    for path, language, block in BLOCK.findall(page.read_text()):
        if language == "diff":
            text = written.get(path) or (source / path).read_text()
            written[path] = patched(text, block, f"{page}: {path}")
        elif (source / path).exists():
            raise PageError(f"{page}: {path} is new there, but the project has it already. Rename one of them.")
        else:
            written[path] = block
    if not written:
        raise PageError(f"{page}: no block of code follows a line like  `path/of/file.cpp`, new:")
    for path, text in written.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    for path in written:
        if path.startswith("scripts/"):
            subprocess.run([sys.executable, "-B", out / path], check=True)
    return list(written)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="the project's folder")
    parser.add_argument("--out", type=Path, required=True, help="where the files are written, with their paths")
    args = parser.parse_args()
    try:
        follow(args.page, args.source, args.out)
    except PageError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
