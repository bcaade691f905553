// What a person should see of a run at this moment, built up from its events. No clock and no terminal: LiveView
// draws it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/telemetry/run_observer.h"

namespace weft::telemetry {

class RunBoard {
 public:
  // A line to keep above the block (a committed round, a refusal), or empty.
  std::string apply(const RunEvent& event);
  // The block, top to bottom, no line wider than `width` and no more lines than `height`: where the sites are too many,
  // busy ones come first and the others are counted. waited: seconds since the last Waiting event.
  std::vector<std::string> lines(std::size_t width, std::size_t height, double waited) const;

 private:
  struct Site {
    std::string state;  // where there is no progress: "idle", "done", "left: ..."
    SiteProgress progress;
    bool busy = false;
  };
  std::string site_line(const std::string& name, const Site& site, std::size_t name_width) const;
  std::string header() const;
  std::vector<std::string> shown_sites(std::size_t room) const;
  std::map<std::string, Site> sites_;
  std::uint32_t round_ = 0, of_ = 0;
  std::optional<double> loss_;
  // Validation scores of the newest version, by site, and which value of them is shown.
  std::uint32_t scored_version_ = 0;
  std::map<std::string, metrics::Tally> scores_;
  std::string primary_;
  std::optional<Waiting> waiting_;
};

// One event as a line of printable text without its line end; empty for progress.
std::string event_line(const RunEvent& event);
// "1 h 02 min", "3 min 05 s", "7 s"
std::string human_seconds(double seconds);

}  // namespace weft::telemetry
