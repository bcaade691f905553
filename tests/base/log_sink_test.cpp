// Lines of the log can be led elsewhere, and back.
#include "common/base/log_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/log.h"

namespace weft::log {
namespace {

using testing::ElementsAre;
using testing::EndsWith;

TEST(LogSinkTest, TakesEveryLineWhileItIsSet) {
  std::vector<std::string> lines;
  set_sink([&](std::string_view line) { lines.emplace_back(line); });
  warn("one");
  error("two\nlines");
  set_sink(nullptr);
  warn("three, for stderr");
  EXPECT_THAT(lines, ElementsAre(EndsWith("one"), EndsWith("two\n    lines")));
}

}  // namespace
}  // namespace weft::log
