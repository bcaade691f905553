// Most words are one token, which a table tells; the others are merged.
#include "common/text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <queue>

#include "common/text/byte_alphabet.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr std::string_view kBlank = "\u2581";
constexpr std::size_t kFew = 48;  // symbols up to which looking at all of them is faster than a queue

std::array<TokenId, 256> find_byte_tokens(const TokenTable& table) {
  std::array<TokenId, 256> out{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::array<char, 8> name{};
    (void)std::snprintf(name.data(), name.size(), "<0x%02X>", byte);
    out[byte] = table.find(name.data());
  }
  return out;
}

struct Candidate {
  std::uint32_t rank, at;
  TokenId id;
  bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
};

}  // namespace

struct Bpe::Work {
  std::vector<TokenId> symbols;
  std::vector<Merge> next;                 // of a symbol and the one behind it
  std::vector<std::uint32_t> left, right;  // neighbours
  std::vector<Candidate> queue;
};

Bpe::Bpe(const Vocabulary& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
         BpeOptions options)
    : options_(std::move(options)), merges_(merges.size()) {
  const TokenTable table(vocabulary);
  add_merges(table, merges);
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const std::string_view prefix = (i & 1U) != 0 ? std::string_view{} : options_.continuing_prefix;
    const std::string_view suffix = (i & 2U) != 0 ? options_.end_suffix : std::string_view{};
    units_[i] = units_with(vocabulary, prefix, suffix);
  }
  byte_tokens_ = find_byte_tokens(table);
  cut_before_blank_ = !options_.bytes && !options_.ignore_merges && options_.end_suffix.empty() &&
                      options_.continuing_prefix.empty() && units_[0].find(0x2581) >= 0 && !crosses_blank(vocabulary);
  whole_ = TokenTable(whole_words(vocabulary));
}

void Bpe::add_merges(const TokenTable& table, const std::vector<std::pair<std::string, std::string>>& merges) {
  const auto require = [&](const std::string& token) {
    const TokenId id = table.find(token);
    if (id < 0) throw Failure("tokenizer.json: model.merges: \"" + token + "\" is not in the vocabulary");
    return id;
  };
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto& [first, second] = merges[i];
    if (second.size() < options_.continuing_prefix.size()) {
      throw Failure("tokenizer.json: model.merges: \"" + second + "\" is shorter than continuing_subword_prefix");
    }
    const std::string joined = first + second.substr(options_.continuing_prefix.size());
    merges_.insert(require(first), require(second), {static_cast<std::uint32_t>(i), require(joined)});
  }
}

Bpe::Units Bpe::units_with(const Vocabulary& vocabulary, std::string_view prefix, std::string_view suffix) const {
  Units out;
  for (const auto& [token, id] : vocabulary) {
    std::string_view inner = token;
    if (inner.size() <= prefix.size() + suffix.size() || !inner.starts_with(prefix) || !inner.ends_with(suffix))
      continue;
    inner = inner.substr(prefix.size(), inner.size() - prefix.size() - suffix.size());
    const Decoded c = decode_utf8(inner, 0);
    if (!c.valid || c.length != inner.size()) continue;
    char32_t unit = c.code_point;
    if (options_.bytes) {
      const auto byte = character_byte(unit);
      if (!byte) continue;
      unit = *byte;
    }
    if (unit >= out.ids.size()) out.ids.resize(unit + 1, -1);
    out.ids[unit] = id;
  }
  return out;
}

bool Bpe::crosses_blank(const Vocabulary& vocabulary) const {
  return std::any_of(vocabulary.begin(), vocabulary.end(), [](const auto& entry) {
    const std::string_view token = entry.first;
    for (std::size_t at = token.find(kBlank, 1); at != std::string_view::npos; at = token.find(kBlank, at + 1)) {
      if (!token.substr(0, at).ends_with(kBlank)) return true;
    }
    return false;
  });
}

// The words that become one token, with it.
Vocabulary Bpe::whole_words(const Vocabulary& vocabulary) const {
  Vocabulary out;
  Work work;
  std::vector<TokenId> ids;
  for (const auto& [token, id] : vocabulary) {
    std::string_view inner = token;
    if (!options_.ignore_merges) {
      if (inner.size() <= options_.end_suffix.size() || !inner.ends_with(options_.end_suffix)) continue;
      inner.remove_suffix(options_.end_suffix.size());
    }
    auto word = options_.bytes ? from_byte_characters(inner) : std::optional(std::string(inner));
    if (!word || word->empty()) continue;
    ids.clear();
    if (!options_.ignore_merges) tokenize_one(*word, work, ids);
    if (options_.ignore_merges || (ids.size() == 1 && ids[0] == id)) out.emplace_back(std::move(*word), id);
  }
  return out;
}

