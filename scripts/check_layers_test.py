"""check_layers.py on small trees: it passes a clean one and finds each planted fault."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "check_layers.py"
TABLE = """
weft_library(base PRIVATE_LIBS spdlog::spdlog)
weft_library(low  DEPS base)   # weft_library(comment DEPS nowhere)
weft_library(mid  DEPS low
             PRIVATE_LIBS yaml-cpp)
weft_library(math DEPS base TORCH)
weft_library(top  DEPS mid)
"""
CLEAN = {
    "common/base/log.h": "#include <string>\n",
    "common/base/log.cpp": '#include "common/base/log.h"\n#include <spdlog/spdlog.h>\n#include "weft_version.h"\n',
    "common/low/a.h": '#include "common/base/log.h"\n',
    "common/mid/b.h": '#include "common/low/a.h"\n',
    "common/mid/b.cpp": '#include "common/mid/b.h"\n#include <yaml-cpp/yaml.h>\n',
    "common/math/m.h": "#include <ATen/core/Tensor.h>\n",
    "top/t.cpp": '#include "common/mid/b.h"\n',
    "tests/mid/b_test.cpp": '#include "common/base/log.h"\n#include <nlohmann/json.hpp>\n',
    "tests/mid/b_support.h": "#pragma once\n",
    "tests/fuzz/mid_b_fuzz.cpp": '#include "common/mid/b.h"\n',
}


class CheckLayersTest(unittest.TestCase):
    def run_on(self, extra, table=TABLE):
        with tempfile.TemporaryDirectory() as folder:
            files = {"CMakeLists.txt": table, **CLEAN, **extra}
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return subprocess.run([sys.executable, "-B", SCRIPT, "--root", folder], capture_output=True, text=True)

    def finds(self, extra, message, **options):
        result = self.run_on(extra, **options)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(message, result.stdout)
        self.assertEqual(result.stdout.count("\n"), 1, result.stdout)

    def test_passes_a_clean_tree(self):
        result = self.run_on({})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_finds_an_include_upwards(self):
        self.finds({"common/low/c.cpp": '#include "common/mid/b.h"\n'}, "common/low/c.cpp:1: low must not include mid")

    def test_finds_an_include_through_two_edges(self):
        self.finds({"top/u.cpp": '\n  #  include "common/low/a.h"\n'}, "top/u.cpp:2: top must not include low")

    def test_finds_a_test_that_reaches_upwards(self):
        self.finds({"tests/low/a_test.cpp": '#include "common/mid/b.h"\n'}, "low must not include mid")

    def test_tests_reach_what_they_alone_depend_on(self):
        table = TABLE.replace("weft_library(top  DEPS mid)", "weft_library(top DEPS low TEST_DEPS mid)")
        extra = {"tests/top/t_test.cpp": '#include "common/mid/b.h"\n', "top/t.cpp": ""}
        result = self.run_on(extra, table=table)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        extra["top/t.cpp"] = CLEAN["top/t.cpp"]
        self.finds(extra, "top/t.cpp:1: top must not include mid", table=table)

    def test_finds_another_library_s_test_support(self):
        self.finds({"tests/top/t_test.cpp": '#include "tests/mid/b_support.h"\n'}, "a test of another library")

    def test_finds_a_missing_file(self):
        self.finds({"common/low/c.cpp": '#include "a.h"\n'}, "does not exist")

    def test_finds_torch_where_it_may_not_be(self):
        self.finds({"common/mid/c.cpp": "#include <ATen/ops/add.h>\n"}, "mid is not marked TORCH")

    def test_finds_heavy_torch_headers(self):
        self.finds({"common/math/c.cpp": "#include <torch/torch.h>\n"}, "takes seconds")

    def test_finds_spdlog_beside_torch(self):
        self.finds({"common/math/c.cpp": "#include <spdlog/spdlog.h>\n"}, "clashes")

    def test_finds_a_third_party_header_in_a_header(self):
        self.finds({"common/mid/c.h": "#include <yaml-cpp/yaml.h>\n"}, "belong in sources")

    def test_finds_a_third_party_header_without_its_package(self):
        self.finds({"common/low/c.cpp": "#include <yaml-cpp/yaml.h>\n"}, "does not name yaml-cpp")

    def test_finds_a_library_that_is_not_in_the_table(self):
        self.finds({"common/new/c.cpp": "\n"}, "belongs to no library")

    def test_finds_a_dependency_that_is_not_above(self):
        self.finds({}, "depends on late", table=TABLE + "weft_library(early DEPS late)\nweft_library(late)\n")

    def test_finds_torch_behind_a_library_without_it(self):
        self.finds({}, "depends on math", table=TABLE + "weft_library(late DEPS math)\n")

    def test_finds_model_fixtures_that_are_too_large(self):
        half = "x" * 500_000
        fits = {"tests/fixtures/models/a.bin": half, "tests/fixtures/families/b/c.bin": half, "tests/fixtures/text/t": half}
        self.assertEqual(self.run_on(fits).returncode, 0)
        self.finds(fits | {"tests/fixtures/adapters/d.bin": "x"}, "have 1,000,001 bytes, at most 1,000,000")

    def test_finds_a_long_file_unless_it_has_a_reason(self):
        long = {"common/low/long.cpp": "\n" * 501}
        self.finds(long, "501 lines")
        self.finds({**long, "scripts/large_files.txt": "common/low/long.cpp\n"}, "501 lines")
        excused = self.run_on({**long, "scripts/large_files.txt": "common/low/long.cpp one table of constants\n"})
        self.assertEqual(excused.returncode, 0, excused.stdout)


if __name__ == "__main__":
    unittest.main()
