#!/usr/bin/env python3
"""Fails when a source includes what its library may not include, or has grown too long.

The allowed edges are the weft_library(...) lines of CMakeLists.txt. Checked, for each library and its tests:
  - an include of another project folder must be one of the library's DEPS (tests: anything those and TEST_DEPS reach);
  - DEPS name only libraries above in the list, so the graph has no cycle;
  - ATen, c10 and torch headers appear in libraries marked TORCH only, and never the three that cost seconds each;
  - a third-party header belongs to a package the library names in PRIVATE_LIBS, and appears in sources, not headers;
  - what is included with quotes exists;
  - no source passes 500 lines, unless scripts/large_files.txt gives a reason;
  - the tiny models of tests/fixtures, with their adapters and golden outputs, stay below 1 MB together.
Prints each finding as path:line: message; exit code 1 if there is any.
"""
import argparse
import re
import sys
from pathlib import Path

# Header prefix -> imported targets of which PRIVATE_LIBS must name one.
THIRD_PARTY = {
    "openssl/": ("OpenSSL::Crypto", "OpenSSL::SSL"),
    "spdlog/": ("spdlog::spdlog",),
    "yaml-cpp/": ("yaml-cpp",),
    "nlohmann/": ("nlohmann_json::nlohmann_json",),
    "unicode/": ("ICU::uc", "ICU::i18n"),
    "pcre2.h": ("PCRE2::8",),
    "zmq.h": ("cppzmq",),
    "zmq_addon.h": ("cppzmq",),
    "msgpack": ("msgpackc-cxx",),
    "zlib.h": ("ZLIB::ZLIB",),
    "png.h": ("PNG::PNG",),
    "jpeglib.h": ("JPEG::JPEG",),
    "jerror.h": ("JPEG::JPEG",),
    "sqlite3.h": ("SQLite::SQLite3",),
    "CLI/": ("CLI11::CLI11",),
}
TORCH_PREFIXES = ("ATen/", "c10/", "torch/", "caffe2/")
HEAVY_HEADERS = ("torch/torch.h", "torch/all.h", "torch/nn.h", "torch/types.h", "torch/script.h", "torch/extension.h",
                 "ATen/ATen.h", "ATen/Functions.h")
# Debian's spdlog wants fmt 9 and torch's include folder carries fmt 12.
CLASHES_WITH_TORCH = ("spdlog/", "fmt/")
MAX_LINES = 500
MODEL_FIXTURES, MAX_FIXTURE_BYTES = ("models", "families", "adapters"), 1_000_000
SOURCE_FOLDERS = ("common", "coordinator", "worker", "cli", "tests", "examples", "scripts", "cmake")
SOURCE_SUFFIXES = (".h", ".cpp", ".py", ".sh", ".cmake")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LIBRARY = re.compile(r"^weft_library\(([^)]*)\)", re.MULTILINE)


class Library:
    def __init__(self, name, deps, test_deps, packages, torch):
        self.name, self.deps, self.test_deps, self.packages, self.torch = name, deps, test_deps, packages, torch


def parse_table(cmake_text):
    """Returns the libraries by name, in order, and findings about the table itself."""
    libraries, findings = {}, []
    for match in LIBRARY.finditer(re.sub(r"#.*", "", cmake_text)):
        name, *words = match.group(1).split()
        parts, key = {"DEPS": [], "TEST_DEPS": [], "PRIVATE_LIBS": [], "TORCH": []}, None
        torch = "TORCH" in words
        for word in words:
            if word in parts:
                key = word
            else:
                parts[key].append(word)
        for dep in parts["DEPS"] + parts["TEST_DEPS"]:
            if dep not in libraries:
                findings.append(f"CMakeLists.txt: {name} depends on {dep}, which is not listed above it")
            elif libraries[dep].torch and not torch:
                findings.append(f"CMakeLists.txt: {name} is not marked TORCH but depends on {dep}, which is")
        libraries[name] = Library(name, parts["DEPS"], parts["TEST_DEPS"], parts["PRIVATE_LIBS"], torch)
    if not libraries:
        findings.append("CMakeLists.txt: no weft_library(...) line was found")
    return libraries, findings


def reachable_by_tests(libraries, name):
    seen, queue = set(), [name, *libraries[name].test_deps]
    while queue:
        current = queue.pop()
        if current in libraries and current not in seen:
            seen.add(current)
            queue += libraries[current].deps
    return seen


