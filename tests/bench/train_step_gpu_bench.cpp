// Training speed on the first GPU (see train_sentiment.h).
#include <ATen/Context.h>

#include "tests/bench/train_sentiment.h"

int main() {
  if (!at::hasCUDA() || at::getNumGPUs() == 0) {
    std::cerr << "train_step_gpu_bench: LibTorch shows no GPU\n";
    return 1;
  }
  if (!weft::train::assets_are_here("train_step_gpu_bench")) return 1;
  weft::train::SentimentTraining training(at::Device(at::kCUDA, 0));
  training.show_rate("train on cuda:0", 100);
}
