// What the stages give, cut to length and put between special tokens; and back to text.
#include "common/text/tokenizer.h"

#include <limits>

#include "common/base/file.h"
#include "common/text/segmenter.h"

namespace weft::text {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20U;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// Ids of one segment, and what is known of each where it was asked for.
struct Segment {
  std::vector<TokenId> ids;
  std::vector<std::int32_t> words;
  std::vector<std::uint8_t> marked;
};

template <class T>
void keep(std::vector<T>& values, std::size_t count, TruncationSide side) {
  if (values.size() <= count) return;
  if (side == TruncationSide::left) values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(count));
  values.resize(count);
}

void keep(Segment& segment, std::size_t count, TruncationSide side) {
  keep(segment.ids, count, side);
  keep(segment.words, count, side);
  keep(segment.marked, count, side);
}

// How many tokens of each segment stay within `room`.
std::array<std::size_t, 2> kept_lengths(std::size_t first, std::size_t second, bool is_pair, std::size_t room,
                                        TruncationStrategy strategy) {
  if (first + second <= room) return {first, second};
  if (room == 0) return {0, 0};
  if (strategy == TruncationStrategy::longest_first) {
    return is_pair ? longest_first(first, second, room) : std::array<std::size_t, 2>{room, 0};
  }
  const bool cut_first = strategy == TruncationStrategy::only_first;
  const std::size_t too_many = first + second - room;
  const std::size_t target = cut_first ? first : second;
  if (target <= too_many) {
    throw Failure("truncation: " + std::to_string(too_many) + " tokens too many, but the " +
                  (cut_first ? "first" : "second") + " segment has " + std::to_string(target) +
                  "; raise max_tokens or cut the longest first");
  }
  if (cut_first) return {first - too_many, second};
  return {first, second - too_many};
}

