// Several observers as one.
#pragma once
#include <memory>
#include <vector>

#include "common/telemetry/run_observer.h"

namespace weft::telemetry {

class FanOut final : public RunObserver {
 public:
  void add(std::unique_ptr<RunObserver> observer) { observers_.push_back(std::move(observer)); }
  void on(const RunEvent& event) override {
    for (const auto& observer : observers_) observer->on(event);
  }

 private:
  std::vector<std::unique_ptr<RunObserver>> observers_;
};

}  // namespace weft::telemetry
