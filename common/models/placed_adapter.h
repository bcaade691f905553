// What a model trains, once its adapter has found its modules: names, shapes, and how each tensor starts.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "common/adapter/adapter_config.h"
#include "common/base/rng.h"
#include "common/tensor/state_dict.h"

namespace weft::models {

// Fills in a tensor. Draws only from streams that it names itself, so the order of tensors does not matter.
using Start = std::function<void(const Rng& rng, std::span<float> values)>;

struct PlacedAdapter {
  AdapterConfig config;  // with modules_to_save resolved, and all-linear as a list of names
  bool fan_in_fan_out = false;
  std::shared_ptr<const Manifest> manifest;
  std::map<std::string, Start> starts;  // of every tensor of the manifest
  StateDict initial_state(const Rng& rng) const {
    StateDict state = StateDict::zeros(manifest);
    for (const auto& [name, start] : starts) start(rng, state.tensor(name));
    return state;
  }
};

}  // namespace weft::models
