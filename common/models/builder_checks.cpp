// What a builder holds against a checkpoint and an adapter block, and what it tells of them.
#include <algorithm>
#include <cctype>
#include <set>

#include "common/adapter/module_rules.h"
#include "common/base/nearest.h"
#include "common/base/result.h"
#include "common/models/builder.h"

namespace weft::models {
namespace {

std::vector<std::string> texts(const std::vector<std::string_view>& names) { return {names.begin(), names.end()}; }

std::string joined(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text += (text.empty() ? "" : ", ") + names[i];
  return text + (names.size() > most ? ", ..." : "");
}

}  // namespace

void ModelBuilder::fail_adapter(const std::string& key, const std::string& problem) const {
  throw ConfigError(request_.adapter_place + key + ": " + problem);
}

// What is new is of no use untrained. What lies below a head that is trained goes with it, named or not.
void ModelBuilder::check_trained(const std::string& head, std::int64_t in, std::int64_t out) {
  const std::optional<std::vector<std::int64_t>> there = checkpoint_.shape_of(stored(head + ".weight"));
  const bool named = trained_whole(head, false);
  if (named && there) {
    ignore(head + ".weight");
    ignore(head + ".bias");
    notes_.push_back(checkpoint_.folder().string() + ": its " + head + " is for other labels or another task (" +
                     shape_text(*there) + ", the run needs " + shape_text({out, in}) + "); a fresh one is trained");
  }
  if (named) return;
  const FamilyHead& known = *names_.head(request_.task);
  const bool below = std::find(known.below.begin(), known.below.end(), head) != known.below.end();
  const bool with_head = std::all_of(known.modules.begin(), known.modules.end(), [&](std::string_view module) {
    return is_saved_whole(*adapter_.modules_to_save, std::string(module));
  });
  if (below && with_head) {
    adapter_.modules_to_save->push_back(head);
    notes_.push_back(checkpoint_.folder().string() + " has no " + head + ": a fresh one is trained with the head");
    return;
  }
  head_problems_.push_back(request_.adapter_place + "modules_to_save does not name " + head + ", and the checkpoint " +
                           checkpoint_.folder().string() +
                           (there ? " has one for other labels or another task: " + shape_text(*there) +
                                        ", the run needs " + shape_text({out, in}) +
                                        ". Add it to the list, so that a fresh one is trained, or give the task the "
                                        "labels of that head."
                                  : " has none. Add it to the list."));
}

// A head that was trained to tell the same classes in another order would be wrong without a word. Other names are
// those of a head to go on from.
void ModelBuilder::check_order_of_labels() const {
  if (!config().has("id2label")) return;
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  };
  std::vector<std::string> theirs, ours;
  const ModelConfig stored = config().section("id2label");
  for (std::size_t i = 0; i < request_.labels.size(); ++i) {
    theirs.push_back(lower(stored.text(std::to_string(i), "")));
    ours.push_back(lower(request_.labels[i]));
  }
  if (theirs == ours || !std::is_permutation(theirs.begin(), theirs.end(), ours.begin(), ours.end())) return;
  config().fail("id2label: the head in this checkpoint tells [" + joined(theirs, 20) + "], task.labels has [" +
                joined(ours, 20) + "]; list task.labels in the checkpoint's order");
}

void ModelBuilder::check_names() {
  for (const std::string& saved : *adapter_.modules_to_save) {
    // PEFT lists these two for every classifier.
    if (saved == "classifier" || saved == "score") continue;
    if (std::none_of(modules_.begin(), modules_.end(),
                     [&](const std::string& module) { return is_saved_whole({saved}, module); }))
      fail_adapter("modules_to_save", "\"" + saved + "\" is no module of " + checkpoint_.folder().string() +
                                          "; its head has " + joined(texts(names_.head(request_.task)->modules), 9));
  }
  if (!head_problems_.empty()) throw ConfigError(head_problems_.front());
  if (adapter_.method == AdapterMethod::bitfit) return;
  check_targets();
  check_feedforward();
}

