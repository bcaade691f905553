// What a person sees of a run. On a terminal a live block: the round with its last loss and validation score, one
// line per site with stage, bar and rate, and who is waited for until when. Elsewhere one plain line an event.
#pragma once
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/telemetry/run_observer.h"

namespace weft::telemetry {

using TextSink = std::function<void(std::string_view)>;

struct TerminalSize {
  std::size_t columns = 80, rows = 24;
};

// The live block. Redraws at most every 100 ms while sites make progress, at once for anything else.
class LiveView final : public RunObserver {
 public:
  // `size` is asked at every draw, for a person may resize the window. The clock outlives the view.
  LiveView(TextSink sink, const Clock& clock, std::function<TerminalSize()> size);
  ~LiveView() override;
  void on(const RunEvent& event) override;
  // A line of somebody else's, a log's for instance, to stand above the block. Any thread.
  void keep(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One line an event. Left out are progress, and for whom the run waits when it is for nobody new: lines before tell who
// is through.
class PlainView final : public RunObserver {
 public:
  explicit PlainView(TextSink sink) : sink_(std::move(sink)) {}
  void on(const RunEvent& event) override;

 private:
  bool is_new(const Waiting& waiting);
  TextSink sink_;
  std::optional<Waiting> waiting_;  // as printed last in this round
};

// LiveView if `file` is a terminal that can move its cursor, else PlainView with the time of day before each line. The
// clock outlives the view. While a LiveView lives, log lines that would come to the same terminal go through it.
std::unique_ptr<RunObserver> make_terminal_view(std::FILE* file, const Clock& clock);

}  // namespace weft::telemetry
