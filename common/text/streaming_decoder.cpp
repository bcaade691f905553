// The last tokens are decoded again with each new one, behind a few whose text was given before: so every decoder sees
// what stands to the left, and a character is given once all of its bytes are there.
#include "common/text/streaming_decoder.h"

#include "common/text/decoder.h"

namespace weft::text {

std::string StreamingDecoder::push(TokenId id) {
  window_.push_back(id);
  const bool known = id >= 0 && static_cast<std::size_t>(id) < tokenizer_.vocabulary_size();
  if (known && (specials_ == Specials::with || !tokenizer_.is_special(id))) {
    bytes_open_ = fallback_byte(tokenizer_.token_of(id)) >= 0;
  }
  if (bytes_open_) return {};
  const std::string all = tokenizer_.decode(window_, specials_);
  if (all.size() <= given_.size() || all.ends_with("\uFFFD") || !all.starts_with(given_)) return {};
  std::string fresh = all.substr(given_.size());
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(given_tokens_));
  given_tokens_ = window_.size();
  given_ = tokenizer_.decode(window_, specials_);
  return fresh;
}

std::string StreamingDecoder::finish() {
  const std::string all = tokenizer_.decode(window_, specials_);
  std::string fresh = all.size() > given_.size() && all.starts_with(given_) ? all.substr(given_.size()) : std::string();
  window_.clear();
  given_.clear();
  given_tokens_ = 0;
  bytes_open_ = false;
  return fresh;
}

}  // namespace weft::text
