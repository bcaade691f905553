// The pre-tokenizers of a tokenizer.json beside BERT's and the splitters. Each does what Hugging Face's of its name
// does.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/pre_tokenizer.h"

namespace weft::text {

// Each cuts the words of the one before.
class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> stages) : stages_(std::move(stages)) {}
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  std::vector<std::unique_ptr<PreTokenizer>> stages_;
};

// Runs of word characters and runs of what is neither that nor white space.
class WhitespaceWords final : public PreTokenizer {
 public:
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;
};

enum class PrependScheme { always, first, never };

// Blanks become `replacement`, one is put before the text, and each then begins a word.
class Metaspace final : public PreTokenizer {
 public:
  struct Options {
    std::string replacement = "\u2581";
    PrependScheme prepend = PrependScheme::always;
    bool split = true;
  };
  explicit Metaspace(Options options) : options_(std::move(options)) {}
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  Options options_;
};

// Words as bytes, or written in the byte alphabet where another stage or a model of characters follows.
class ByteLevel final : public PreTokenizer {
 public:
  struct Options {
    bool add_prefix_space = true;
    bool raw = false;                     // words stay bytes
    std::unique_ptr<PreTokenizer> words;  // null: one word
  };
  explicit ByteLevel(Options options) : options_(std::move(options)) {}
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  Options options_;
};

}  // namespace weft::text
