// Words, bags of them, and common subsequences.
#include "common/metrics/generated_text.h"

#include <algorithm>
#include <map>
#include <string>

namespace weft::metrics {
namespace {

enum At : std::size_t { kExamples, kExact, kTokenF1, kRougeL, kSize };
using Words = std::vector<std::string>;

// ASCII alone, whatever the locale.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// What `keep` is true for makes words, what `skip` is true for is as if it were not there, all else parts words.
template <class Keep, class Skip>
Words words_of(std::string_view text, Keep keep, Skip skip) {
  Words words;
  bool open = false;
  for (const char each : text) {
    const char c = lower(each);
    if (skip(c)) continue;
    if (keep(c) && !open) words.emplace_back();
    open = keep(c);
    if (open) words.back() += c;
  }
  return words;
}

Words answer_words(std::string_view text) {
  Words words = words_of(
      text, [](char c) { return !is_space(c); }, is_punctuation);
  std::erase_if(words, [](const std::string& word) { return word == "a" || word == "an" || word == "the"; });
  return words;
}

Words rouge_words(std::string_view text) {
  return words_of(text, is_plain, [](char) { return false; });
}

double f1_of(double common, const Words& expected, const Words& written) {
  return f1(common, static_cast<double>(written.size()) - common, static_cast<double>(expected.size()) - common);
}

double common_words(const Words& a, const Words& b) {
  std::map<std::string, std::size_t> left;
  for (const std::string& word : a) ++left[word];
  double common = 0;
  for (const std::string& word : b)
    if (auto& count = left[word]; count > 0) {
      --count;
      ++common;
    }
  return common;
}

double longest_common_subsequence(const Words& a, const Words& b) {
  std::vector<std::size_t> row(b.size() + 1);  // of a's words so far against the first j of b
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = word == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return static_cast<double>(row.back());
}

bool plausible(CountsView counts) {
  return counts.size() == kSize && is_count(counts[kExamples]) && is_count(counts[kExact]) &&
         std::min(counts[kTokenF1], counts[kRougeL]) >= 0 &&
         std::max({counts[kExact], counts[kTokenF1], counts[kRougeL]}) <= counts[kExamples];
}

}  // namespace

bool exact_match(std::string_view expected, std::string_view written) {
  return answer_words(expected) == answer_words(written);
}

double token_f1(std::string_view expected, std::string_view written) {
  const Words a = answer_words(expected), b = answer_words(written);
  if (a.empty() || b.empty()) return a.empty() && b.empty() ? 1 : 0;
  return f1_of(common_words(a, b), a, b);
}

double rouge_l(std::string_view expected, std::string_view written) {
  const Words a = rouge_words(expected), b = rouge_words(written);
  return f1_of(longest_common_subsequence(a, b), a, b);
}

void add_generated_text(Tally& tally, std::string_view expected, std::string_view written) {
  Counts& counts = tally.part("generated_text", kSize);
  counts[kExamples] += 1;
  counts[kExact] += exact_match(expected, written) ? 1 : 0;
  counts[kTokenF1] += token_f1(expected, written);
  counts[kRougeL] += rouge_l(expected, written);
}

Kind generated_text_kind() {
  return {.name = "generated_text",
          .metrics = {{"exact_match", "exact match"}, {"token_f1", "token F1"}, {"rouge_l", "ROUGE-L"}},
          .values =
              [](CountsView c) {
                return Counts{ratio(c[kExact], c[kExamples]), ratio(c[kTokenF1], c[kExamples]),
                              ratio(c[kRougeL], c[kExamples])};
              },
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(counts[kExamples]); }};
}

}  // namespace weft::metrics
