// Drawing on a terminal, and plain lines elsewhere.
#include "common/telemetry/terminal_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>

#include "common/base/log_sink.h"
#include "common/telemetry/printable.h"
#include "common/telemetry/run_board.h"

namespace weft::telemetry {
namespace {

constexpr Milliseconds kRedraw{100};

// "14:03:59", as in log lines.
std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  char text[16];
  return {text, std::strftime(text, sizeof text, "%H:%M:%S", ::localtime_r(&now, &local))};
}

TerminalSize size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

}  // namespace

struct LiveView::State {
  TextSink sink;
  const Clock& clock;
  std::function<TerminalSize()> size;
  RunBoard board;
  std::size_t drawn = 0;  // lines of the block that stand on the screen
  TimePoint last_draw{}, waiting_since{};
  bool ever = false;
  std::mutex mutex = {};

  void draw(const std::string& kept_line) {
    std::string text;
    if (drawn > 0) text += "\033[" + std::to_string(drawn) + "A\r\033[J";  // up to the block's top, clear below
    if (!kept_line.empty()) text += kept_line + "\n";
    const double waited = std::chrono::duration<double>(clock.now() - waiting_since).count();
    // The last column is left free, where some terminals wrap, and the last row is where the cursor waits.
    const TerminalSize room = size();
    const auto lines =
        board.lines(std::max<std::size_t>(room.columns, 2) - 1, std::max<std::size_t>(room.rows, 2) - 1, waited);
    for (const std::string& line : lines) text += line + "\n";
    drawn = lines.size();
    last_draw = clock.now();
    ever = true;
    sink(text);
  }
};

LiveView::LiveView(TextSink sink, const Clock& clock, std::function<TerminalSize()> size)
    : state_(new State{std::move(sink), clock, std::move(size)}) {}
LiveView::~LiveView() = default;

void LiveView::on(const RunEvent& event) {
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  if (std::holds_alternative<Waiting>(event)) s.waiting_since = s.clock.now();
  const std::string kept = s.board.apply(event);
  const bool can_wait = std::holds_alternative<SiteProgress>(event);
  if (can_wait && s.ever && s.clock.now() - s.last_draw < kRedraw) return;
  s.draw(kept);
}

void LiveView::keep(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  state_->draw(printable(line));
}

bool PlainView::is_new(const Waiting& waiting) {
  if (waiting_ && waiting_->what == waiting.what &&
      std::includes(waiting_->sites.begin(), waiting_->sites.end(), waiting.sites.begin(), waiting.sites.end()))
    return false;
  waiting_ = waiting;
  return true;
}

void PlainView::on(const RunEvent& event) {
  if (std::holds_alternative<RoundStarted>(event) || std::holds_alternative<SiteLeft>(event)) waiting_.reset();
  if (const auto* waiting = std::get_if<Waiting>(&event); waiting != nullptr && !is_new(*waiting)) return;
  const std::string line = event_line(event);
  if (!line.empty()) sink_(line + "\n");
}

namespace {

class LoggedLiveView final : public RunObserver {
 public:
  LoggedLiveView(TextSink sink, const Clock& clock, std::function<TerminalSize()> size)
      : view_(std::move(sink), clock, std::move(size)) {
    if (::isatty(STDERR_FILENO) == 1) log::set_sink([this](std::string_view line) { view_.keep(line); });
  }
  ~LoggedLiveView() override { log::set_sink(nullptr); }
  LoggedLiveView(const LoggedLiveView&) = delete;
  LoggedLiveView& operator=(const LoggedLiveView&) = delete;
  void on(const RunEvent& event) override { view_.on(event); }

 private:
  LiveView view_;
};

}  // namespace

std::unique_ptr<RunObserver> make_terminal_view(std::FILE* file, const Clock& clock) {
  TextSink sink = [file](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file);
    std::fflush(file);
  };
  const char* terminal = std::getenv("TERM");
  const bool can_move = terminal != nullptr && std::string_view(terminal) != "dumb" && ::isatty(::fileno(file)) == 1;
  if (!can_move)
    return std::make_unique<PlainView>(
        [sink](std::string_view line) { sink(time_of_day() + " " + std::string(line)); });
  return std::make_unique<LoggedLiveView>(std::move(sink), clock, [file] { return size_of(::fileno(file)); });
}

}  // namespace weft::telemetry
