// The stages in order: added tokens, normalizer, added tokens that are looked for behind it, words, model.
#include "common/text/segmenter.h"

#include <algorithm>
#include <limits>

#include "common/text/utf8.h"

namespace weft::text {
namespace {

std::vector<AddedToken> raw_tokens(const TokenizerParts& parts) {
  std::vector<AddedToken> out;
  for (const auto& token : parts.added) {
    if (!token.normalized) out.push_back(token);
  }
  return out;
}

std::vector<AddedToken> normalized_tokens(const TokenizerParts& parts) {
  std::vector<AddedToken> out;
  for (auto token : parts.added) {
    if (!token.normalized) continue;
    if (parts.normalizer) {
      std::string content;
      parts.normalizer->normalize(token.content, content);
      token.content = content;
    }
    out.push_back(std::move(token));
  }
  return out;
}

}  // namespace

Segmenter::Segmenter(const TokenizerParts& parts)
    : parts_(parts), raw_(raw_tokens(parts)), normalized_(normalized_tokens(parts)) {}

void Segmenter::add_piece(const Passage& passage, std::size_t enough, Work& work, std::vector<TokenId>& ids) const {
  std::string_view ready = passage.text;
  if (parts_.normalizer) {
    work.clean.clear();
    parts_.normalizer->normalize(passage.text, work.clean);
    ready = work.clean;
  }
  work.inner.clear();
  if (normalized_.empty()) {
    work.inner.push_back({ready, -1});
  } else {
    normalized_.split(ready, work.inner);
  }
  TextPool pool;
  for (const auto& part : work.inner) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    work.words.clear();
    const bool at_start = passage.at_start && part.text.data() == ready.data();
    parts_.pre_tokenizer->split({part.text, at_start}, pool, work.words);
    parts_.model->tokenize(work.words, enough, ids);
    if (ids.size() > enough) return;
  }
}

void Segmenter::segment(std::string_view text, std::size_t enough, std::vector<TokenId>& ids) const {
  std::vector<AddedTokenFinder::Piece> pieces;
  raw_.split(text, pieces);
  Work work;
  for (const auto& piece : pieces) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
    } else {
      add_piece({piece.text, piece.text.data() == text.data()}, enough, work, ids);
    }
    if (ids.size() > enough) return;
  }
}

// A place within a piece is found by the ids of the piece's text before it: as many as begin the ids of the whole.
std::vector<std::size_t> Segmenter::segment(std::string_view text, std::span<const std::size_t> places,
                                            std::vector<TokenId>& ids) const {
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  std::vector<AddedTokenFinder::Piece> pieces;
  raw_.split(text, pieces);
  Work work;
  std::vector<std::size_t> counts;
  std::size_t begin = 0;
  std::vector<TokenId> whole, part;
  for (const auto& piece : pieces) {
    const bool at_start = begin == 0;
    const std::size_t end = begin + piece.text.size();
    whole.clear();
    if (piece.id >= 0) {
      whole.push_back(piece.id);
    } else {
      add_piece({piece.text, at_start}, kNoLimit, work, whole);
    }
    while (counts.size() < places.size() && places[counts.size()] < end) {
      part.clear();
      const std::size_t within = places[counts.size()] - begin;
      if (piece.id < 0 && within > 0) add_piece({piece.text.substr(0, within), at_start}, kNoLimit, work, part);
      const auto differ = std::mismatch(whole.begin(), whole.end(), part.begin(), part.end()).first;
      counts.push_back(ids.size() + static_cast<std::size_t>(differ - whole.begin()));
    }
    ids.insert(ids.end(), whole.begin(), whole.end());
    begin = end;
  }
  counts.resize(places.size(), ids.size());
  return counts;
}

std::string_view valid_utf8(std::string_view text, std::string& room) {
  if (find_invalid_utf8(text) == std::string_view::npos) return text;
  room.clear();
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    append_utf8(room, c.code_point);
    at += c.length;
  }
  return room;
}

}  // namespace weft::text
