// Text to token ids and back as a Hugging Face tokenizer.json describes it. Immutable after load: any thread may use
// it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weft::text {

using TokenId = std::int32_t;

enum class Specials { with, without };  // encode: what the post-processor adds. decode: all special tokens
enum class TruncationSide { right, left };
enum class TruncationStrategy { longest_first, only_first, only_second };  // of a pair

struct EncodeOptions {
  std::size_t max_tokens = 0;  // including special tokens; 0: no limit
  Specials specials = Specials::with;
  TruncationSide side = TruncationSide::right;  // where tokens are cut off
  TruncationStrategy strategy = TruncationStrategy::longest_first;
};

// Bytes begin..end of a text.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  bool operator==(const TextSpan&) const = default;
};

struct Encoding {
  std::vector<TokenId> ids;          // with special tokens
  std::vector<TokenId> type_ids;     // 0 for the first segment, 1 for the second
  std::vector<std::int32_t> words;   // encode_words only: the word that a token is of, -1 for special tokens
  std::vector<std::uint8_t> marked;  // encode_marked only: 1 for a token that ends within a span, else 0
  bool truncated = false;            // something was cut to stay within max_tokens
};

class Tokenizer {
 public:
  // Reads tokenizer.json. The file's own fixed padding and truncation are ignored. Error names the component that is
  // not supported or malformed.
  static Result<Tokenizer> load(const std::filesystem::path& tokenizer_json);
  // Same, from the file's text.
  static Result<Tokenizer> parse(std::string_view json);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Truncates to max_tokens including special tokens (0: no limit), longest segment first, as Hugging Face does. Bytes
  // that are no UTF-8 read as U+FFFD.
  Encoding encode(std::string_view text, std::size_t max_tokens = 0) const;
  Encoding encode_pair(std::string_view first, std::string_view second, std::size_t max_tokens = 0) const;
  // Throws Failure where a strategy other than longest_first cannot reach max_tokens.
  Encoding encode(std::string_view text, const EncodeOptions& options) const;
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const;
  // A text cut into words before, for labels on words. Byte-level vocabularies want add_prefix_space in their file.
  Encoding encode_words(std::span<const std::string> words, const EncodeOptions& options) const;
  // Tells which tokens end within one of the spans, which are in order and do not overlap.
  Encoding encode_marked(std::string_view text, std::span<const TextSpan> spans, const EncodeOptions& options) const;

  // Text of the ids. Lossless where the vocabulary is (byte-level BPE without a normalizer). Ids of no token are left
  // out.
  std::string decode(std::span<const TokenId> ids, Specials specials = Specials::without) const;

  std::size_t vocabulary_size() const;  // the highest id and one
  std::optional<TokenId> id_of(std::string_view token) const;
  const std::string& token_of(TokenId id) const;
  bool is_special(TokenId id) const;  // an added token that the file calls special

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::text
