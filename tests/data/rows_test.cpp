// The three file formats: what a row is, and which line an error names.
#include "common/data/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Cells = std::vector<std::string>;

struct Found {
  std::vector<Cells> cells;
  std::vector<std::size_t> lines;
};

Found read(Format format, std::string_view content, Cells wanted = {"a", "b"}, Cells columns = {}) {
  Found found;
  std::vector<WantedColumn> delivered;
  for (std::string& name : wanted) delivered.push_back({.name = std::move(name), .key = "data.text"});
  read_rows(format, {content, "f", std::move(columns), std::move(delivered)}, [&](const Row& row) {
    found.cells.push_back(row.cells);
    found.lines.push_back(row.line);
  });
  return found;
}

std::string error(Format format, std::string_view content, Cells wanted = {"a", "b"}, Cells columns = {}) {
  return error_of([&] { read(format, content, std::move(wanted), std::move(columns)); });
}

TEST(CsvTest, ReadsQuotesCommasAndLineBreaksWithinCells) {
  const auto found = read(Format::csv, "a,b\n\"x, \"\"y\"\"\",1\n\"two\nlines\",2\n,\n\"\",\"4\"");
  EXPECT_THAT(found.cells,
              ElementsAre(Cells{"x, \"y\"", "1"}, Cells{"two\nlines", "2"}, Cells{"", ""}, Cells{"", "4"}));
  EXPECT_THAT(found.lines, ElementsAre(2, 3, 5, 6));
}

TEST(CsvTest, TakesCrlfByteOrderMarkAndBlankLines) {
  const auto found = read(Format::csv, "\xEF\xBB\xBFnot,b,a\r\n\r\n1,\"2\r\n3\",4\r\n\n5,6,7\r\n");
  EXPECT_THAT(found.cells, ElementsAre(Cells{"4", "2\r\n3"}, Cells{"7", "6"}));
  EXPECT_THAT(found.lines, ElementsAre(3, 6));
}

TEST(CsvTest, AQuotedEmptyCellIsNoBlankLine) {
  EXPECT_THAT(read(Format::csv, "a\n\"\"\n\nx\n", {"a"}).cells, ElementsAre(Cells{""}, Cells{"x"}));
}

TEST(CsvTest, NamesTheLineOfARaggedRow) {
  EXPECT_EQ(error(Format::csv, "a,b\n\"1\n1\",2\n3\n"), "f:4: got 1 columns, expected 2 (a, b); correct the line");
  EXPECT_THAT(error(Format::csv, "a,b\n1,2,\n"), HasSubstr("f:2: got 3 columns, expected 2"));
}

TEST(CsvTest, NamesTheLineOfBrokenQuotes) {
  EXPECT_THAT(error(Format::csv, "a,b\n1,2\n\"3\n,4\n5,6\n"), HasSubstr("f:3: a quoted cell that never ends"));
  EXPECT_THAT(error(Format::csv, "a,b\nx\"y,2\n"), HasSubstr("f:2: a quote within an unquoted cell"));
  EXPECT_THAT(error(Format::csv, "a,b\n\"x\ny\"z,2\n"), HasSubstr("f:3: text after a closing quote"));
  EXPECT_THAT(error(Format::csv, "a,b\n1,2\n3\r4,5\n"), HasSubstr("f:3: a carriage return within a line"));
}

TEST(TsvTest, QuotesAreOrdinaryAndEmptyCellsStay) {
  const auto found = read(Format::tsv, "\xEF\xBB\xBF\"x\t\t1\r\n\r\n\ty\"\t\n", {"b", "a"}, {"a", "b", "c"});
  EXPECT_THAT(found.cells, ElementsAre(Cells{"", "\"x"}, Cells{"y\"", ""}));
  EXPECT_THAT(found.lines, ElementsAre(1, 3));
}

TEST(TsvTest, NamesTheLineOfARaggedRow) {
  EXPECT_EQ(error(Format::tsv, "a\tb\n1\t2\n\n1\t2\t3"), "f:4: got 3 columns, expected 2 (a, b); correct the line");
}

TEST(RowsTest, SaysWhichColumnsThereAre) {
  EXPECT_EQ(error(Format::tsv, "a\tc\n1\t2\n"),
            "f:1: no column \"b\", the columns are: a, c; say in data.text which is meant, or, if the first line is no "
            "header, name the columns in data.columns");
  EXPECT_THAT(error(Format::csv, "1,2\n", {"b"}, {"a", "c"}),
              HasSubstr("data.text which is meant, or correct data.columns"));
  EXPECT_THAT(error(Format::csv, "a,b,a\n1,2,3\n"), HasSubstr("f:1: column \"a\" is there twice"));
}

TEST(RowsTest, NamesTheLineOfABadByte) {
  for (const Format format : {Format::tsv, Format::csv, Format::jsonl})
    EXPECT_THAT(error(format, "a\tb\nx\xE9\t2\n"), HasSubstr("f:2: byte 0xe9 is not UTF-8; convert the file"));
}

TEST(RowsTest, AnEmptyFileHasNoRows) {
  for (const Format format : {Format::tsv, Format::csv, Format::jsonl})
    for (const char* content : {"", "\n\r\n", "\xEF\xBB\xBF"}) EXPECT_TRUE(read(format, content).cells.empty());
}

TEST(JsonlTest, ReadsTextsNumbersAndBooleans) {
  const auto found = read(Format::jsonl,
                          "\xEF\xBB\xBF{\"a\": \"x\\ny \\u00e9\", \"b\": 1.5, \"c\": []}\r\n\n"
                          "{\"b\": true, \"a\": null}");
  EXPECT_THAT(found.cells, ElementsAre(Cells{"x\ny é", "1.5"}, Cells{"", "true"}));
  EXPECT_THAT(found.lines, ElementsAre(1, 3));
}

TEST(JsonlTest, NamesTheLineOfBadJson) {
  EXPECT_EQ(error(Format::jsonl, "{\"a\": 1, \"b\": 2}\n{\"a\": 1,\n"),
            "f:2: not JSON; each line must be one whole object");
  EXPECT_THAT(error(Format::jsonl, "{\"a\": \"\\ud800\", \"b\": 2}\n"), HasSubstr("f:1: not JSON"));
  EXPECT_THAT(error(Format::jsonl, "a,b\n1,2\n"), HasSubstr("data.format: csv"));
  EXPECT_THAT(error(Format::jsonl, "a, b\tc\n"), HasSubstr("data.format: tsv"));
  EXPECT_THAT(error(Format::jsonl, "{\"a\": " + std::string(70, '[') + std::string(70, ']') + ", \"b\": 1}\n"),
              HasSubstr("f:1: not JSON"));
  EXPECT_THAT(error(Format::jsonl, "\n[1]\n"), HasSubstr("f:2: got a JSON array, expected an object"));
  EXPECT_THAT(error(Format::jsonl, "{\"a\": 1}\n"),
              HasSubstr("f:1: no value for \"b\", the keys are: \"a\"; say in data.text which"));
  EXPECT_THAT(error(Format::jsonl, "{\"a\": {}, \"b\": 1}\n"), HasSubstr("\"a\" is of type object, expected"));
}

}  // namespace
}  // namespace weft::data
