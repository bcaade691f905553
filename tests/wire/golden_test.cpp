// The bytes of each message are those that docs/wire_format.md shows.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/wire/wire_support.h"

namespace weft::wire {
namespace {

// The hex block of each type in the page, as bytes.
std::map<std::string, Bytes> golden() {
  std::istringstream page(read_project_file("docs/wire_format.md"));
  std::map<std::string, Bytes> found;
  std::string line, type;
  while (std::getline(page, line)) {
    if (line.starts_with("```")) {
      type = line.starts_with("```hex ") ? line.substr(7) : "";
    } else if (!type.empty()) {
      for (std::size_t i = 0; i + 1 < line.size(); i += 2)
        found[type].push_back(static_cast<std::uint8_t>(std::stoul(line.substr(i, 2), nullptr, 16)));
    }
  }
  return found;
}

TEST(GoldenTest, PageShowsTheBytesOfEveryMessage) {
  const auto pages = golden();
  const auto all = examples();
  EXPECT_EQ(pages.size(), all.size());
  for (const Message& message : all) {
    const auto page = pages.find(name_of(message));
    ASSERT_NE(page, pages.end()) << name_of(message);
    EXPECT_EQ(to_hex(encode(message)), to_hex(page->second)) << name_of(message);
    const Result<Message> read = decode(page->second);
    ASSERT_TRUE(read) << name_of(message) << ": " << read.error().message;
    EXPECT_EQ(read.value().index(), message.index());
  }
}

}  // namespace
}  // namespace weft::wire
