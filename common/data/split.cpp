// Hashes of examples. Those of texts must never change: they say which examples a model was tested on.
#include "common/data/split.h"

#include <charconv>

#include "common/base/digest.h"

namespace weft::data {
namespace {

// The length of a text stands before it, so that no others run together to the same bytes.
void add(Sha256& hash, std::string_view text) {
  hash.update(as_bytes(std::to_string(text.size()) + ":")).update(as_bytes(text));
}

// What the split goes by. The pair needs no length: it is the end.
void add_content(Sha256& hash, const Example& example) {
  if (!example.image.digest.empty()) {
    hash.update(as_bytes("image:" + example.image.digest));
    return;
  }
  for (const auto& word : example.words) add(hash, word);
  for (const auto& message : example.messages) {
    add(hash, message.role);
    add(hash, message.content);
  }
  if (!example.words.empty() || !example.messages.empty()) return;
  add(hash, example.text);
  hash.update(as_bytes(example.text_pair));
}

}  // namespace

std::string copy_hash(const Example& example) {
  Sha256 hash;
  add_content(hash, example);
  if (!example.image.digest.empty()) add(hash, example.text);
  return hash.hex();
}

Split split_of(const Example& example, double validation, double test) {
  Sha256 hash;
  add_content(hash, example);
  // The first 13 hexadecimal digits are 52 bits, which a double holds exactly.
  const std::string digits = hash.hex().substr(0, 13);
  std::uint64_t bits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  const double place = static_cast<double>(bits) / 0x1p52;
  if (place < validation) return Split::validation;
  return place < validation + test ? Split::test : Split::train;
}

Splits split(std::vector<Example> examples, double validation, double test) {
  Splits out;
  for (auto& example : examples) {
    switch (split_of(example, validation, test)) {
      case Split::train:
        out.train.push_back(std::move(example));
        break;
      case Split::validation:
        out.validation.push_back(std::move(example));
        break;
      case Split::test:
        out.test.push_back(std::move(example));
        break;
    }
  }
  return out;
}

}  // namespace weft::data