void append(const std::vector<TemplatePiece>& pieces, const Segment& first, const Segment& second, Specials specials,
            Encoding& out) {
  const bool has_words = !first.words.empty() || !second.words.empty();
  const bool has_marks = !first.marked.empty() || !second.marked.empty();
  const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const auto& piece : pieces) {
    const bool special = piece.kind == TemplatePiece::Kind::special;
    if (special && specials == Specials::without) continue;
    const Segment& segment = piece.kind == TemplatePiece::Kind::first ? first : second;
    const auto& ids = special ? piece.ids : segment.ids;
    add(out.ids, ids);
    out.type_ids.insert(out.type_ids.end(), ids.size(), piece.type_id);
    if (special) {
      if (has_words) out.words.insert(out.words.end(), ids.size(), -1);
      if (has_marks) out.marked.insert(out.marked.end(), ids.size(), 0);
    } else {
      add(out.words, segment.words);
      add(out.marked, segment.marked);
    }
  }
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerParts from) : parts(std::move(from)), segmenter(parts), special(parts.tokens.size()) {
    for (const auto& token : parts.added) special[static_cast<std::size_t>(token.id)] = token.special;
  }

  std::size_t room(bool is_pair, const EncodeOptions& options) const {
    if (options.max_tokens == 0) return kNoLimit;
    const std::size_t specials = options.specials == Specials::with ? parts.post_processor.special_count(is_pair) : 0;
    return options.max_tokens > specials ? options.max_tokens - specials : 0;
  }

  Encoding finish(bool is_pair, Segment& first, Segment& second, const EncodeOptions& options) const {
    const auto kept =
        kept_lengths(first.ids.size(), second.ids.size(), is_pair, room(is_pair, options), options.strategy);
    Encoding out;
    out.truncated = kept[0] < first.ids.size() || kept[1] < second.ids.size();
    keep(first, kept[0], options.side);
    keep(second, kept[1], options.side);
    const std::size_t size = kept[0] + kept[1] + parts.post_processor.special_count(is_pair);
    out.ids.reserve(size);
    out.type_ids.reserve(size);
    append(parts.post_processor.pieces(is_pair), first, second, options.specials, out);
    return out;
  }

  TokenizerParts parts;
  Segmenter segmenter;
  std::vector<bool> special;  // by id
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  if (!std::filesystem::exists(tokenizer_json)) {
    for (const char* older : {"vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
      if (const auto folder = tokenizer_json.parent_path(); std::filesystem::exists(folder / older))
        return Error{folder.string() + ": has " + older +
                     " and no tokenizer.json; write one with transformers: " + "AutoTokenizer.from_pretrained(\"" +
                     folder.string() + "\").save_pretrained(\"" + folder.string() + "\")"};
  }
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
  return encode(text, EncodeOptions{.max_tokens = max_tokens});
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const {
  return encode_pair(first, second, EncodeOptions{.max_tokens = max_tokens});
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Segment first, none;
  first.ids.reserve(text.size() / 4 + 8);
  std::string room;
  const bool may_stop = options.side == TruncationSide::right && options.strategy == TruncationStrategy::longest_first;
  impl_->segmenter.segment(valid_utf8(text, room), may_stop ? impl_->room(false, options) : kNoLimit, first.ids);
  return impl_->finish(false, first, none, options);
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  Segment a, b;
  std::string room;
  // Which segment is longer decides who gets the odd token, so neither may stop early.
  impl_->segmenter.segment(valid_utf8(first, room), kNoLimit, a.ids);
  impl_->segmenter.segment(valid_utf8(second, room), kNoLimit, b.ids);
  return impl_->finish(true, a, b, options);
}

Encoding Tokenizer::encode_words(std::span<const std::string> words, const EncodeOptions& options) const {
  Segment first, none;
  std::string room;
  for (std::size_t i = 0; i < words.size(); ++i) {
    impl_->segmenter.segment(valid_utf8(words[i], room), kNoLimit, first.ids);
    first.words.resize(first.ids.size(), static_cast<std::int32_t>(i));
  }
  Encoding out = impl_->finish(false, first, none, options);
  out.words.resize(out.ids.size(), -1);  // where no word has a token
  return out;
}

Encoding Tokenizer::encode_marked(std::string_view text, std::span<const TextSpan> spans,
                                  const EncodeOptions& options) const {
  std::vector<std::size_t> places;
  std::string room;
  for (const TextSpan& span : spans) {
    WEFT_CHECK(span.begin <= span.end && span.end <= text.size() && (places.empty() || places.back() <= span.begin),
               "spans of a text of " + std::to_string(text.size()) + " bytes are out of order");
    for (std::size_t at : {span.begin, span.end}) places.push_back(valid_utf8(text.substr(0, at), room).size());
  }
  Segment first, none;
  const auto counts = impl_->segmenter.segment(valid_utf8(text, room), places, first.ids);
  first.marked.assign(first.ids.size(), 0);
  for (std::size_t i = 0; i < counts.size(); i += 2) {
    for (std::size_t at = counts[i]; at < counts[i + 1]; ++at) first.marked[at] = 1;
  }
  Encoding out = impl_->finish(false, first, none, options);
  out.marked.resize(out.ids.size(), 0);  // where the text has no token
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, Specials specials) const {
  std::vector<std::string> tokens;
  for (const TokenId id : ids) {
    const auto index = static_cast<std::size_t>(id);
    if (id < 0 || index >= impl_->parts.tokens.size() || impl_->parts.tokens[index].empty()) continue;
    if (specials == Specials::with || !impl_->special[index]) tokens.push_back(impl_->parts.tokens[index]);
  }
  const auto& decoder = impl_->parts.decoder;
  if (decoder) decoder->decode(tokens);
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !decoder) out += ' ';
    out += tokens[i];
  }
  return out;
}

std::size_t Tokenizer::vocabulary_size() const { return impl_->parts.tokens.size(); }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const TokenId id = impl_->parts.ids.find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

const std::string& Tokenizer::token_of(TokenId id) const {
  WEFT_CHECK(id >= 0 && static_cast<std::size_t>(id) < impl_->parts.tokens.size(),
             "token id " + std::to_string(id) + ", vocabulary size " + std::to_string(impl_->parts.tokens.size()));
  return impl_->parts.tokens[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < impl_->special.size() &&
         impl_->special[static_cast<std::size_t>(id)];
}

}  // namespace weft::text