// Each name of target_modules is that of some module, be it one of a head that is trained whole, as PEFT lists them for
// all-linear; layers_to_transform and exclude_modules leave some of them.
void ModelBuilder::check_targets() {
  const auto meant_by = [](const AdapterConfig& config, const std::vector<std::string>& modules) {
    std::vector<std::string> meant;
    for (const std::string& module : modules)
      if (is_target(config, module)) meant.push_back(module);
    return meant;
  };
  const std::string model = checkpoint_.folder().string();
  AdapterConfig all = adapter_;  // whatever the layer, and none left out
  all.exclude_modules = {};
  all.layers_to_transform.clear();
  std::vector<std::string> whole;
  for (const std::string& module : modules_)
    if (is_saved_whole(*adapter_.modules_to_save, module)) whole.push_back(module);
  if (const std::string& pattern = all.target_modules.pattern;
      !pattern.empty() && adapted_.empty() && meant_by(all, linears_).empty())
    fail_adapter("target_modules", "no module of " + model + " fits \"" + pattern + "\"" + linears_text(pattern));
  for (const std::string& name : adapter_.target_modules.names) {
    AdapterConfig one = all;
    one.target_modules.names = {name};
    if (meant_by(one, adapted_).empty() && meant_by(one, linears_).empty() && meant_by(one, whole).empty())
      fail_adapter("target_modules",
                   "no linear layer of " + model + " is called \"" + name + "\"" + linears_text(name));
  }
  AdapterConfig every = adapter_;
  every.exclude_modules = {};
  const std::vector<std::string> excluded = meant_by(every, linears_);
  for (const std::int64_t layer : adapter_.layers_to_transform) {
    AdapterConfig one = all;
    one.layers_to_transform = {layer};
    if (!meant_by(one, linears_).empty()) continue;
    const std::string problem = "no layer " + std::to_string(layer) + " has one of target_modules, which are in " +
                                joined(meant_by(all, linears_), 3) + "; the first layer is 0";
    if (excluded.empty()) fail_adapter("layers_to_transform", problem);
    notes_.push_back(request_.adapter_place + "layers_to_transform: " + problem);
  }
  if (adapted_.empty() && !excluded.empty())
    fail_adapter("exclude_modules", "leaves none of target_modules, which are " + joined(excluded, 7));
}

// "; did you mean X? Its linear layers end in a, b, c".
std::string ModelBuilder::linears_text(const std::string& meant) const {
  std::set<std::string> endings;
  for (const std::string& linear : linears_) endings.insert(linear.substr(linear.rfind('.') + 1));
  std::set<std::string> known = endings;
  known.insert("all-linear");
  const std::string near = nearest(meant, known);
  return (near.empty() ? "" : "; did you mean " + near + "?") + ". Its linear layers end in " +
         joined({endings.begin(), endings.end()}, 20);
}

void ModelBuilder::check_feedforward() const {
  for (const std::string& name : adapter_.feedforward_modules.names)
    if (std::none_of(adapted_.begin(), adapted_.end(),
                     [&](const std::string& module) { return module.ends_with(name); }))
      fail_adapter("feedforward_modules", "\"" + name + "\" is none of target_modules");
  if (const std::string& pattern = adapter_.feedforward_modules.pattern;
      !pattern.empty() && std::none_of(adapted_.begin(), adapted_.end(),
                                       [&](const std::string& module) { return is_feedforward(adapter_, module); }))
    fail_adapter("feedforward_modules", "none of target_modules fits \"" + pattern + "\"");
}

PlacedAdapter ModelBuilder::finish() {
  const std::vector<std::string> over =
      reader_.finish([&](const std::string& tensor) { return names_.of_some_head(tensor); });
  check_names();
  if (!over.empty())
    notes_.insert(notes_.begin(),
                  checkpoint_.folder().string() +
                      ": passed over tensors of a head that this task does not use: " + joined(over, 20));
  PlacedAdapter placed{.config = adapter_, .fan_in_fan_out = fan_in_fan_out_, .manifest = {}, .starts = {}};
  if (adapter_.target_modules.all_linear) placed.config.target_modules = {.names = adapted_};
  placed.manifest = std::make_shared<const Manifest>(Manifest::build(std::move(shapes_)).value());
  placed.starts = std::move(starts_);
  return placed;
}

}  // namespace weft::models
