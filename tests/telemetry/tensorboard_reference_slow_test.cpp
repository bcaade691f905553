// TensorBoard itself reads our file: set WEFT_REFERENCE_PYTHON to a Python that has `tensorboard`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/telemetry/tensorboard_support.h"

namespace weft::telemetry {
namespace {

// Prints {tag: [[step, wall time, value], ...]}. The loader checks every CRC and stops at a record that is wrong.
constexpr const char* kScript = R"(
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()["scalars"]
json.dump({tag: [[e.step, e.wall_time, e.value] for e in events.Scalars(tag)] for tag in tags}, open(sys.argv[2], "w"))
)";

TEST(TensorBoardReferenceTest, ReadsBackEveryScalar) {
  const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with `tensorboard`";
  const EventFolder folder;
  ManualClock clock;
  clock.advance(std::chrono::hours(500'000));  // in 2027
  {
    TensorBoard board(folder.path() / "tb", clock);
    write_sample_run(board);
  }
  const auto script = folder.path() / "read.py", out = folder.path() / "out.json";
  std::ofstream(script) << kScript;
  const std::string command = "'" + std::string(python) + "' '" + script.string() + "' '" +
                              (folder.path() / "tb").string() + "' '" + out.string() + "' 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const auto at = [](int step, double value) { return nlohmann::json{step, 1.8e9, value}; };
  const nlohmann::json expected = {
      {"train/loss", {at(1, 0.75), at(2, 0.25)}}, {"bytes/up", {at(1, 1000), at(2, 3000)}},
      {"bytes/down", {at(1, 2000), at(2, 4000)}}, {"seconds/round", {at(1, 2.5), at(2, 1.5)}},
      {"validation/loss/a", {at(1, 0.625)}},      {"validation/loss/all sites", {at(1, 0.25)}},
  };
  std::ifstream file(out);
  EXPECT_EQ(nlohmann::json::parse(file), expected);
}

}  // namespace
}  // namespace weft::telemetry
