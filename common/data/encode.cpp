// Tokenising once, before training.
#include "common/data/encode.h"

namespace weft::data {

EncodedDataset encode(const text::Tokenizer& tokenizer, const std::vector<Example>& examples, std::size_t max_tokens) {
  EncodedDataset out;
  out.starts.reserve(examples.size() + 1);
  out.labels.reserve(examples.size());
  for (const auto& example : examples) {
    const text::Encoding encoding = example.text_pair.empty()
                                        ? tokenizer.encode(example.text, max_tokens)
                                        : tokenizer.encode_pair(example.text, example.text_pair, max_tokens);
    out.ids.insert(out.ids.end(), encoding.ids.begin(), encoding.ids.end());
    out.type_ids.insert(out.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    out.starts.push_back(static_cast<std::int64_t>(out.ids.size()));
    out.labels.push_back(example.label);
    out.truncated += encoding.truncated ? 1 : 0;
  }
  return out;
}

}  // namespace weft::data
