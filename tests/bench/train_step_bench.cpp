// Training speed on the CPU (see train_sentiment.h).
//   train_step_bench                    prints JSON lines for 1 and 2 threads
//   train_step_bench --serve THREADS    takes a step count a line and answers with a line, so that
//                                       scripts/bench/train_vs_peft.py can take turns with the reference
#include <ATen/Parallel.h>

#include "common/train/step_memory.h"
#include "tests/bench/train_sentiment.h"

int main(int argc, char** argv) {
  using weft::train::SentimentTraining;
  if (!weft::train::assets_are_here("train_step_bench")) return 1;
  weft::train::keep_freed_memory();
  if (argc == 3 && std::string(argv[1]) == "--serve") {
    at::set_num_threads(std::stoi(argv[2]));
    SentimentTraining training(at::kCPU);
    for (std::string line; std::getline(std::cin, line);)
      std::cout << training.turn(std::stoull(line)).dump() << std::endl;
    return 0;
  }
  SentimentTraining training(at::kCPU);
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    training.show_rate("train " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"), 20);
  }
}
