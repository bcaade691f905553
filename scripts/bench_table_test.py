"""scripts/bench/run_all.py on made-up benchmarks: figures, ratios, targets, and failures that are not passed over."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "bench/run_all.py"


class BenchTableTest(unittest.TestCase):
    def run_on(self, programs, comparisons=(), extra=()):
        """`programs`: name to lines of output and an exit code; `comparisons`: name to lines of output."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "tests/bench").mkdir(parents=True)
            (root / "scripts/bench").mkdir(parents=True)
            for name, (lines, code) in programs.items():
                (root / f"tests/bench/{name}.cpp").touch()
                body = "".join(f"echo '{line}'\n" for line in lines)
                (root / name).write_text(f"#!/bin/sh\n{body}exit {code}\n")
                (root / name).chmod(0o755)
            listed = ["absent scripts/absent.py"]
            for name, lines in dict(comparisons).items():
                (root / f"{name}.py").write_text("".join(f"print({line!r})\n" for line in lines))
                listed.append(f"{name} {name}.py  # with a comment")
            (root / "scripts/bench/comparisons.txt").write_text("\n".join(listed) + "\n")
            command = [sys.executable, "-B", SCRIPT, "--root", root, "--build", root, "--out", root / "out",
                       "--reference-python", sys.executable, *extra]
            result = subprocess.run(command, capture_output=True, text=True)
            written = root / "out/results.jsonl"
            figures = [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []
            table = (root / "out/table.txt").read_text() if written.exists() else ""
            return result, figures, table

    def test_sets_ours_against_the_reference(self):
        _, _, table = self.run_on({"train_step_bench": (['{"name": "train", "value": 5400, "unit": "tokens/s"}'], 0)},
                                  {"peft": ['loading', '{"name": "train", "value": 1800, "unit": "tokens/s"}']})
        self.assertIn("3.00x peft", table)
        self.assertEqual(table.count("x peft"), 1)

    def test_does_not_compare_different_units(self):
        _, _, table = self.run_on({"a_bench": (['{"name": "train", "value": 5400, "unit": "samples/s"}'], 0)},
                                  {"peft": ['{"name": "train", "value": 1800, "unit": "tokens/s"}']})
        self.assertNotIn("x peft", table)

    def test_says_which_targets_are_missed(self):
        lines = ['{"name": "round", "value": 25, "unit": "ms", "target": 20, "better": "lower"}',
                 '{"name": "stream", "value": 1.2, "unit": "GB/s", "target": 1}']
        _, _, table = self.run_on({"net_bench": (lines, 0)})
        self.assertIn("MISSED: at most 20", table)
        self.assertIn("met: at least 1", table)

    def test_unfolds_objects_without_value(self):
        _, figures, _ = self.run_on({"net_bench": (['{"bench": "rss", "sites_4": 51.5, "sites_64": 52, "ok": true}'], 0)})
        self.assertEqual([(figure["name"], figure["value"]) for figure in figures], [("rss.sites_4", 51.5), ("rss.sites_64", 52)])

    def test_a_failed_benchmark_fails_the_run_and_keeps_the_others(self):
        result, figures, _ = self.run_on({"a_bench": ([], 3), "b_bench": (['{"name": "b", "value": 1}'], 0)})
        self.assertEqual(result.returncode, 1)
        self.assertIn("failed: a_bench", result.stderr)
        self.assertEqual([figure["name"] for figure in figures], ["b"])

    def test_runs_only_what_is_named(self):
        _, figures, _ = self.run_on({"a_bench": (['{"name": "a", "value": 1}'], 0), "b_bench": (['{"name": "b", "value": 1}'], 0)},
                                    extra=["b_be"])
        self.assertEqual([figure["name"] for figure in figures], ["b"])

    def test_gpu_benchmarks_run_only_when_asked_for(self):
        programs = {"a_bench": (['{"name": "a", "value": 1}'], 0), "a_gpu_bench": (['{"name": "g", "value": 1}'], 0)}
        self.assertEqual([figure["name"] for figure in self.run_on(programs)[1]], ["a"])
        self.assertEqual([figure["name"] for figure in self.run_on(programs, extra=["--gpu"])[1]], ["g"])


if __name__ == "__main__":
    unittest.main()
