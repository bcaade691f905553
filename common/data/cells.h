// Cells that hold more than a word: lists, conversations, pictures. Foreign text: an error says what is wrong with it.
// Internal to this library.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"

namespace weft::data {

// A JSON array of texts or numbers; else words between separators, without the spaces around them, empty ones left out.
Result<std::vector<std::string>> parse_list(std::string_view cell, std::string_view separator);

// A JSON array of {"role": ..., "content": ...}; what else the objects hold is not looked at.
Result<std::vector<text::ChatMessage>> parse_messages(std::string_view cell);

// {"width": W, "height": H, "grey": "2 * W * H hexadecimal digits"}: a small picture within its row.
Result<ImageRef> parse_grey_image(std::string_view cell);
std::string grey_image_json(const ImageRef& image);

}  // namespace weft::data
