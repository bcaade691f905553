// How data files become examples: the `data:` block of a run or site file. Which keys it has follows from the task.
//
//   data:
//     format: tsv                       # see Format below
//     file: mine.tsv                    # or files: [a.tsv, b.tsv.gz]; in a run file `sites:` instead, see partition.h
//     columns: [id, rating, text]       # tsv, csv and conll without a header line
//     max_characters: 100000            # longer texts are dropped
//     split: {validation: 0.1, test: 0.1}
//
// Of sequence_classification:
//     text: text
//     text_pair: other                  # optional second segment
//     label: {column: rating, ranges: {negative: {below: -0.2}, positive: {above: 0.2}}, unmapped: drop}
//                                       # or map: {good: positive}; neither: the labels' own names
//     label: {column: topics, separator: ","}        # multi_label; in jsonl also an array
//     label: {column: score}                         # regression: a number
// Of token_classification:
//     words: words                      # an array in jsonl, else words between spaces; conll: the column of words
//     tags: tags                        # as many
//     label: {map: {B-PER: person}, unmapped: drop}
// Of causal_lm:
//     text: text                        # each row a document; it may be longer than max_tokens
//     documents: paragraphs             # of format text; or lines, file
//     messages: messages                # with task.template: an array of {role, content}; or, of one question each,
//     prompt: question
//     response: answer
// Of image_classification:
//     image: image                      # a path relative to the data file
//     label: {column: label}            # for idx and pixels the labels' numbers unless mapped
//     pixels: {width: 28, height: 28, white: 255, label: last}     # of format pixels; the defaults are found in the
//     file
// Of image_text:
//     image: image
//     text: text                        # the caption
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_view.h"
#include "common/data/task_config.h"

namespace weft::data {

// Any file may be compressed with gzip.
//   tsv, csv, jsonl   rows with columns, see rows.h
//   conll             a word and its tags a line, an empty line after each sentence
//   text              plain text
//   idx               pixels as MNIST has them, with the labels in the file whose name has `labels-idx1` in place of
//                     `images-idx3`
//   pixels            comma-separated numbers, a picture a line: its pixels and its label
//   image_folder      a folder with a sub-folder of pictures for each class
enum class Format { tsv, csv, jsonl, conll, text, idx, pixels, image_folder };
const std::string& name_of(Format format);
// Whether rows have named columns, so that one of them may divide the rows into sites.
bool has_columns(Format format);

// How a cell of the label column becomes a class index.
struct LabelRule {
  struct Range {
    std::int32_t label = 0;
    double above = -std::numeric_limits<double>::infinity();  // exclusive, as is below
    double below = std::numeric_limits<double>::infinity();
  };
  std::string column;
  std::map<std::string, std::int32_t, std::less<>> words;  // `map`; the label names themselves when neither is given
  std::vector<Range> ranges;
  std::string separator = ",";  // multi_label: between labels of a cell
  bool drop_unmapped = false;   // else a ConfigError at the line

  std::optional<std::int32_t> label_of(std::string_view cell) const;
  std::string expected_text() const;  // ": expected \"yes\", \"no\""; empty without words
};

enum class Documents { paragraphs, lines, file };

struct PixelRule {
  std::size_t width = 0, height = 0;  // 0: a square
  double white = 0;                   // 0: the file's largest value
  bool label_first = false;
};

struct DataConfig {
  TaskConfig task;
  Format format = Format::tsv;
  std::vector<std::string> columns;  // empty: the first line of a tsv or csv file names them
  std::string text_column = "text";
  std::string pair_column;  // empty: one text
  std::string words_column = "words", tags_column = "tags";
  std::string messages_column = "messages";  // empty: prompt and response
  std::string prompt_column, response_column;
  std::string image_column = "image";
  LabelRule label;
  Documents documents = Documents::paragraphs;
  PixelRule pixels;
  std::size_t max_characters = 100'000;      // Unicode characters, text and pair each, all messages; 0: no limit
  double validation = 0.1, test = 0.1;       // parts of all examples
  std::vector<std::filesystem::path> files;  // of a site; empty when the run file's `sites:` names them
};

// Reads the block. Its `sites:` is left to SitesConfig. ConfigError on nonsense.
DataConfig parse_data_config(const YamlView& data, const TaskConfig& task);
// What can be told of a site's block before its task is known: ConfigError for keys that no task has, for values that
// none would take, and for files that are not there. All keys count as asked for: parse a fresh view afterwards.
void check_data_block(const YamlView& data);

// `files: [a, b]` or `file: a` of a block; empty when neither is there.
std::vector<std::filesystem::path> files_of(const YamlView& view);

}  // namespace weft::data
