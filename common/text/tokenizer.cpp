// The stages in order: added tokens, normalizer, words, model, truncation, special tokens.
#include "common/text/tokenizer.h"

#include <limits>
#include <unordered_map>

#include "common/base/file.h"
#include "common/text/tokenizer_parts.h"

namespace weft::text {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20U;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

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

struct Tokenizer::Impl {
  explicit Impl(TokenizerParts from)
      : parts(std::move(from)), raw(raw_tokens(parts)), normalized(normalized_tokens(parts)) {
    for (const auto& token : parts.added) added_ids.emplace(token.content, token.id);
  }

  // Appends the ids of `text`, stopping soon after there are more than `enough`.
  void segment(std::string_view text, std::size_t enough, std::vector<TokenId>& ids) const {
    std::vector<AddedTokenFinder::Piece> pieces, inner;
    raw.split(text, pieces);
    std::string clean;
    std::vector<std::string_view> words;
    for (const auto& piece : pieces) {
      if (ids.size() > enough) return;
      if (piece.id >= 0) {
        ids.push_back(piece.id);
        continue;
      }
      std::string_view ready = piece.text;
      if (parts.normalizer) {
        clean.clear();
        parts.normalizer->normalize(piece.text, clean);
        ready = clean;
      }
      inner.clear();
      if (normalized.empty()) {
        inner.push_back({ready, -1});
      } else {
        normalized.split(ready, inner);
      }
      for (const auto& part : inner) {
        if (part.id >= 0) {
          ids.push_back(part.id);
          continue;
        }
        words.clear();
        parts.pre_tokenizer->split(part.text, words);
        for (std::string_view word : words) {
          parts.model->tokenize(word, ids);
          if (ids.size() > enough) return;
        }
      }
    }
  }

  TokenizerParts parts;
  AddedTokenFinder raw, normalized;
  std::unordered_map<std::string, TokenId> added_ids;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  auto text = read_text(tokenizer_json);
  if (!text) return text.error();
  auto tokenizer = parse(*text);
  if (!tokenizer) return Error{tokenizer_json.string() + ": " + tokenizer.error().message};
  return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(std::string_view json) {
  if (json.size() > kMaxFileBytes) {
    return Error{"tokenizer.json: " + std::to_string(json.size()) + " bytes, limit " + std::to_string(kMaxFileBytes)};
  }
  try {
    return Tokenizer(std::make_unique<Impl>(parse_tokenizer_json(json)));
  } catch (const Failure& failure) {
    return Error{failure.what()};
  } catch (const std::exception& error) {  // of the JSON library: syntax, or a value of the wrong kind
    return Error{std::string("tokenizer.json: ") + error.what()};
  }
}

Encoding Tokenizer::encode(std::string_view text, std::size_t max_tokens) const {
  const std::size_t specials = impl_->parts.post_processor.special_count(false);
  const std::size_t room = max_tokens == 0 ? kNoLimit : max_tokens > specials ? max_tokens - specials : 0;
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 4 + 8);
  impl_->segment(text, room, ids);
  const bool cut = ids.size() > room;
  if (cut) ids.resize(room);
  Encoding out = impl_->parts.post_processor.assemble(false, ids, {});
  out.truncated = cut;
  return out;
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const {
  const std::size_t specials = impl_->parts.post_processor.special_count(true);
  const std::size_t room = max_tokens == 0 ? kNoLimit : max_tokens > specials ? max_tokens - specials : 0;
  std::vector<TokenId> a, b;
  // Which segment is longer decides who gets the odd token, so neither may stop early.
  impl_->segment(first, kNoLimit, a);
  impl_->segment(second, kNoLimit, b);
  const bool cut = a.size() + b.size() > room;
  if (cut) {
    const auto kept = longest_first(a.size(), b.size(), room);
    a.resize(std::min(a.size(), kept[0]));
    b.resize(std::min(b.size(), kept[1]));
  }
  Encoding out = impl_->parts.post_processor.assemble(true, a, b);
  out.truncated = cut;
  return out;
}

std::size_t Tokenizer::vocabulary_size() const { return impl_->parts.tokens.size(); }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  if (const auto id = impl_->parts.model->id_of(token)) return id;
  const auto added = impl_->added_ids.find(std::string(token));
  if (added == impl_->added_ids.end()) return {};
  return added->second;
}

const std::string& Tokenizer::token_of(TokenId id) const {
  WEFT_CHECK(id >= 0 && static_cast<std::size_t>(id) < impl_->parts.tokens.size(),
             "token id " + std::to_string(id) + ", vocabulary size " + std::to_string(impl_->parts.tokens.size()));
  return impl_->parts.tokens[static_cast<std::size_t>(id)];
}

}  // namespace weft::text
