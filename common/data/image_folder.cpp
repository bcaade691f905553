// A folder of classes.
#include <algorithm>
#include <array>

#include "common/data/image_rows.h"

namespace weft::data {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> out;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) out.push_back(*at);
  if (error) throw ConfigError(folder.string() + ": " + error.message() + "; expected a folder of pictures");
  std::sort(out.begin(), out.end());
  return out;
}

bool is_picture(const fs::path& file) {
  static constexpr std::array<std::string_view, 3> kEndings{".png", ".jpg", ".jpeg"};
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

}  // namespace

void read_image_folder(const fs::path& folder, const RowSink& sink) {
  std::size_t count = 0;
  for (const fs::path& label : sorted_entries(folder)) {
    if (!fs::is_directory(label)) continue;
    for (const fs::path& file : sorted_entries(label)) {
      if (!is_picture(file)) continue;
      Result<ImageRef> image = image_of_file(file);
      if (!image) throw ConfigError(image.error().message);
      sink({.line = ++count, .cells = {label.filename().string()}, .image = std::move(image).value()});
    }
  }
  if (count == 0)
    throw ConfigError(folder.string() +
                      ": no PNG or JPEG file in its sub-folders; expected a sub-folder for each class");
}

}  // namespace weft::data
