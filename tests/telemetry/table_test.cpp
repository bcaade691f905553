// Tables: alignment by shown width, rules and bold cells.
#include "common/telemetry/table.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace weft::telemetry {
namespace {

Table sample() {
  Table table({"run", "tweets", "note"});
  table.add_row({"tweets alone", "96.1", "größte"});
  table.add_row({"films", "8", "x"});
  table.add_rule();
  table.add_row({"größe", "-", ""});
  return table;
}

TEST(TableTest, AlignsNumbersRightAndTextLeftByShownWidth) {
  EXPECT_EQ(sample().text(),
            "run           tweets  note\n"
            "----------------------------\n"
            "tweets alone    96.1  größte\n"
            "films              8  x\n"
            "----------------------------\n"
            "größe              -\n");
}

TEST(TableTest, BoldOnTerminalsOnlyAndOutsideTheAlignment) {
  Table table = sample();
  table.highlight(1, 1);
  EXPECT_EQ(table.text(), sample().text());
  const std::string text = table.text(Table::Style::terminal);
  EXPECT_EQ(text.substr(0, text.find('\n')), "\033[1mrun         \033[0m  \033[1mtweets\033[0m  \033[1mnote  \033[0m");
  EXPECT_NE(text.find("\nfilms         \033[1m     8\033[0m  x\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ntweets alone    96.1  größte\n"), std::string::npos) << text;
}

TEST(TableTest, AColumnWithAWordIsText) {
  Table table({"n", "unit"});
  table.add_row({"1", "1.5 MiB"});
  table.add_row({"ten", "12 %"});
  EXPECT_EQ(table.text(), "n       unit\n------------\n1    1.5 MiB\nten     12 %\n");
}

TEST(TableTest, AnEmptyTableIsItsHeader) { EXPECT_EQ(Table({"a", "b"}).text(), "a  b\n----\n"); }

TEST(TableTest, RefusesRowsOfAnotherWidth) {
  Table table({"a", "b"});
  EXPECT_ANY_THROW(table.add_row({"1"}));
  EXPECT_ANY_THROW(table.highlight(0, 0));
}

TEST(TableTest, Numbers) {
  EXPECT_EQ(fixed(0.8325, 3), "0.833");
  EXPECT_EQ(fixed(-2, 0), "-2");
  EXPECT_EQ(percent(0.8324), "83.2 %");
  EXPECT_EQ(percent(1, 0), "100 %");
  EXPECT_EQ(shown_width("größe 漢"), 7U);
}

}  // namespace
}  // namespace weft::telemetry
