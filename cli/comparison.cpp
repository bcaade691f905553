// Training alone and pooled beside the federated result, and scoring them all alike.
#include "cli/comparison.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "common/metrics/registry.h"
#include "common/train/evaluator.h"
#include "common/train/plain_training.h"

namespace weft::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Job = std::function<void(std::stop_token)>;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Tasks in their order on `lanes` threads. The first exception stops the others and is thrown.
void run_all(const std::vector<Job>& tasks, std::size_t lanes, std::stop_token stop) {
  std::atomic<std::size_t> next = 0;
  std::stop_source halt;
  const std::stop_callback pass_on(stop, [&] { halt.request_stop(); });
  std::exception_ptr first;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (std::size_t lane = 0; lane < std::min(lanes, tasks.size()); ++lane) {
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < tasks.size() && !halt.stop_requested(); i = next++) {
          try {
            tasks[i](halt.get_token());
          } catch (...) {
            const std::lock_guard lock(mutex);
            if (!first) first = std::current_exception();
            halt.request_stop();
          }
        }
      });
    }
  }
  if (stop.stop_requested()) throw Failure("the comparison was stopped");
  if (first) std::rethrow_exception(first);
}

train::EncodedSplits pool(const std::vector<ComparedSite>& sites) {
  train::EncodedSplits all;
  for (const ComparedSite& site : sites) {
    all.train.append(site.data->train);
    all.validation.append(site.data->validation);
  }
  return all;
}

// One adapter of the comparison.
struct Entry {
  std::string name;
  StateDict adapter;
  std::vector<metrics::Tally> tallies = {};  // of each site's test split
};

class Comparer {
 public:
  Comparer(const ComparisonJob& job, const Say& say) : job_(job), say_(say), pooled_(pool(job.sites)) {
    const auto sites = job.sites.size();
    result_.metric = train::scheme_of(job.settings->task).primary;
    result_.steps_alone = job.settings->rounds.count * job.settings->train.local_steps;
    result_.steps_pooled = result_.steps_alone * sites;
    for (const ComparedSite& site : job.sites) {
      result_.sites.push_back(site.name);
      result_.test_examples.push_back(site.data->test.size());
    }
  }

  Comparison run(std::stop_token stop) {
    const SteadyClock::time_point start = SteadyClock::now();
    train_all(stop);
    score_all(stop);
    result_.seconds = seconds_since(start);
    return std::move(result_);
  }

 private:
  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    if (say_) say_(line);
  }

  // The pooled job takes as long as all sites alone together; so half of the cores are its own, and the sites share
  // the other half. Whoever is done first helps with what is left of the sites.
  void train_all(std::stop_token stop) {
    const int threads = std::max(1, job_.threads);
    const std::size_t lanes =
        std::clamp<std::size_t>(static_cast<std::size_t>(job_.cores / 2 / threads), 1, job_.sites.size());
    const int pooled_threads = std::max(threads, job_.cores - static_cast<int>(lanes) * threads);
    say("comparing with each of " + std::to_string(job_.sites.size()) + " sites alone for " +
        std::to_string(result_.steps_alone) + " steps, and with all data pooled for " +
        std::to_string(result_.steps_pooled));
    entries_.resize(job_.sites.size() + 3);
    entries_.front() = {"base", *job_.initial};
    entries_[entries_.size() - 2] = {"federated", *job_.federated};
    std::vector<Job> tasks{[&](std::stop_token token) {
      entries_.back() = train("pooled", "pooled", pooled_, {result_.steps_pooled, pooled_threads}, token);
    }};
    for (std::size_t i = 0; i < job_.sites.size(); ++i) {
      tasks.push_back([&, i, threads](std::stop_token token) {
        const ComparedSite& site = job_.sites[i];
        entries_[i + 1] = train(site.name + " alone", site.name, *site.data, {result_.steps_alone, threads}, token);
      });
    }
    run_all(tasks, lanes + 1, stop);
  }

  struct Effort {
    std::uint64_t steps = 0;
    int threads = 1;
  };
  Entry train(const std::string& name, const std::string& streams, const train::EncodedSplits& data,
              const Effort& effort, std::stop_token stop) {
    std::uint64_t told = 0;
    const auto progress = [&](const fl::TrainProgress& now) {
      const std::uint64_t quarter = 4 * now.done / std::max<std::uint64_t>(1, now.total);
      if (quarter == told || now.done == now.total) return;
      told = quarter;
      say(name + ": step " + std::to_string(now.done) + " of " + std::to_string(now.total));
    };
    const train::PlainResult trained = train::train_plainly({.task = job_.base->task.get(),
                                                             .data = &data.train,
                                                             .start = job_.initial,
                                                             .config = job_.settings->train,
                                                             .name = streams,
                                                             .steps = effort.steps,
                                                             .seed = job_.settings->seed,
                                                             .threads = effort.threads,
                                                             .validation = &data.validation,
                                                             .validate_every = effort.steps / rounds()},
                                                            progress, stop);
    say(name + ": " + std::to_string(effort.steps) + " steps in " + telemetry::fixed(trained.seconds, 1) + " s, " +
        (data.validation.size() == 0 ? "no validation examples"
                                     : "best validation " + metrics::title(result_.metric) + " " +
                                           metrics::shown(result_.metric, trained.best.value) + " after step " +
                                           std::to_string(trained.adapter_step)));
    return {name, trained.adapter};
  }

  void score_all(std::stop_token stop) {
    std::vector<Job> tasks;
    for (std::size_t row = 0; row < entries_.size(); ++row) {
      entries_[row].tallies.resize(job_.sites.size());
      for (std::size_t site = 0; site < job_.sites.size(); ++site)
        tasks.push_back([this, row, site](std::stop_token token) { score(row, site, token); });
    }
    run_all(tasks, static_cast<std::size_t>(std::max(1, job_.cores / std::max(1, job_.threads))), stop);
    for (const Entry& entry : entries_) result_.rows.push_back(row_of(entry));
  }

  void score(std::size_t row, std::size_t site, std::stop_token stop) {
    const data::EncodedDataset& test = job_.sites[site].data->test;
    if (test.size() == 0) return;
    const train::Score score =
        train::evaluate(*job_.base->task, entries_[row].adapter, test, {.threads = job_.threads}, {}, std::move(stop));
    entries_[row].tallies[site] = score.tally;
  }

  ComparisonRow row_of(const Entry& entry) const {
    const auto value = [&](const metrics::Tally& tally) {
      return metrics::value(tally, result_.metric).value_or(std::nan(""));
    };
    ComparisonRow row{.name = entry.name};
    metrics::Tally all;
    for (const metrics::Tally& tally : entry.tallies) {
      row.values.push_back(value(tally));
      all.merge(tally);
    }
    row.overall = value(all);
    return row;
  }

  std::uint64_t rounds() const { return job_.settings->rounds.count; }

  const ComparisonJob& job_;
  const Say& say_;
  train::EncodedSplits pooled_;  // without test data
  std::vector<Entry> entries_;
  Comparison result_;
  std::mutex mutex_;
};

}  // namespace

Comparison compare(const ComparisonJob& job, const Say& say, std::stop_token stop) {
  WEFT_CHECK(job.settings != nullptr && job.base != nullptr && job.initial != nullptr && job.federated != nullptr &&
                 !job.sites.empty(),
             "a comparison needs settings, base, adapters and sites");
  return Comparer(job, say).run(std::move(stop));
}

}  // namespace weft::cli
