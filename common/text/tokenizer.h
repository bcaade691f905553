// Text to token ids as a Hugging Face tokenizer.json describes it. Immutable after load: any thread may encode.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weft::text {

using TokenId = std::int32_t;

struct Encoding {
  std::vector<TokenId> ids;       // with special tokens
  std::vector<TokenId> type_ids;  // 0 for the first segment, 1 for the second
  bool truncated = false;         // something was cut to stay within max_tokens
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

  // Truncates to max_tokens including special tokens (0: no limit), longest segment first, as Hugging Face does.
  Encoding encode(std::string_view text, std::size_t max_tokens = 0) const;
  Encoding encode_pair(std::string_view first, std::string_view second, std::size_t max_tokens = 0) const;
  std::size_t vocabulary_size() const;
  std::optional<TokenId> id_of(std::string_view token) const;
  const std::string& token_of(TokenId id) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::text
