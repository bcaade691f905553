// The section "decoder".

#include "common/text/stages_json.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

using Made = std::unique_ptr<Decoder>;
constexpr const char* kWhere = "decoder";

Made make(Json json, int depth);

Made make_sequence(Json json, int depth) {
  std::vector<Made> stages;
  for (const Json item : list_field(json, kWhere, "decoders")) stages.push_back(make(item, depth + 1));
  return std::make_unique<DecoderSequence>(std::move(stages));
}

template <class Kind>
Made make_plain(Json, int) {
  return std::make_unique<Kind>();
}

Made make_word_piece(Json json, int) {
  return std::make_unique<WordPieceDecoder>(
      WordPieceDecoder::Options{text_field(json, kWhere, "prefix", "##"), bool_field(json, kWhere, "cleanup", true)});
}

Made make_metaspace(Json json, int) {
  const bool never = text_field(json, kWhere, "prepend_scheme", "always") == "never" ||
                     !bool_field(json, kWhere, "add_prefix_space", true);
  return std::make_unique<MetaspaceDecoder>(MetaspaceDecoder::Options{text_field(json, kWhere, "replacement"), !never});
}

Made make_strip(Json json, int) {
  StripDecoder::Options options{text_field(json, kWhere, "content"), count_field(json, kWhere, "start"),
                                count_field(json, kWhere, "stop")};
  if (count_utf8(options.content) != 1) fail_at("decoder.content", "expected one character");
  return std::make_unique<StripDecoder>(std::move(options));
}

Made make_replace(Json json, int) {
  return std::make_unique<ReplaceDecoder>(compile(parse_pattern(json, kWhere), kWhere),
                                          text_field(json, kWhere, "content"));
}

Made make_bpe(Json json, int) { return std::make_unique<BpeDecoder>(text_field(json, kWhere, "suffix", "</w>")); }

Made make(Json json, int depth) {
  if (depth > kMaxNesting) fail_at(kWhere, "nested too deep");
  static const std::vector<std::pair<std::string_view, Made (*)(Json, int)>> kTable = {
      {"BPEDecoder", make_bpe},
      {"ByteFallback", make_plain<ByteFallbackDecoder>},
      {"ByteLevel", make_plain<ByteLevelDecoder>},
      {"Fuse", make_plain<FuseDecoder>},
      {"Metaspace", make_metaspace},
      {"Replace", make_replace},
      {"Sequence", make_sequence},
      {"Strip", make_strip},
      {"WordPiece", make_word_piece},
  };
  return choose(kWhere, text_field(json, kWhere, "type"), kTable)(json, depth);
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(Json json) { return json.is_null() ? nullptr : make(json, 0); }

}  // namespace weft::text
