// Each task's fields, and how a cell fills them.
#include "common/data/example_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/data/cells.h"
#include "common/data/rows.h"
#include "common/text/utf8.h"

namespace weft::data {
namespace {

// Spreadsheets write "+0.5", which from_chars does not take.
std::optional<double> number_of(std::string_view cell) {
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value)) return {};
  return value;
}

std::size_t characters_of(const std::vector<text::ChatMessage>& messages) {
  std::size_t sum = 0;
  for (const auto& message : messages) sum += text::count_utf8(message.content);
  return sum;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string shown(std::string_view cell) {
  static constexpr std::size_t kLongest = 40;
  if (cell.size() <= kLongest) return "\"" + std::string(cell) + "\"";
  std::size_t end = kLongest;
  while ((static_cast<unsigned char>(cell[end]) & 0xC0U) == 0x80U) --end;  // not within a character
  return "\"" + std::string(cell.substr(0, end)) + "...\"";
}

std::optional<std::int32_t> LabelRule::label_of(std::string_view raw) const {
  const std::string_view cell = trimmed(raw);
  if (const auto word = words.find(cell); word != words.end()) return word->second;
  const auto value = ranges.empty() ? std::nullopt : number_of(cell);
  if (!value) return {};
  for (const auto& range : ranges) {
    if (*value > range.above && *value < range.below) return range.label;
  }
  return {};
}

std::string LabelRule::expected_text() const {
  static constexpr std::size_t kMost = 12;
  std::string text;
  std::size_t count = 0;
  for (const auto& [word, label] : words) {
    if (++count > kMost) break;
    text += (text.empty() ? ": expected " : ", ") + shown(word);
  }
  return text + (words.size() > kMost ? " or another of " + std::to_string(words.size()) : "");
}

void ExampleReader::Cell::fail(const std::string& problem) const {
  row_error(origin, row.line, "column \"" + column + "\": " + problem);
}

void ExampleReader::add(WantedColumn column, Take take) {
  columns_.push_back(std::move(column));
  takes_.push_back(take);
}

ExampleReader::ExampleReader(const DataConfig& config) : config_(config) {
  using R = ExampleReader;
  const WantedColumn text{.name = config.text_column, .key = "data.text"};
  const WantedColumn label{.name = config.label.column, .key = "data.label.column"};
  switch (config.task.kind) {
    case TaskKind::sequence_classification:
      add(text, &R::take_text);
      if (!config.pair_column.empty()) add({.name = config.pair_column, .key = "data.text_pair"}, &R::take_pair);
      if (config.task.problem == Problem::multi_label)
        add({.name = label.name, .key = label.key, .structured = true}, &R::take_labels);
      if (config.task.problem == Problem::regression) add(label, &R::take_target);
      break;
    case TaskKind::token_classification:
      add({.name = config.words_column, .key = "data.words", .structured = true}, &R::take_words);
      add({.name = config.tags_column, .key = "data.tags", .structured = true}, &R::take_tags);
      break;
    case TaskKind::causal_lm:
      if (!config.task.has_conversations()) {
        add(text, &R::take_text);
      } else if (!config.messages_column.empty()) {
        add({.name = config.messages_column, .key = "data.messages", .structured = true}, &R::take_messages);
      } else {
        add({.name = config.prompt_column, .key = "data.prompt"}, &R::take_prompt);
        add({.name = config.response_column, .key = "data.response"}, &R::take_response);
      }
      break;
    case TaskKind::image_classification:
    case TaskKind::image_text:
      // Other formats than those with columns deliver the picture itself.
      if (has_columns(config.format))
        add({.name = config.image_column, .key = "data.image", .structured = true}, &R::take_image);
      if (config.task.kind == TaskKind::image_text) add(text, &R::take_text);
      break;
  }
  if (config.task.has_one_label()) add(label, &R::take_label);
}

Outcome ExampleReader::read(const Row& row, const std::string& origin, Example& example) const {
  example.image = row.image;
  for (std::size_t i = 0; i < takes_.size(); ++i) {
    const Cell cell{row.cells[i], row, origin, columns_[i].name};
    const Outcome outcome = (this->*takes_[i])(cell, example);
    if (outcome != Outcome::kept) return outcome;
  }
  return Outcome::kept;
}

bool ExampleReader::too_long(std::size_t characters) const {
  return config_.max_characters > 0 && characters > config_.max_characters;
}

Outcome ExampleReader::checked_text(std::string& out, const Cell& cell) const {
  out = trimmed(cell.text);
  if (out.empty()) return Outcome::empty;
  return too_long(out.size()) && too_long(text::count_utf8(out)) ? Outcome::too_long : Outcome::kept;
}

Outcome ExampleReader::take_text(const Cell& cell, Example& example) const { return checked_text(example.text, cell); }
Outcome ExampleReader::take_pair(const Cell& cell, Example& example) const {
  return checked_text(example.text_pair, cell);
}

Outcome ExampleReader::unmapped(const Cell& cell, std::string_view label) const {
  if (config_.label.drop_unmapped) return Outcome::unmapped;
  row_error(cell.origin, cell.row.line,
            "label " + shown(label) + " in column \"" + cell.column + "\" is not mapped" +
                config_.label.expected_text() +
                "; add it to data.label.map or data.label.ranges, or set data.label.unmapped: drop");
}

Outcome ExampleReader::take_label(const Cell& cell, Example& example) const {
  const auto label = config_.label.label_of(cell.text);
  if (!label) return unmapped(cell, cell.text);
  example.label = *label;
  return Outcome::kept;
}

Outcome ExampleReader::take_labels(const Cell& cell, Example& example) const {
  const auto names = parse_list(cell.text, config_.label.separator);
  if (!names) cell.fail(names.error().message);
  for (const auto& name : names.value()) {
    const auto label = config_.label.label_of(name);
    if (!label) return unmapped(cell, name);
    example.labels.push_back(*label);
  }
  std::sort(example.labels.begin(), example.labels.end());
  example.labels.erase(std::unique(example.labels.begin(), example.labels.end()), example.labels.end());
  return Outcome::kept;
}

Outcome ExampleReader::take_target(const Cell& cell, Example& example) const {
  const auto target = number_of(trimmed(cell.text));
  if (target) {
    example.target = *target;
    return Outcome::kept;
  }
  if (config_.label.drop_unmapped) return Outcome::unmapped;
  cell.fail("got " + shown(cell.text) + ", expected a number; correct it, or set data.label.unmapped: drop");
}

Outcome ExampleReader::take_words(const Cell& cell, Example& example) const {
  auto words = parse_list(cell.text, " ");
  if (!words) cell.fail(words.error().message);
  example.words = std::move(words).value();
  if (example.words.empty()) return Outcome::empty;
  std::size_t characters = 0;
  for (const auto& word : example.words) characters += text::count_utf8(word);
  return too_long(characters) ? Outcome::too_long : Outcome::kept;
}

Outcome ExampleReader::take_tags(const Cell& cell, Example& example) const {
  const auto tags = parse_list(cell.text, " ");
  if (!tags) cell.fail(tags.error().message);
  if (tags.value().size() != example.words.size())
    cell.fail("got " + std::to_string(tags.value().size()) + " tags for " + std::to_string(example.words.size()) +
              " words; give each word one");
  for (const auto& tag : tags.value()) {
    const auto label = config_.label.label_of(tag);
    if (!label) return unmapped(cell, tag);
    example.tags.push_back(*label);
  }
  return Outcome::kept;
}

Outcome ExampleReader::take_messages(const Cell& cell, Example& example) const {
  auto messages = parse_messages(cell.text);
  if (!messages) cell.fail(messages.error().message);
  example.messages = std::move(messages).value();
  const bool answered = std::any_of(example.messages.begin(), example.messages.end(), [](const auto& message) {
    return message.role == "assistant" && !trimmed(message.content).empty();
  });
  if (!answered) return Outcome::empty;
  return too_long(characters_of(example.messages)) ? Outcome::too_long : Outcome::kept;
}

Outcome ExampleReader::take_prompt(const Cell& cell, Example& example) const {
  return checked_text(example.messages.emplace_back(text::ChatMessage{"user", ""}).content, cell);
}

Outcome ExampleReader::take_response(const Cell& cell, Example& example) const {
  const Outcome outcome = checked_text(example.messages.emplace_back(text::ChatMessage{"assistant", ""}).content, cell);
  return outcome == Outcome::kept && too_long(characters_of(example.messages)) ? Outcome::too_long : outcome;
}

Outcome ExampleReader::take_image(const Cell& cell, Example& example) const {
  const std::string_view text = trimmed(cell.text);
  if (text.empty()) return Outcome::empty;
  const auto image =
      text.front() == '{'
          ? parse_grey_image(text)
          : image_of_file(std::filesystem::path(cell.origin).parent_path() / std::filesystem::path(text));
  if (!image) cell.fail(image.error().message);
  example.image = image.value();
  return Outcome::kept;
}

}  // namespace weft::data
