// Viterbi's algorithm over the places of a word, each token found in a trie.
#include "common/text/unigram.h"

#include <algorithm>
#include <cstdio>

#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst score

Vocabulary tokens_of(const std::vector<std::pair<std::string, double>>& vocabulary) {
  Vocabulary out;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) out.emplace_back(vocabulary[i].first, static_cast<TokenId>(i));
  return out;
}

std::vector<ByteTrie::Key> last_first(Vocabulary vocabulary) {
  std::reverse(vocabulary.begin(), vocabulary.end());
  return vocabulary;
}

}  // namespace

Unigram::Unigram(const std::vector<std::pair<std::string, double>>& vocabulary, UnigramOptions options)
    : options_(options), table_(tokens_of(vocabulary)), trie_(last_first(tokens_of(vocabulary))) {
  for (const auto& entry : vocabulary) scores_.push_back(entry.second);
  if (!scores_.empty()) unknown_score_ = *std::min_element(scores_.begin(), scores_.end()) - kUnknownPenalty;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::array<char, 8> name{};
    (void)std::snprintf(name.data(), name.size(), "<0x%02X>", byte);
    byte_tokens_[byte] = table_.find(name.data());
  }
}

void Unigram::tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const {
  std::vector<Node> best;
  std::vector<std::string_view> tokens;
  for (std::string_view word : words) {
    tokenize_one(word, best, tokens, ids);
    if (ids.size() > enough) return;
  }
}

void Unigram::cut(std::string_view word, std::vector<Node>& best) const {
  best.assign(word.size() + 1, {});
  const auto offer = [&](std::size_t begin, std::size_t end, double score, TokenId id) {
    Node& node = best[end];
    score += best[begin].score;
    if (node.id < 0 || score > node.score) node = {score, static_cast<std::uint32_t>(begin), id};
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = decode_utf8(word, at).length;
    bool covered = false;  // the character is a token
    std::uint32_t node = ByteTrie::root();
    for (std::size_t end = at; end < word.size();) {
      node = trie_.step(node, static_cast<unsigned char>(word[end++]));
      if (node == ByteTrie::kNone) break;
      const TokenId id = trie_.id_at(node);
      if (id < 0) continue;
      offer(at, end, scores_[static_cast<std::size_t>(id)], id);
      covered = covered || end == at + length;
    }
    if (!covered) {
      if (!options_.unknown) {
        throw Failure("tokenizer: the vocabulary lacks \"" + std::string(word.substr(at, length)) +
                      "\" and the file has no unk_id; use a tokenizer.json that names one");
      }
      offer(at, at + length, unknown_score_, *options_.unknown);
    }
    at += length;
  }
}

void Unigram::add_text(std::string_view token, std::vector<TokenId>& ids) const {
  if (const TokenId id = table_.find(token); id >= 0) {
    ids.push_back(id);
    return;
  }
  const auto byte_token = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  if (options_.byte_fallback && std::all_of(token.begin(), token.end(), [&](char c) { return byte_token(c) >= 0; })) {
    for (char c : token) ids.push_back(byte_token(c));
    return;
  }
  ids.push_back(*options_.unknown);
}

void Unigram::tokenize_one(std::string_view word, std::vector<Node>& best, std::vector<std::string_view>& tokens,
                           std::vector<TokenId>& ids) const {
  if (word.empty()) return;
  cut(word, best);
  // From the end; neighbouring unknown characters are one text, which is then looked up once more.
  constexpr TokenId kUnknown = -1;
  const std::size_t before = ids.size();
  tokens.clear();
  for (std::size_t end = word.size(); end > 0;) {
    const Node& node = best[end];
    const std::string_view text = word.substr(node.begin, end - node.begin);
    const bool unknown = options_.unknown && node.id == *options_.unknown;
    if (unknown && ids.size() > before && ids.back() == kUnknown) {
      tokens.back() = {text.data(), text.size() + tokens.back().size()};
    } else {
      ids.push_back(unknown ? kUnknown : node.id);
      if (unknown) tokens.push_back(text);
    }
    end = node.begin;
  }
  std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
  if (tokens.empty()) return;
  std::vector<TokenId> known(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
  ids.resize(before);
  for (const TokenId id : known) {
    if (id != kUnknown) {
      ids.push_back(id);
      continue;
    }
    add_text(tokens.back(), ids);
    tokens.pop_back();
  }
}

}  // namespace weft::text
