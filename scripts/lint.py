#!/usr/bin/env python3
"""clang-tidy over the sources of the torch-free libraries, several at once.

A source that passed is looked at again only when it, a project header it reaches, or .clang-tidy has changed: the hashes
lie in BUILD/lint/. What was committed last is looked at first: with --limit-seconds the rest is left for the next run,
and their number is said.
"""
import argparse
import concurrent.futures
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

from check_layers import INCLUDE, owner_of, parse_table

TIDY = "clang-tidy-14"
# GCC's own warning names are unknown to clang.
EXTRA = ["--quiet", "--extra-arg=-Wno-unknown-warning-option"]


def reached(path, root, cache):
    """The project's own files that `path` includes, itself among them."""
    seen, queue = set(), [path]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        if current not in cache:
            lines = (root / current).read_text(encoding="utf-8").split("\n")
            found = [match.group(2) for match in map(INCLUDE.match, lines) if match and match.group(1) == '"']
            cache[current] = [name for name in found if (root / name).is_file()]
        queue += cache[current]
    return sorted(seen)


def torch_free_sources(build, root):
    libraries, _ = parse_table((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        file = Path(entry["file"])
        if not file.is_relative_to(root) or file.is_relative_to(build):
            continue
        path = file.relative_to(root).as_posix()
        name, is_test = owner_of(path, libraries)
        if name in libraries and not libraries[name].torch and not is_test:
            yield path


def newest_first(paths, root):
    log = subprocess.run(["git", "log", "--format=", "--name-only"], cwd=root, stdout=subprocess.PIPE, text=True)
    age = {}
    for path in log.stdout.split("\n"):
        age.setdefault(path, len(age))
    return sorted(paths, key=lambda path: (age.get(path, 0), path))  # what is not committed is newest


def tidy(path, build, root):
    command = [TIDY, *EXTRA, "-p", str(build), str(root / path)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line for line in result.stdout.split("\n") if not line.endswith(("warnings generated.", "treated as error"))]
    return result.returncode == 0, "\n".join(lines).strip()


def main():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with compile_commands.json")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit-seconds", type=float, default=float("inf"))
    parser.add_argument("only", nargs="*", help="parts of paths; others are left out")
    arguments = parser.parse_args()
    build, started, cache = arguments.build.resolve(), time.monotonic(), {}
    stamps = build / "lint"
    stamps.mkdir(exist_ok=True)
    config = (root / ".clang-tidy").read_bytes()
    failed, skipped, passed, fresh = [], 0, 0, 0

    def look(path):
        if time.monotonic() - started > arguments.limit_seconds:
            return path, None, "", ""
        digest = hashlib.sha256(config)
        for name in reached(path, root, cache):
            digest.update((root / name).read_bytes())
        stamp = stamps / path.replace("/", "_")
        if stamp.is_file() and stamp.read_text() == digest.hexdigest():
            return path, True, "", None
        good, output = tidy(path, build, root)
        if good:
            stamp.write_text(digest.hexdigest())
        return path, good, output, digest.hexdigest()

    sources = [path for path in newest_first(set(torch_free_sources(build, root)), root)
               if not arguments.only or any(part in path for part in arguments.only)]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for path, good, output, looked in pool.map(look, sources):
            if good is None:
                skipped += 1
            elif good:
                passed += 1
                fresh += looked is not None
            else:
                failed.append(path)
                print(f"{path}:\n{output}", flush=True)
    print(f"clang-tidy: {passed} sources pass ({fresh} of them looked at now), {len(failed)} fail"
          + (f", {skipped} left for the next run as time was up" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
