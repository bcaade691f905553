// Ids to text as they come, for a display: whole characters only, and joined they are the text that decode() gives.
#pragma once
#include <string>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

class StreamingDecoder {
 public:
  // `tokenizer` must outlive it.
  explicit StreamingDecoder(const Tokenizer& tokenizer, Specials specials = Specials::without)
      : tokenizer_(tokenizer), specials_(specials) {}
  // The text that is certain now and was not before; often nothing while a character's bytes are still coming. A run of
  // byte tokens is certain when it has ended.
  std::string push(TokenId id);
  // What was held back: U+FFFD for a character that never became whole.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  Specials specials_;
  std::vector<TokenId> window_;  // tokens whose text was given already, as context, then those still open
  std::size_t given_tokens_ = 0;
  std::string given_;        // text of the former
  bool bytes_open_ = false;  // the last token is a byte like "<0x41>", whose run another may make no UTF-8
};

}  // namespace weft::text
