// Judging a run by the site's own file.
#include "worker/policy.h"

#include <algorithm>

#include "common/base/joined.h"

namespace weft::worker {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a run file may leave out is judged as the training would take it: see train_config.h and run_file.h.
constexpr std::int64_t kUsualBatchSize = 32, kUsualTokens = 512;

std::optional<Refusal> above(const std::string& what, std::int64_t got, std::int64_t limit, const char* key) {
  if (got <= limit) return std::nullopt;
  const std::string reason =
      what + ": " + std::to_string(got) + ", this site allows " + std::to_string(limit) + " (policy." + key + ")";
  return Refusal{reason, reason};
}

Refusal not_listed(const std::string& what, const std::vector<std::string>& allowed, const char* key) {
  const std::string no = what + " is not allowed here";
  return {no + "; policy." + key + " has: " + joined(allowed), no + " (policy." + key + ")"};
}

std::optional<Refusal> outside(const std::string& what, const std::string& got, const std::vector<std::string>& allowed,
                               const char* key) {
  if (allowed.empty() || contains(allowed, got)) return std::nullopt;
  return not_listed(what + " \"" + got + "\"", allowed, key);
}

// All that the site's administrator and the run's would have to talk about.
std::optional<Refusal> check_settings(const Policy& policy, const YamlView& settings) {
  const YamlView task = settings.child("task"), train = settings.child("train");
  const std::string method = settings.child("adapter").text("method", "lora");
  std::optional<Refusal> all;
  for (const std::optional<Refusal>& one :
       {outside("task", task.text("kind"), policy.tasks, "tasks"),
        outside("adapter method", method, policy.adapter_methods, "adapter_methods"),
        above("rounds.count", settings.child("rounds").integer("count"), policy.max_rounds, "max_rounds"),
        above("train.local_steps", train.integer("local_steps"), policy.max_local_steps, "max_local_steps"),
        above("train.batch_size", train.integer("batch_size", kUsualBatchSize), policy.max_batch_size,
              "max_batch_size"),
        above("task.max_tokens", task.integer("max_tokens", kUsualTokens), policy.max_tokens, "max_tokens")}) {
    if (!one) continue;
    all = all ? Refusal{all->reason + "; " + one->reason, all->told + "; " + one->told} : one;
  }
  return all;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // let the last * take one character more
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Policy Policy::parse(const YamlView& policy) {
  Policy result;
  result.runs = policy.texts("runs", result.runs);
  result.base_digests = policy.texts("base_digests", result.base_digests);
  result.tasks = policy.texts("tasks", result.tasks);
  result.adapter_methods = policy.texts("adapter_methods", result.adapter_methods);
  result.max_rounds = policy.integer("max_rounds", result.max_rounds, {.min = 1});
  result.max_local_steps = policy.integer("max_local_steps", result.max_local_steps, {.min = 1});
  result.max_batch_size = policy.integer("max_batch_size", result.max_batch_size, {.min = 1});
  result.max_tokens = policy.integer("max_tokens", result.max_tokens, {.min = 1});
  result.max_trainings = policy.integer("max_trainings", result.max_trainings, {.min = 1});
  result.max_scorings = policy.integer("max_scorings", result.max_scorings, {.min = 1});
  result.max_parameters = policy.integer("max_parameters", result.max_parameters, {.min = 1});
  result.min_examples = policy.integer("min_examples", result.min_examples, {.min = 1});
  result.min_scored = policy.integer("min_scored", result.min_scored, {.min = 1});
  result.score_train = policy.boolean("score_train", result.score_train);
  for (const std::string& digest : result.base_digests)
    if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
      policy.fail("base_digests", "\"" + digest + "\" is not a digest; expected 64 lower-case hex characters");
  return result;
}

std::optional<Refusal> Policy::refusal(const wire::Welcome& welcome) const {
  if (std::none_of(runs.begin(), runs.end(), [&](const std::string& glob) { return glob_matches(glob, welcome.run); }))
    return not_listed("run \"" + welcome.run + "\"", runs, "runs");
  if (!base_digests.empty() && !contains(base_digests, welcome.base_digest))
    return not_listed("base model " + welcome.base_digest, base_digests, "base_digests");
  try {
    return check_settings(*this, YamlView::parse(welcome.settings, "settings from the coordinator"));
  } catch (const ConfigError& error) {
    const std::string reason = std::string("the run's settings cannot be judged: ") + error.what();
    return Refusal{reason, reason};
  }
}

std::optional<Refusal> Policy::refusal(const fl::SiteFacts& facts) const {
  if (auto no = above("trained parameters", static_cast<std::int64_t>(facts.manifest->total()), max_parameters,
                      "max_parameters"))
    return no;
  const auto train = facts.examples.find("train");
  const std::uint64_t examples = train == facts.examples.end() ? 0 : train->second;
  if (examples >= static_cast<std::uint64_t>(min_examples)) return std::nullopt;
  return Refusal{"training examples: " + std::to_string(examples) + ", this site trains with no fewer than " +
                     std::to_string(min_examples) + " (policy.min_examples)",
                 "it has too few training examples (policy.min_examples)"};
}

std::optional<Refusal> Policy::training_refusal(std::uint32_t round, const RunCounts& so_far) const {
  if (auto no = above("round", round, max_rounds, "max_rounds")) return no;
  return above("trainings in runs of this name", so_far.trainings + 1, max_trainings, "max_trainings");
}

std::optional<Refusal> Policy::steps_refusal(std::uint32_t local_steps) const {
  return above("local_steps", local_steps, max_local_steps, "max_local_steps");
}

std::optional<Refusal> Policy::scoring_refusal(const RunCounts& so_far) const {
  return above("scorings in runs of this name", so_far.scorings + 1, max_scorings, "max_scorings");
}

}  // namespace weft::worker
