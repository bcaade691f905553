// Which texts may reach a JSON parser.
#include "common/base/json_depth.h"

#include <gtest/gtest.h>

#include <string>

namespace weft {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonDepthTest, PassesOnWhatNestsLittle) {
  for (const std::string& text : {std::string(), std::string("{}"), nested(64), nested(10) + nested(60),
                                  "[" + nested(63) + "," + nested(63) + "]", std::string(R"({"a": [1, "]"]})")})
    EXPECT_EQ(shallow_json(text), text);
}

TEST(JsonDepthTest, RefusesWhatNestsDeeply) {
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += R"({"a":)";
  for (const std::string& text : {nested(65), objects, std::string(1 << 20, '['), "]]]" + std::string(65, '{')})
    EXPECT_EQ(shallow_json(text), "");
}

TEST(JsonDepthTest, BracketsInStringsDoNotCount) {
  const std::string brackets(100, '[');
  for (const std::string& text :
       {"[\"" + brackets + "\"]", "[\"\\\"" + brackets + "\"]", "\"" + brackets, std::string("\"\\")})
    EXPECT_EQ(shallow_json(text), text);
  EXPECT_EQ(shallow_json("\"\\\\\"" + brackets), "");  // an escaped backslash, then the end of the string
}

}  // namespace
}  // namespace weft