void Bpe::tokenize(std::span<const std::string_view> words, std::size_t enough, std::vector<TokenId>& ids) const {
  Work work;
  const auto add = [&](std::string_view word) {
    const TokenId whole = whole_.find(word);
    if (whole >= 0)
      ids.push_back(whole);
    else
      tokenize_one(word, work, ids);
  };
  for (std::string_view word : words) {
    std::size_t begin = 0;
    if (cut_before_blank_) {
      for (std::size_t at = word.find(kBlank, 1); at != std::string_view::npos; at = word.find(kBlank, at + 1)) {
        if (word.substr(0, at).ends_with(kBlank)) continue;
        add(word.substr(begin, at - begin));
        begin = at;
        if (ids.size() > enough) return;
      }
    }
    add(word.substr(begin));
    if (ids.size() > enough) return;
  }
}

// `bytes` are a unit's, with what is put around it.
void Bpe::add_unknown(std::string_view bytes, bool& pending, std::vector<TokenId>& symbols) const {
  if (options_.byte_fallback && std::all_of(bytes.begin(), bytes.end(),
                                            [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)] >= 0; })) {
    for (char c : bytes) symbols.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
    return;
  }
  if (!options_.unknown) return;
  if (pending && !options_.fuse_unknown) symbols.push_back(*options_.unknown);
  pending = true;
}

void Bpe::to_symbols(std::string_view word, std::vector<TokenId>& symbols) const {
  bool pending = false;  // an unknown token, not added yet as it may grow
  for (std::size_t at = 0; at < word.size();) {
    const auto byte = static_cast<unsigned char>(word[at]);
    const Decoded c = options_.bytes || byte < 0x80 ? Decoded{byte, 1, true} : decode_utf8(word, at);
    const bool first = at == 0, last = at + c.length == word.size();
    const TokenId id = units_[(first ? 1U : 0U) | (last ? 2U : 0U)].find(c.code_point);
    if (id >= 0) {
      if (pending) symbols.push_back(*options_.unknown);
      pending = false;
      symbols.push_back(id);
    } else {
      std::string text = first ? std::string() : options_.continuing_prefix;
      text += word.substr(at, c.length);
      if (last) text += options_.end_suffix;
      add_unknown(text, pending, symbols);
    }
    at += c.length;
  }
  if (pending) symbols.push_back(*options_.unknown);
}

void Bpe::tokenize_one(std::string_view word, Work& work, std::vector<TokenId>& ids) const {
  work.symbols.clear();
  to_symbols(word, work.symbols);
  if (work.symbols.size() > kFew)
    merge_many(work);
  else if (work.symbols.size() > 1)
    merge_few(work);
  ids.insert(ids.end(), work.symbols.begin(), work.symbols.end());
}

void Bpe::merge_few(Work& work) const {
  auto& symbols = work.symbols;
  auto& next = work.next;
  next.resize(symbols.size());
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) next[i] = merges_.find(symbols[i], symbols[i + 1]);
  std::size_t count = symbols.size();
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) best = next[i].rank < next[best].rank ? i : best;
    if (next[best].rank == Merge::kNever) break;
    symbols[best] = next[best].id;
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      next[i] = next[i + 1];
    }
    --count;
    if (best > 0) next[best - 1] = merges_.find(symbols[best - 1], symbols[best]);
    if (best + 1 < count) next[best] = merges_.find(symbols[best], symbols[best + 1]);
  }
  symbols.resize(count);
}

void Bpe::merge_many(Work& work) const {
  auto& symbols = work.symbols;
  const auto count = static_cast<std::uint32_t>(symbols.size());
  constexpr TokenId kGone = -1;
  work.left.resize(count);
  work.right.resize(count);
  work.queue.clear();
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>{}, std::move(work.queue));
  const auto offer = [&](std::uint32_t at) {
    if (at >= count || work.right[at] >= count) return;
    const Merge merge = merges_.find(symbols[at], symbols[work.right[at]]);
    if (merge.rank != Merge::kNever) queue.push({merge.rank, at, merge.id});
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    work.left[i] = i == 0 ? count : i - 1;
    work.right[i] = i + 1;
  }
  for (std::uint32_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    if (symbols[top.at] == kGone || work.right[top.at] >= count) continue;
    const std::uint32_t gone = work.right[top.at];
    const Merge now = merges_.find(symbols[top.at], symbols[gone]);
    if (now.rank != top.rank) continue;  // one of the two has changed since
    symbols[top.at] = top.id;
    symbols[gone] = kGone;
    work.right[top.at] = work.right[gone];
    if (work.right[gone] < count) work.left[work.right[gone]] = top.at;
    offer(top.at);
    offer(work.left[top.at]);
  }
  std::erase(symbols, kGone);
}

}  // namespace weft::text
