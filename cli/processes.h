// Child processes of a local multi-process run: started together, ended together, never orphaned.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/folder_lock.h"

namespace weft::cli {

struct ChildSpec {
  std::string name;
  std::vector<std::string> arguments;           // of this same binary: {"worker", "site.yaml"}
  std::optional<std::filesystem::path> output;  // file for stdout and stderr; nullopt: inherited
};

struct ChildExit {
  std::string name;
  int code = 0;  // exit code, or 128 + signal
};

// One thread, but for signal_all(). Each child has a process group of its own, so that a terminal's Ctrl-C reaches the
// launcher alone; it gets SIGKILL when the launcher dies, and SIGTERM then SIGKILL from the destructor.
class ChildProcesses {
 public:
  ChildProcesses() = default;
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;
  ~ChildProcesses();
  void start(const ChildSpec& spec);  // Failure when it cannot be started
  // Blocks until a child ends; nullopt when none is left or a signal interrupted the wait.
  std::optional<ChildExit> wait();
  void signal_all(int signal);  // any thread

 private:
  std::mutex mutex_;
  std::map<pid_t, std::string> running_;
};

// The path of this binary.
std::filesystem::path own_binary();
// The last lines of a text file, for showing why a child failed.
std::string last_lines(const std::filesystem::path& file, std::size_t count);
// A loopback port that was free a moment ago.
int free_loopback_port();

// A folder that only this user may enter (0700), gone with the object. What an object that ended uncleanly left there
// is removed first.
class PrivateFolder {
 public:
  // Failure when it cannot be made, or another process has it.
  explicit PrivateFolder(std::filesystem::path path);
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
};

}  // namespace weft::cli
