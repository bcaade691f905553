// A training that is under way survives its process: what is kept is found again, and only by the training it is of.
#include "worker/kept_training.h"

#include <gtest/gtest.h>

#include "tests/worker/worker_support.h"

namespace weft::worker {
namespace {

const TrainingKey kKey{.run_id = kRunId, .round = 3, .local_steps = 5, .adapter_digest = "abc"};
const Bytes kState{1, 2, 3, 4};

struct KeptTrainingTest : testing::Test {
  KeptTrainingTest() {
    std::string name = testing::TempDir() + "keptXXXXXX";
    folder = {.path = ::mkdtemp(name.data()), .clock = &clock};
    file = folder.path / (kRunId + ".training");
  }
  ~KeptTrainingTest() override { std::filesystem::remove_all(folder.path); }
  ManualClock clock;
  StateFolder folder;
  std::filesystem::path file;
};

TEST_F(KeptTrainingTest, IsFoundAgainByTheSameTrainingAlone) {
  EXPECT_FALSE(KeptTraining(folder, kKey).load());
  KeptTraining(folder, kKey).save(kState);
  EXPECT_EQ(KeptTraining(folder, kKey).load(), kState);
  TrainingKey round = kKey, steps = kKey, adapter = kKey;
  round.round = 4;
  steps.local_steps = 6;
  adapter.adapter_digest = "abd";
  for (const TrainingKey& other : {round, steps, adapter}) EXPECT_FALSE(KeptTraining(folder, other).load());
}

TEST_F(KeptTrainingTest, ATornFileBeginsTheTrainingAnew) {
  KeptTraining(folder, kKey).save(kState);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_FALSE(KeptTraining(folder, kKey).load());
}

TEST_F(KeptTrainingTest, IsDueEveryMinute) {
  KeptTraining kept(folder, kKey);
  EXPECT_FALSE(kept.due());
  clock.advance(Milliseconds(60'000));
  EXPECT_TRUE(kept.due());
  kept.save(kState);
  EXPECT_FALSE(kept.due());
}

TEST_F(KeptTrainingTest, IsDroppedWithItsRun) {
  KeptTraining(folder, kKey).save(kState);
  drop_kept_training(folder, std::string(32, 'b'));
  EXPECT_TRUE(std::filesystem::exists(file));
  drop_kept_training(folder, kRunId);
  EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace weft::worker
