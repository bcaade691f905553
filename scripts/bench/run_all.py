#!/usr/bin/env python3
"""Runs the benchmarks one after the other and prints one table.

A benchmark is a program BUILD/*_bench made from tests/bench/, or a script listed in scripts/bench/comparisons.txt. It
prints JSON objects, one a line; other lines are passed by. The keys that the table shows:
    name    what was measured: "train", "tls_stream"
    value, unit     the figure
    ours    true for a figure of ours that a reference with the same `name` and `unit` is set against (default: true for
            programs, false for comparison scripts); the table then has the ratio ours / reference
    target  what was aimed for, and `better`: "higher" (default) or "lower"
Objects without `value` are unfolded: each number in them is a figure of its own, named name.key.
All lines go to OUT/results.jsonl and the table to OUT/table.txt.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def commands(root, build, python, gpu, only):
    """(label, command line, is_ours), programs first."""
    found = []
    for source in sorted((root / "tests/bench").glob("*_bench.cpp")):
        program = build / source.stem
        if source.stem.endswith("_gpu_bench") == gpu and program.exists():
            found.append((source.stem, [str(program)], True))
    if not gpu and python:
        for line in (root / "scripts/bench/comparisons.txt").read_text(encoding="utf-8").split("\n"):
            words = shlex.split(line, comments=True)
            if words and (root / words[1]).is_file():
                found.append((words[0], [python, *words[1:]], False))
    return [entry for entry in found if not only or any(part in entry[0] for part in only)]


def figures_of(entry, label, is_ours):
    """One object a figure, with name, value, unit and ours set."""
    name = str(entry.get("name") or entry.get("bench") or entry.get("benchmark") or label)
    if isinstance(entry.get("value"), (int, float)):
        metric = entry.get("metric")
        yield {"ours": is_ours, "unit": "", **entry, "name": f"{name}.{metric}" if metric else name}
        return
    for key, value in entry.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield {"name": f"{name}.{key}", "value": value, "unit": "", "ours": is_ours}


def run(label, command, is_ours, root, environment, limit):
    print(f"--- {label}", flush=True)
    started, figures = time.monotonic(), []
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        print(f"    stopped after {limit:.0f} s")
    for line in output.split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict):
            print(f"    {line}")
            figures += [{**figure, "from": label} for figure in figures_of(entry, label, is_ours)]
    print(f"    exit code {process.returncode}, {time.monotonic() - started:.1f} s", flush=True)
    return figures, process.returncode


def verdict(figure):
    if not isinstance(figure.get("target"), (int, float)):
        return ""
    lower = figure.get("better") == "lower"
    met = figure["value"] <= figure["target"] if lower else figure["value"] >= figure["target"]
    return f"{'met' if met else 'MISSED'}: {'at most' if lower else 'at least'} {figure['target']:g}"


def rows_of(figures):
    rows = []
    references = {}
    for figure in figures:
        if not figure["ours"]:
            references.setdefault((figure["name"], figure["unit"]), figure)
    for figure in figures:
        value = f"{figure['value']:,.4g}" if abs(figure["value"]) < 1e4 else f"{figure['value']:,.0f}"
        reference = references.get((figure["name"], figure["unit"])) if figure["ours"] else None
        ratio = f"{figure['value'] / reference['value']:.2f}x {reference['from']}" if reference and reference["value"] else ""
        rows.append((figure["name"], value, figure["unit"], figure["from"], ratio, verdict(figure)))
    return rows


def table(rows):
    rows = [("figure", "value", "unit", "from", "ratio", "target"), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if i == 1 else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reference-python", help="runs the comparison scripts; without it they are left out")
    parser.add_argument("--gpu", action="store_true", help="run the *_gpu_bench programs instead of the others")
    parser.add_argument("--limit-seconds", type=float, default=900, help="for each benchmark")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project folder")
    parser.add_argument("only", nargs="*", help="parts of names; others are left out")
    arguments = parser.parse_args()
    chosen = commands(arguments.root, arguments.build.resolve(), arguments.reference_python, arguments.gpu, arguments.only)
    if not chosen:
        print("there is no such benchmark")
        sys.exit(0 if arguments.gpu else 1)
    environment = dict(os.environ)
    if arguments.reference_python:
        environment["WEFT_REFERENCE_PYTHON"] = arguments.reference_python
    figures, failed = [], []
    for label, command, is_ours in chosen:
        found, code = run(label, command, is_ours, arguments.root, environment, arguments.limit_seconds)
        figures += found
        if code != 0:
            failed.append(label)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(figure) + "\n" for figure in figures)
    (arguments.out / "results.jsonl").write_text(lines, encoding="utf-8")
    text = table(rows_of(figures))
    (arguments.out / "table.txt").write_text(text, encoding="utf-8")
    print(f"\n{text}\nin {arguments.out}: results.jsonl, table.txt")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
