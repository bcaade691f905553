// A full disk: one clear error, nothing committed is lost, and the run goes on when there is space again.
#include <gtest/gtest.h>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

TEST(DiskFullTest, TheRunGoesOnWhenThereIsSpaceAgain) {
  const Job job({.rounds = 2, .local_steps = 6, .rank = 256});  // an adapter of 200 KB, a ledger of less
  ASSERT_EQ(job.simulate("reference").code, 0);
  const Arguments arguments{"simulate", job.run_file(), "--out", job.place / "out"};
  const Ended full = weft(arguments, 150'000);
  expect_one_error(full, 1, {(job.place / "out").string(), "File too large"});
  Arguments resume = arguments;
  resume.emplace_back("--resume");
  const Ended resumed = weft(resume);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(job.adapter_sha256("out"), job.adapter_sha256("reference"));
}

TEST(DiskFullTest, AMergedModelIsWholeOrAbsent) {
  const Job job({.rounds = 1});
  ASSERT_EQ(job.simulate("out").code, 0);
  const Ended full = weft({"export", job.place / "out", "--merge", "--out", job.place / "merged"}, 20'000);
  expect_one_error(full, 1, {"merged", "disk full"});
  for (const auto& entry : std::filesystem::directory_iterator(job.place.path()))
    EXPECT_EQ(entry.path().filename().string().find("merged"), std::string::npos) << entry.path();
}

}  // namespace
}  // namespace weft::cli
