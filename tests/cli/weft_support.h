// Runs the binary as people do: as a child process, with its exit code, its output and its signals.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"

namespace weft::cli {

class TemporaryPlace {
 public:
  TemporaryPlace();
  TemporaryPlace(const TemporaryPlace&) = delete;
  TemporaryPlace& operator=(const TemporaryPlace&) = delete;
  ~TemporaryPlace();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Ended {
  int code = 0;  // exit code, or 128 + signal
  std::string out, err;
};

using Arguments = std::vector<std::string>;

// A running weft. It dies with this object, or with the test.
class Weft {
 public:
  // max_file_bytes: writing beyond it fails, as on a full disk.
  explicit Weft(const Arguments& arguments, std::optional<std::uint64_t> max_file_bytes = {});
  ~Weft();
  // Blocks until a line of stdout or stderr has all these parts; false when output ends without one. Lines that an
  // earlier call has passed are not looked at again.
  bool wait_for(const std::vector<std::string>& parts);
  void signal(int number) const;
  const Ended& wait();  // for its end
  // After which no wait_for will come: what has been said so far.
  std::string said() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Runs it to its end.
Ended weft(const Arguments& arguments, std::optional<std::uint64_t> max_file_bytes = {});

// Exactly one error line, which has all these parts.
void expect_one_error(const Ended& ended, int code, const std::vector<std::string>& parts);

std::string slurp(const std::filesystem::path& file);
void spit(const std::filesystem::path& file, const std::string& content);
// Every file below a folder with its content.
std::map<std::string, std::string> tree(const std::filesystem::path& folder);

}  // namespace weft::cli
