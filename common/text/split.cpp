// Joining parts, and the two ways to find them.
#include "common/text/split.h"

#include <algorithm>

#include "common/text/utf8.h"

namespace weft::text {
namespace {

// Two neighbours as one.
std::string_view joined(std::string_view first, std::string_view second) {
  return {first.data(), first.size() + second.size()};
}

// Each match is joined to the part that comes before it in `parts`, unless that is a match as well.
void merge_matches(std::vector<SplitPart>& parts, bool backwards) {
  std::size_t kept = 0;
  bool previous_match = false;
  for (const SplitPart part : parts) {
    if (part.match && !previous_match && kept > 0) {
      std::string_view& last = parts[kept - 1].text;
      last = backwards ? joined(part.text, last) : joined(last, part.text);
    } else {
      parts[kept++].text = part.text;
    }
    previous_match = part.match;
  }
  parts.resize(kept);
}

void merge_contiguous(std::vector<SplitPart>& parts) {
  std::size_t kept = 0;
  bool previous_match = false;
  for (const SplitPart part : parts) {
    if (part.match == previous_match && kept > 0) {
      parts[kept - 1].text = joined(parts[kept - 1].text, part.text);
    } else {
      parts[kept++].text = part.text;
    }
    previous_match = part.match;
  }
  parts.resize(kept);
}

}  // namespace

void apply_split(SplitBehavior behavior, std::vector<SplitPart>& parts, std::vector<std::string_view>& words) {
  switch (behavior) {
    case SplitBehavior::removed:
      std::erase_if(parts, [](const SplitPart& part) { return part.match; });
      break;
    case SplitBehavior::isolated:
      break;
    case SplitBehavior::merged_with_previous:
      merge_matches(parts, false);
      break;
    case SplitBehavior::merged_with_next:
      std::reverse(parts.begin(), parts.end());
      merge_matches(parts, true);
      std::reverse(parts.begin(), parts.end());
      break;
    case SplitBehavior::contiguous:
      merge_contiguous(parts);
      break;
  }
  for (const SplitPart& part : parts) {
    if (!part.text.empty()) words.push_back(part.text);
  }
}

void RegexSplit::split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const {
  std::vector<SplitPart> parts;
  std::size_t done = 0;
  const auto add = [&](std::size_t begin, std::size_t end, bool match) {
    parts.push_back({passage.text.substr(begin, end - begin), match != options_.invert});
  };
  regex_.find_all(passage.text, [&](TextSpan span) {
    if (done < span.begin) add(done, span.begin, false);
    add(span.begin, span.end, true);
    done = span.end;
  });
  if (done < passage.text.size()) add(done, passage.text.size(), false);
  apply_split(options_.behavior, parts, words);
}

void CodePointSplit::split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const {
  std::vector<SplitPart> parts;
  const std::string_view text = passage.text;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    const std::size_t begin = at;
    at += c.length;
    if (!is_match_(c.code_point)) continue;
    if (done < begin) parts.push_back({text.substr(done, begin - done), false});
    parts.push_back({text.substr(begin, c.length), true});
    done = at;
  }
  if (done < text.size()) parts.push_back({text.substr(done), false});
  apply_split(behavior_, parts, words);
}

}  // namespace weft::text
