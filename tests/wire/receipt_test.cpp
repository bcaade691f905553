// A receipt survives its text, what is signed names every fact, and no other text is taken for a receipt.
#include "common/wire/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/wire/wire_support.h"

namespace weft::wire {
namespace {

using testing::HasSubstr;

Receipt example() {
  return {.run_id = std::string(32, 'c'),
          .round = 3,
          .site = "clinic-b",
          .digest = std::string(64, 'b'),
          .examples = 1024,
          .record = std::string(64, 'a'),
          .signature = "00ff",
          .certificate = "-----BEGIN CERTIFICATE-----\n"};
}

TEST(ReceiptTest, StatementIsAsThePageSays) {
  std::string page = read_project_file("docs/wire_format.md");
  std::string expected = receipt_statement(example());
  for (const auto& [field, value] : {std::pair<std::string, std::string>{"RUN_ID", std::string(32, 'c')},
                                     {"ROUND", "3"},
                                     {"NAME", "clinic-b"},
                                     {"DIGEST", std::string(64, 'b')},
                                     {"EXAMPLES", "1024"},
                                     {"RECORD", std::string(64, 'a')}})
    expected.replace(expected.find(" " + value + "\n") + 1, value.size(), field);
  std::string indented;
  for (const char c : expected)
    indented += (indented.empty() || indented.back() == '\n' ? "    " : "") + std::string(1, c);
  EXPECT_THAT(page, HasSubstr(indented));
}

TEST(ReceiptTest, StatementChangesWithEveryFact) {
  const std::vector<std::function<void(Receipt&)>> changes{
      [](Receipt& r) { r.run_id[0] = 'd'; },   [](Receipt& r) { r.round = 4; },
      [](Receipt& r) { r.site = "clinic-c"; }, [](Receipt& r) { r.digest[0] = 'd'; },
      [](Receipt& r) { r.examples = 1; },      [](Receipt& r) { r.record[0] = 'd'; }};
  for (const auto& change : changes) {
    Receipt other = example();
    change(other);
    EXPECT_NE(receipt_statement(other), receipt_statement(example()));
  }
}

TEST(ReceiptTest, ReadsBackWhatWasWritten) {
  const Result<Receipt> again = receipt_from_json(to_json(example()));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again.value(), example());
}

TEST(ReceiptTest, NamesWhatIsNoReceipt) {
  const auto fault = [](const std::string& text) {
    const Result<Receipt> receipt = receipt_from_json(text);
    return receipt ? "" : receipt.error().message;
  };
  const std::string whole = to_json(example());
  for (std::size_t size = 0; size + 2 < whole.size(); ++size)
    EXPECT_THAT(fault(whole.substr(0, size)), HasSubstr("not a receipt"));
  EXPECT_THAT(fault(std::string(100'000, '[')), HasSubstr("not a receipt"));
  Receipt bad = example();
  bad.site = "clinic b";
  EXPECT_THAT(fault(to_json(bad)), HasSubstr("malformed"));
  bad = example();
  bad.signature = "0";
  EXPECT_THAT(fault(to_json(bad)), HasSubstr("malformed"));
}

TEST(ReceiptTest, HexIsReadBothWays) {
  EXPECT_EQ(bytes_of_hex("00ff7f"), (Bytes{0, 0xff, 0x7f}));
  for (const auto* bad : {"0", "0g", "FF", "ff "}) EXPECT_TRUE(bytes_of_hex(bad).empty()) << bad;
}

}  // namespace
}  // namespace weft::wire
