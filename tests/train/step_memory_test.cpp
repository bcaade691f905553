// Memory that is freed and taken again costs no page faults.
#include "common/train/step_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>
#include <vector>

namespace weft::train {
namespace {

long page_faults_of(int steps) {
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  for (int step = 0; step < steps; ++step) {
    std::vector<std::unique_ptr<char[]>> tensors;
    for (int i = 0; i < 8; ++i) {
      tensors.emplace_back(new char[5 << 20]);
      std::memset(tensors.back().get(), step, 5 << 20);
    }
  }
  ::getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(StepMemoryTest, TheSecondStepTouchesPagesOfTheFirst) {
  keep_freed_memory();
  page_faults_of(1);
  EXPECT_LT(page_faults_of(10), 1024);  // 10 steps of 40 MiB are 102,400 pages
}

}  // namespace
}  // namespace weft::train
