// Stop strings are found wherever the pieces of a text are cut.
#include "common/text/stop_strings.h"

#include <gtest/gtest.h>

namespace weft::text {
namespace {

// The text given out when it comes in pieces of `size` bytes, and whether it was stopped.
std::pair<std::string, bool> through(StopStrings stops, std::string_view text, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += size) out += stops.push(text.substr(i, size));
  const bool found = stops.found();
  return {out + stops.finish(), found};
}

TEST(StopStringsTest, EndsBeforeTheFirstOneHoweverTheTextIsCut) {
  for (std::size_t size = 1; size < 30; ++size) {
    using Expected = std::pair<std::string, bool>;
    EXPECT_EQ(through(StopStrings({"\nUser:", "##"}), "Hello.\nUser: and ## more", size), Expected("Hello.", true));
    EXPECT_EQ(through(StopStrings({"aab"}), "aaaab!", size), Expected("aa", true));
    EXPECT_EQ(through(StopStrings({"END"}), "the EN is not it, nor EN", size),
              Expected("the EN is not it, nor EN", false));
    EXPECT_EQ(through(StopStrings({""}), "anything", size), Expected("anything", false));
  }
}

TEST(StopStringsTest, HoldsBackOnlyWhatMayBeOne) {
  StopStrings stops({"stop"});
  EXPECT_EQ(stops.push("we st"), "we ");
  EXPECT_EQ(stops.push("art"), "start");
  EXPECT_EQ(stops.push("s"), "");
  EXPECT_EQ(stops.finish(), "s");
}

TEST(StopStringsTest, GivesNothingOnceFound) {
  StopStrings stops({"x"});
  EXPECT_EQ(stops.push("axb"), "a");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.finish(), "");
}

}  // namespace
}  // namespace weft::text
