#include "common/text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace weft::text {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase_if(strings_, [](const std::string& text) { return text.empty(); });
}

std::string StopStrings::push(std::string_view fresh) {
  if (found_) return {};
  held_ += fresh;
  std::size_t end = std::string::npos;
  for (const std::string& stop : strings_) end = std::min(end, held_.find(stop));
  if (end != std::string::npos) {
    found_ = true;
    held_.resize(end);
    return std::exchange(held_, {});
  }
  std::size_t open = 0;  // bytes at the end that may begin a stop string
  for (const std::string& stop : strings_)
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > open; --length)
      if (held_.ends_with(std::string_view(stop).substr(0, length))) open = length;
  std::string certain = held_.substr(0, held_.size() - open);
  held_.erase(0, certain.size());
  return certain;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace weft::text
