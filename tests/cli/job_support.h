// A small federated job in a temporary folder: a random three-layer BERT, three sites with a few dozen sentences each,
// and what the deployment of it needs.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tests/cli/weft_support.h"

namespace weft::cli {

struct JobSize {
  int rounds = 2, local_steps = 6, rank = 4;
};

struct Job {
  explicit Job(const JobSize& size = {});

  const std::vector<std::string> sites{"alder", "birch", "cedar"};
  TemporaryPlace place;
  std::filesystem::path model() const { return place / "model"; }
  std::filesystem::path run_file() const { return place / "run.yaml"; }
  std::filesystem::path data_of(const std::string& site) const { return place / ("data/" + site + ".tsv"); }

  // simulate, to a folder of that name in `place`.
  Ended simulate(const std::string& out, const Arguments& more = {}) const;
  nlohmann::json summary(const std::string& out) const;
  std::string adapter_sha256(const std::string& out) const;  // of its summary
};

// A tokenizer.json in which each of the marks, which are special, and each of the characters is a token.
nlohmann::json letter_tokenizer(const std::vector<std::string>& marks, const std::string& characters);

// What a tester by hand may choose.
int from_environment(const char* name, int fallback);

// Replaces the first occurrence of `from`, which must be there.
void edit(const std::filesystem::path& file, const std::string& from, const std::string& to);

// Coordinator and workers of a job as processes of their own, with a PKI.
class Deployment {
 public:
  explicit Deployment(const Job& job);
  std::filesystem::path pki() const { return job_.place / "pki"; }
  std::filesystem::path site_file(const std::string& site) const { return job_.place / ("site-" + site + ".yaml"); }
  const std::string& endpoint() const { return endpoint_; }
  std::filesystem::path out() const { return job_.place / "deployed"; }

  // With --json; `resume` after it was killed.
  std::unique_ptr<Weft> coordinator(const Arguments& more = {}) const;
  std::unique_ptr<Weft> worker(const std::string& site, const Arguments& more = {}) const;
  void write_site_file(const std::string& site, const std::string& coordinator) const;

 private:
  const Job& job_;
  std::string endpoint_;
};

// A job that has run in one process, as `reference`, and is to run deployed.
class DeployedTest : public testing::Test {
 protected:
  explicit DeployedTest(const JobSize& size) : job_(size) {}
  void SetUp() override;
  void start_workers();
  // The run ends well everywhere, with the reference's bits.
  void expect_same_result(Weft& coordinator);

  Job job_;
  Deployment deployment_{job_};
  std::map<std::string, std::unique_ptr<Weft>> workers_;
};

}  // namespace weft::cli
