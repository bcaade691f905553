// The stages from text to ids, without what is put around them. Internal to this library.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/tokenizer_parts.h"

namespace weft::text {

class Segmenter {
 public:
  // `parts` must outlive it.
  explicit Segmenter(const TokenizerParts& parts);

  // Appends the ids of `text`, which is UTF-8, and may stop once there are more than `enough`.
  void segment(std::string_view text, std::size_t enough, std::vector<TokenId>& ids) const;
  // Same, without an end, and for each of `places`, ascending offsets into `text`, how many of all ids lie wholly
  // before.
  std::vector<std::size_t> segment(std::string_view text, std::span<const std::size_t> places,
                                   std::vector<TokenId>& ids) const;

 private:
  struct Work {
    std::vector<AddedTokenFinder::Piece> inner;
    std::string clean;
    std::vector<std::string_view> words;
  };
  void add_piece(const Passage& passage, std::size_t enough, Work& work, std::vector<TokenId>& ids) const;

  const TokenizerParts& parts_;
  AddedTokenFinder raw_, normalized_;
};

// `text` with U+FFFD for each byte that is no UTF-8; in `room` where it had to be changed.
std::string_view valid_utf8(std::string_view text, std::string& room);

}  // namespace weft::text
