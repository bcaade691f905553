// Examples as numbers, by task, ready to be put together to batches. Sequences lie end to end in one array: sequence i
// is ids[starts[i]] up to ids[starts[i + 1]].
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "common/data/dataset.h"
#include "common/image/preprocessor.h"
#include "common/text/chat_template.h"
#include "common/text/tokenizer.h"

namespace weft::data {

constexpr std::int32_t kNoLoss = -100;  // the label of a token that is not learned

// Pictures of one size, decoded, resized and cropped; kept as bytes, a quarter of the floats that a batch makes of them
// (150 KB for 224 x 224).
struct EncodedImages {
  std::size_t height = 0, width = 0;
  Bytes rgb;  // picture after picture: rows of pixels of three bytes
  image::Normalizer normalizer;

  std::size_t picture_bytes() const { return 3 * height * width; }
  std::size_t size() const { return rgb.empty() ? 0 : rgb.size() / picture_bytes(); }
  ByteSpan rgb_of(std::size_t i) const { return ByteSpan(rgb).subspan(i * picture_bytes(), picture_bytes()); }
  // The pixels (3, height, width) that the model wants; `out` has as many places.
  void pixels_of(std::size_t i, std::span<float> out) const { normalizer.apply(rgb_of(i), out); }
};

// What a task does not use is empty.
struct EncodedDataset {
  std::vector<std::int32_t> ids, type_ids;
  std::vector<std::int64_t> starts{0};  // size() + 1 of them; {0} for image_classification
  std::vector<std::int32_t> labels;     // of each example: sequence_ and image_classification with one label
  std::vector<float> label_vectors;     // multi_label: of each example, for each label 1 or 0
  std::vector<float> targets;           // regression, of each example
  // Of each id. token_classification: the tag of its word at the word's first token, else kNoLoss. causal_lm: the id
  // itself where it is to be foretold from those before it, else kNoLoss; the first of a sequence is kNoLoss.
  std::vector<std::int32_t> token_labels;
  EncodedImages images;            // image_classification, image_text: of each example
  std::uint64_t truncated = 0;     // examples cut at max_tokens
  std::uint64_t without_loss = 0;  // with token_labels: examples left out since nothing of them could be learned

  // Of sequences or pictures. causal_lm: a long document gives several.
  std::size_t size() const { return starts.size() > 1 ? starts.size() - 1 : images.size(); }
  std::size_t length(std::size_t i) const { return static_cast<std::size_t>(starts[i + 1] - starts[i]); }
  std::span<const std::int32_t> ids_of(std::size_t i) const { return part_of(ids, i); }
  std::span<const std::int32_t> token_labels_of(std::size_t i) const { return part_of(token_labels, i); }
  // Adds the examples of another data set of the same task. ConfigError: its pictures are of another size.
  void append(const EncodedDataset& other);

 private:
  std::span<const std::int32_t> part_of(const std::vector<std::int32_t>& values, std::size_t i) const {
    return std::span(values).subspan(static_cast<std::size_t>(starts[i]), length(i));
  }
};

// What encoding takes from the checkpoint; a task needs the tokenizer for texts, the preprocessor for pictures, the
// template for conversations.
struct Encoders {
  const text::Tokenizer* tokenizer = nullptr;
  const image::Preprocessor* preprocessor = nullptr;
  const text::ChatTemplate* chat_template = nullptr;
};

// Texts are cut at task.max_tokens, special tokens included; documents of causal_lm into sequences of that length, the
// ids being those that the tokenizer gives for the whole document. ConfigError: a picture that cannot be decoded or is
// of another size than the others, a conversation that the template does not have.
EncodedDataset encode(const TaskConfig& task, const Encoders& encoders, const std::vector<Example>& examples);

}  // namespace weft::data
