// Children by fork and exec: the launcher has no threads of its own.
#include "cli/processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>

#include "common/base/file.h"
#include "common/base/result.h"

namespace weft::cli {
namespace {

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const char* binary, char* const* argv, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before prctl took effect
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (output >= 0) {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
  }
  ::execv(binary, argv);
  ::_exit(127);
}

}  // namespace

std::filesystem::path own_binary() { return std::filesystem::read_symlink("/proc/self/exe"); }

void ChildProcesses::start(const ChildSpec& spec) {
  const std::string binary = own_binary().string();
  std::vector<std::string> words = spec.arguments;
  words.insert(words.begin(), binary);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int output = -1;
  if (spec.output) {
    output = ::open(spec.output->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (output < 0) throw Failure("cannot write " + spec.output->string() + ": " + std::strerror(errno));
  }
  const std::lock_guard lock(mutex_);  // so that signal_all() misses no child
  const pid_t parent = ::getpid(), child = ::fork();
  if (child == 0) become(binary.c_str(), argv.data(), output, parent);
  if (output >= 0) ::close(output);
  if (child < 0) throw Failure("cannot start process \"" + spec.name + "\": " + std::strerror(errno));
  running_[child] = spec.name;
}

std::optional<ChildExit> ChildProcesses::wait() {
  if (running_.empty()) return std::nullopt;
  int status = 0;
  const pid_t child = ::waitpid(-1, &status, 0);
  if (child < 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto at = running_.find(child);
  WEFT_CHECK(at != running_.end(), "a child that this launcher did not start");
  ChildExit exit{at->second, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)};
  running_.erase(at);
  return exit;
}

void ChildProcesses::signal_all(int signal) {
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, name] : running_) ::kill(pid, signal);
}

ChildProcesses::~ChildProcesses() {
  signal_all(SIGTERM);
  for (int tenths = 0; tenths < 50 && !running_.empty(); ++tenths) {
    std::erase_if(running_, [](const auto& child) { return ::waitpid(child.first, nullptr, WNOHANG) != 0; });
    if (!running_.empty()) ::usleep(100'000);
  }
  signal_all(SIGKILL);
  for (const auto& [pid, name] : running_) ::waitpid(pid, nullptr, 0);
}

std::string last_lines(const std::filesystem::path& file, std::size_t count) {
  std::ifstream stream(file);
  std::deque<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
    if (lines.size() > count) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

int free_loopback_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool ok = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!ok) throw Failure(std::string("cannot find a free loopback port: ") + std::strerror(errno));
  return ntohs(address.sin_port);
}

PrivateFolder::PrivateFolder(std::filesystem::path path) : path_(std::move(path)) {
  make_folder(path_);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  lock_.emplace(path_, "another weft simulate; wait for it to end, or choose another folder (--out)");
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    if (entry.path().filename() != "lock") leftovers.push_back(entry.path());
  for (const std::filesystem::path& leftover : leftovers) std::filesystem::remove_all(leftover);
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace weft::cli
