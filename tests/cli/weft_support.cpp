#include "tests/cli/weft_support.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "common/base/result.h"

namespace weft::cli {
namespace {

const char* const kBinary = WEFT_BINARY_DIR "/weft";

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(char* const* argv, int out, int err, const std::optional<std::uint64_t>& max_file_bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  if (max_file_bytes) {
    const rlimit limit{*max_file_bytes, *max_file_bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);  // writing fails with EFBIG instead of ending the process
  }
  ::execv(kBinary, argv);
  ::_exit(127);
}

}  // namespace

TemporaryPlace::TemporaryPlace() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weft_cli_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw Failure("cannot make a temporary folder");
  path_ = pattern;
}

TemporaryPlace::~TemporaryPlace() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

struct Weft::State {
  struct Line {
    bool error = false;
    std::string text;
  };
  pid_t pid = -1;
  std::optional<Ended> ended;
  mutable std::mutex mutex;
  std::condition_variable more;
  std::vector<Line> lines;
  std::size_t passed = 0;
  int open = 2;  // pipes
  std::jthread readers[2];

  void read_all(int fd, bool error) {
    std::string rest;
    char block[4096];
    for (;;) {
      const ssize_t got = ::read(fd, block, sizeof block);
      if (got <= 0) break;
      rest.append(block, static_cast<std::size_t>(got));
      const std::lock_guard lock(mutex);
      for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
        lines.push_back({error, rest.substr(0, end)});
        rest.erase(0, end + 1);
      }
      more.notify_all();
    }
    ::close(fd);
    const std::lock_guard lock(mutex);
    if (!rest.empty()) lines.push_back({error, rest});
    --open;
    more.notify_all();
  }
};

Weft::Weft(const Arguments& arguments, std::optional<std::uint64_t> max_file_bytes)
    : state_(std::make_unique<State>()) {
  std::vector<std::string> words{kBinary};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::setenv("OMP_NUM_THREADS", "1", 1);
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw Failure("cannot make a pipe");
  state_->pid = ::fork();
  if (state_->pid == 0) become(argv.data(), out[1], err[1], max_file_bytes);
  ::close(out[1]);
  ::close(err[1]);
  if (state_->pid < 0) throw Failure("cannot fork");
  state_->readers[0] = std::jthread([state = state_.get(), fd = out[0]] { state->read_all(fd, false); });
  state_->readers[1] = std::jthread([state = state_.get(), fd = err[0]] { state->read_all(fd, true); });
}

Weft::~Weft() {
  if (!state_->ended) signal(SIGKILL);
  wait();
}

bool Weft::wait_for(const std::vector<std::string>& parts) {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    for (; state_->passed < state_->lines.size(); ++state_->passed) {
      const std::string& line = state_->lines[state_->passed].text;
      const bool all = std::all_of(parts.begin(), parts.end(),
                                   [&](const std::string& part) { return line.find(part) != std::string::npos; });
      if (!all) continue;
      ++state_->passed;
      return true;
    }
    if (state_->open == 0) return false;
    state_->more.wait(lock);
  }
}

void Weft::signal(int number) const {
  if (!state_->ended) ::kill(state_->pid, number);
}

const Ended& Weft::wait() {
  if (state_->ended) return *state_->ended;
  int status = 0;
  ::waitpid(state_->pid, &status, 0);
  for (std::jthread& reader : state_->readers) reader.join();
  Ended ended{WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), {}, {}};
  for (const State::Line& line : state_->lines) (line.error ? ended.err : ended.out) += line.text + "\n";
  state_->ended = std::move(ended);
  return *state_->ended;
}

std::string Weft::said() const {
  const std::lock_guard lock(state_->mutex);
  std::string text;
  for (const State::Line& line : state_->lines) text += line.text + "\n";
  return text;
}

Ended weft(const Arguments& arguments, std::optional<std::uint64_t> max_file_bytes) {
  return Weft(arguments, max_file_bytes).wait();
}

void expect_one_error(const Ended& ended, int code, const std::vector<std::string>& parts) {
  EXPECT_EQ(ended.code, code) << ended.err;
  std::istringstream lines(ended.err);
  std::vector<std::string> errors;
  for (std::string line; std::getline(lines, line);)
    if (line.find(" error ") != std::string::npos) errors.push_back(line);
  EXPECT_EQ(errors.size(), 1U) << ended.err;
  for (const std::string& part : parts)
    EXPECT_NE(ended.err.find(part), std::string::npos) << "no \"" << part << "\" in: " << ended.err;
}

std::string slurp(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

void spit(const std::filesystem::path& file, const std::string& content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

std::map<std::string, std::string> tree(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[entry.path().string()] = slurp(entry.path());
  return files;
}

}  // namespace weft::cli