def owner_of(path, libraries):
    """(library or None, is_test) for a path relative to the project. A library lies in common/NAME or in NAME."""
    parts = path.split("/")
    if parts[0] == "common" and len(parts) > 2:
        return parts[1], False
    if parts[0] == "tests" and parts[1] in ("fuzz", "bench") and len(parts) == 3:
        return parts[2].split("_")[0], True
    if parts[0] == "tests" and parts[1] == "chaos":  # coordinator and workers together
        return "coordinator", True
    if parts[0] == "tests" and len(parts) > 2:
        return parts[1], True
    if parts[0] in libraries:
        return parts[0], False
    return None, False


def check_project_include(included, library, is_test, libraries, root):
    if not (root / included).is_file():
        return None if included == "weft_version.h" else f'"{included}" does not exist; paths start at the project folder'
    target, target_is_test = owner_of(included, libraries)
    if target_is_test:  # cli is the whole program, so its tests may use the support files of all; those of base are for all
        return None if is_test and (library.name in (target, "cli") or target == "base") else f'"{included}" is a test of another library'
    allowed = reachable_by_tests(libraries, library.name) if is_test else {library.name, *library.deps}
    if target in allowed:
        return None
    return f'{library.name} must not include {target} ("{included}"); allowed: {", ".join(sorted(allowed))}'


def check_system_include(included, library, is_test, is_header):
    if included in HEAVY_HEADERS:
        return f"<{included}> takes seconds in every file; include ATen/core/Tensor.h or ATen/ops/<op>.h"
    if included.startswith(TORCH_PREFIXES) and not library.torch:
        return f"<{included}>: {library.name} is not marked TORCH"
    if included.startswith(CLASHES_WITH_TORCH) and library.torch:
        return f"<{included}>: {library.name} sees torch's fmt, which clashes; log through common/base/log.h"
    for prefix, targets in THIRD_PARTY.items():
        if not included.startswith(prefix):
            continue
        if is_header and not is_test:
            return f"<{included}>: third-party headers belong in sources; hide it behind a class of our own"
        if not is_test and not set(targets) & set(library.packages):
            return f"<{included}>: {library.name} does not name {' or '.join(targets)} in PRIVATE_LIBS"
    return None


def check_includes(root, libraries):
    findings = []
    for folder in ("common", "tests", *libraries):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            path = file.relative_to(root).as_posix()
            name, is_test = owner_of(path, libraries)
            if path == "tests/fuzz/replay_main.cpp":
                continue
            if name not in libraries:
                findings.append(f"{path}:1: belongs to no library of CMakeLists.txt")
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, included = match.groups()
                library = libraries[name]
                if quote == '"':
                    problem = check_project_include(included, library, is_test, libraries, root)
                else:
                    problem = check_system_include(included, library, is_test, file.suffix == ".h")
                if problem:
                    findings.append(f"{path}:{number}: {problem}")
    return findings


def check_sizes(root):
    findings, excused = [], {}
    listed = root / "scripts/large_files.txt"
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8").split("\n"):
            path, _, reason = line.partition(" ")
            if path and not path.startswith("#"):
                excused[path] = reason.strip()
    for folder in SOURCE_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix not in SOURCE_SUFFIXES or not file.is_file():
                continue
            lines = file.read_text(encoding="utf-8").count("\n")
            if lines > MAX_LINES and not excused.get(path):
                findings.append(f"{path}:1: {lines} lines, at most {MAX_LINES}; split it, or give a reason in "
                                "scripts/large_files.txt")
    for path in excused:
        if not (root / path).is_file():
            findings.append(f"scripts/large_files.txt: {path} does not exist; remove its line")
    return findings


def check_fixtures(root):
    files = [f for folder in MODEL_FIXTURES for f in (root / "tests/fixtures" / folder).rglob("*") if f.is_file()]
    total = sum(f.stat().st_size for f in files)
    if total <= MAX_FIXTURE_BYTES:
        return []
    largest = max(files, key=lambda f: f.stat().st_size).relative_to(root).as_posix()
    return [f"tests/fixtures: {', '.join(MODEL_FIXTURES)} have {total:,} bytes, at most {MAX_FIXTURE_BYTES:,}; make them "
            f"from smaller models, the largest is {largest}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    libraries, findings = parse_table((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    findings += check_includes(root, libraries) + check_sizes(root) + check_fixtures(root)
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(1)
    print(f"{len(libraries)} libraries: layers, includes and sizes are as they should be")


if __name__ == "__main__":
    main()
