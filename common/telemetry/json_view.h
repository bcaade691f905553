// Each event as one line of JSON, for machines:  {"event":"round_committed",...,"time":"2025-01-31T12:00:00Z"}
#pragma once
#include <iosfwd>

#include "common/base/clock.h"
#include "common/telemetry/run_observer.h"

namespace weft::telemetry {

class JsonView final : public RunObserver {
 public:
  // Both outlive the view. Every line is flushed.
  JsonView(std::ostream& out, const Clock& clock) : out_(out), clock_(clock) {}
  void on(const RunEvent& event) override;

 private:
  std::ostream& out_;
  const Clock& clock_;
};

}  // namespace weft::telemetry
