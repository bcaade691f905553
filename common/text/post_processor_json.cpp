// The section "post_processor".

#include "common/text/stages_json.h"

namespace weft::text {
namespace {

constexpr const char* kWhere = "post_processor";

PostProcessor make(Json json, int depth);

std::vector<TokenId> special_ids(Json json, const std::string& name) {
  const std::string where = "post_processor.special_tokens." + name;
  const Json specials = field(json, kWhere, "special_tokens");
  std::vector<TokenId> out;
  for (const Json id : list_field(field(specials, "post_processor.special_tokens", name.c_str()), where, "ids")) {
    out.push_back(token_id(id, where + ".ids"));
  }
  return out;
}

std::vector<TemplatePiece> template_pieces(Json json, const char* name) {
  const std::string where = std::string("post_processor.") + name;
  std::vector<TemplatePiece> pieces;
  for (const Json item : list_field(json, kWhere, name)) {
    const bool special = !item["SpecialToken"].is_null();
    const Json body = field(item, where, special ? "SpecialToken" : "Sequence");
    const std::string id = text_field(body, where, "id");
    TemplatePiece piece;
    piece.type_id = token_id(field(body, where, "type_id"), where + ".type_id");
    if (special) {
      piece.kind = TemplatePiece::Kind::special;
      piece.ids = special_ids(json, id);
    } else if (id == "A" || id == "B") {
      piece.kind = id == "A" ? TemplatePiece::Kind::first : TemplatePiece::Kind::second;
    } else {
      fail_at(where, "sequence \"" + id + "\" is not supported, expected A or B");
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

PostProcessor make_template(Json json, int) { return {template_pieces(json, "single"), template_pieces(json, "pair")}; }

TemplatePiece named_special(Json json, const char* name, TokenId type) {
  const std::vector<Json> value = list_field(json, kWhere, name);
  if (value.size() != 2) fail_at(std::string(kWhere) + "." + name, "expected [token, id]");
  return {TemplatePiece::Kind::special, {token_id(value[1], kWhere)}, type};
}

PostProcessor make_bert(Json json, int) {
  const TemplatePiece cls = named_special(json, "cls", 0), sep = named_special(json, "sep", 0);
  const TemplatePiece first{TemplatePiece::Kind::first, {}, 0}, second{TemplatePiece::Kind::second, {}, 1};
  return {{cls, first, sep}, {cls, first, sep, second, named_special(json, "sep", 1)}};
}

PostProcessor make_roberta(Json json, int) {
  const TemplatePiece cls = named_special(json, "cls", 0), sep = named_special(json, "sep", 0);
  const TemplatePiece first{TemplatePiece::Kind::first, {}, 0}, second{TemplatePiece::Kind::second, {}, 0};
  return {{cls, first, sep}, {cls, first, sep, sep, second, sep}};
}

// Changes offsets only.
PostProcessor make_byte_level(Json, int) { return {}; }

PostProcessor make_sequence(Json json, int depth) {
  PostProcessor out;
  bool taken = false;
  for (const Json item : list_field(json, kWhere, "processors")) {
    if (item["type"].is("ByteLevel")) continue;
    if (taken) fail_at(kWhere, "a sequence of two that add tokens is not supported");
    out = make(item, depth + 1);
    taken = true;
  }
  return out;
}

PostProcessor make(Json json, int depth) {
  if (depth > kMaxNesting) fail_at(kWhere, "nested too deep");
  static const std::vector<std::pair<std::string_view, PostProcessor (*)(Json, int)>> kTable = {
      {"BertProcessing", make_bert},         {"ByteLevel", make_byte_level}, {"RobertaProcessing", make_roberta},
      {"TemplateProcessing", make_template}, {"Sequence", make_sequence},
  };
  return choose(kWhere, text_field(json, kWhere, "type"), kTable)(json, depth);
}

}  // namespace

PostProcessor make_post_processor(Json json) { return json.is_null() ? PostProcessor{} : make(json, 0); }

}  // namespace weft::text
