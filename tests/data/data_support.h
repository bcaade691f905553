// What the tests of this library share.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "common/config/yaml_view.h"
#include "common/data/source.h"

namespace weft::data {

// The message of the ConfigError that `action` throws, or empty.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

// A folder that lives as long as this.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weft_dataXXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    (void)write_atomic(path_ / name, as_bytes(content)).value();
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline const std::vector<std::string> kLabels{"negative", "positive"};
inline const TaskConfig kSentiment{.labels = kLabels};

// The `data:` block of this text, whose paths are relative to `folder`.
inline YamlView data_block(const std::string& yaml, const std::filesystem::path& folder = "/base") {
  return YamlView::parse(yaml, "run.yaml", folder);
}

inline DataConfig config_of(const std::string& yaml, const std::filesystem::path& folder = "/base") {
  return parse_data_config(data_block(yaml, folder), kSentiment);
}

}  // namespace weft::data
