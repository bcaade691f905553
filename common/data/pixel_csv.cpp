// Pictures as rows of numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/data/image_rows.h"

namespace weft::data {
namespace {

constexpr std::size_t kLargestSide = 4096;

struct PixelFile {
  std::vector<float> values;  // of all pictures
  std::vector<std::string> labels;
  std::vector<std::size_t> lines;
  std::size_t pixels = 0;  // of each picture
};

// Appends the numbers of a line; false at what is none, or is negative.
bool append_numbers(std::string_view line, std::vector<float>& out) {
  const char *at = line.data(), *end = line.data() + line.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    float value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || !(value >= 0) || !std::isfinite(value)) return false;
    out.push_back(value);
    at = next;
    while (at != end && *at == ' ') ++at;
    if (at == end) return true;
    if (*at++ != ',') return false;
  }
}

// "3", not "3.0".
std::string label_text(float value) {
  return value == std::floor(value) && value < 1e6F ? std::to_string(static_cast<int>(value)) : std::to_string(value);
}

PixelFile parse(std::string_view content, const PixelRule& rule, const std::string& origin) {
  PixelFile file;
  std::vector<float> row;
  for (std::size_t line = 1; !content.empty(); ++line) {
    const std::string_view text = next_line(content);
    if (text.empty()) continue;
    row.clear();
    if (!append_numbers(text, row)) {
      if (line == 1) continue;  // a header
      row_error(origin, line, "a cell is no number from 0 up; expected pixels and a label between commas");
    }
    if (row.size() < 2) row_error(origin, line, "got one number, expected pixels and a label between commas");
    if (file.pixels == 0) file.pixels = row.size() - 1;
    if (row.size() != file.pixels + 1)
      row_error(origin, line,
                "got " + std::to_string(row.size()) + " numbers, the lines before have " +
                    std::to_string(file.pixels + 1) + "; correct the line");
    file.labels.push_back(label_text(rule.label_first ? row.front() : row.back()));
    file.lines.push_back(line);
    const auto begin = row.begin() + (rule.label_first ? 1 : 0);
    file.values.insert(file.values.end(), begin, begin + static_cast<std::ptrdiff_t>(file.pixels));
  }
  return file;
}

struct Shape {
  std::size_t width = 0, height = 0;
};

Shape shape_of(const PixelFile& file, const PixelRule& rule, const std::string& origin) {
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(file.pixels))));
  const Shape shape{rule.width > 0 ? rule.width : side, rule.height > 0 ? rule.height : side};
  if (shape.width * shape.height == file.pixels && std::max(shape.width, shape.height) <= kLargestSide) return shape;
  row_error(origin, file.lines.front(),
            "got " + std::to_string(file.pixels) + " pixels and a label, expected " + std::to_string(shape.width) +
                " x " + std::to_string(shape.height) + " pixels; set data.pixels.width and data.pixels.height");
}

}  // namespace

void read_pixels(std::string_view content, const PixelRule& rule, const std::string& origin, const RowSink& sink) {
  const PixelFile file = parse(content, rule, origin);
  if (file.labels.empty()) return;
  const Shape shape = shape_of(file, rule, origin);
  const float largest = *std::max_element(file.values.begin(), file.values.end());
  const float white = rule.white > 0 ? static_cast<float>(rule.white) : std::max(largest, 1e-30F);
  if (largest > white)
    throw ConfigError(origin + ": the largest pixel is " + std::to_string(largest) + ", data.pixels.white says " +
                      std::to_string(white) + "; correct it");
  Bytes grey(file.values.size());
  std::transform(file.values.begin(), file.values.end(), grey.begin(),
                 [&](float value) { return static_cast<std::uint8_t>(std::lround(value / white * 255)); });
  const auto shared = std::make_shared<const Bytes>(std::move(grey));
  for (std::size_t i = 0; i < file.labels.size(); ++i) {
    sink({.line = file.lines[i],
          .cells = {file.labels[i]},
          .image = image_of_grey(shared, i * file.pixels, shape.width, shape.height)});
  }
}

}  // namespace weft::data
