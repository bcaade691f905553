// Examples as every task sees them before tokenisation, and the three splits of a site.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/data/task_config.h"
#include "common/text/chat_template.h"

namespace weft::data {

// A picture that is not decoded yet: a PNG or JPEG file, or grey pixels that it shares with others of its file.
struct ImageRef {
  std::filesystem::path path;                     // empty for grey pixels
  std::shared_ptr<const Bytes> grey;              // 0 black to 255 white, rows from the top
  std::size_t offset = 0, width = 0, height = 0;  // of this picture's pixels in `grey`
  std::string digest;  // SHA-256 of what the picture shows; two are the same when it is. Empty: no picture

  ByteSpan grey_pixels() const { return ByteSpan(*grey).subspan(offset, width * height); }
  bool operator==(const ImageRef& other) const { return digest == other.digest; }
};

// An error says why the file cannot be read. Whether it is a picture is told when it is decoded.
Result<ImageRef> image_of_file(const std::filesystem::path& path);
ImageRef image_of_grey(std::shared_ptr<const Bytes> grey, std::size_t offset, std::size_t width, std::size_t height);

// What a task does not use stays as it is here.
struct Example {
  std::string text;                         // sequence_classification, causal_lm; image_text: the caption
  std::string text_pair;                    // second segment; empty when the task has one text
  std::int32_t label = 0;                   // index into the task's labels, where an example has exactly one
  std::vector<std::int32_t> labels;         // multi_label: ascending, may be none
  double target = 0;                        // regression
  std::vector<std::string> words;           // token_classification
  std::vector<std::int32_t> tags;           // of each word, index into the task's labels
  std::vector<text::ChatMessage> messages;  // causal_lm on conversations
  ImageRef image;                           // image_classification, image_text
  bool operator==(const Example&) const = default;
};

struct Splits {
  std::vector<Example> train, validation, test;
  bool operator==(const Splits&) const = default;
};

// What cleaning dropped, for people: printed at load and recorded.
struct CleaningReport {
  std::uint64_t read = 0, kept = 0, empty = 0, duplicate = 0, too_long = 0, unmapped = 0;

  CleaningReport& operator+=(const CleaningReport& other);
  // "read 4200, kept 3840 (dropped: 3 empty, 1 duplicate, 356 unmapped label)".
  std::string summary() const;
};

// One site's data, ready for tokenisation.
struct SiteData {
  std::string name;
  Splits splits;
  CleaningReport report;
};

// A table for people: a line per site, and per split the count of each label (multi_label: of each of the several,
// token classification: of words with each tag), or of examples where a task has no labels.
std::string label_table(const std::vector<SiteData>& sites, const TaskConfig& task);

}  // namespace weft::data
