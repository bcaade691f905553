// Runs a fuzz target without libFuzzer, so that every build tests it: each file of the corpus folder given as argument,
// then a fixed number of mutations of those files. The same inputs on every run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int kMutations = 3000;
constexpr std::size_t kMaxGrowth = 64;

std::vector<Input> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// Overwrites, inserts, cuts or splices; most of the input stays, so that mutants get past the first checks.
Input mutate(Input input, const std::vector<Input>& corpus, std::mt19937_64& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random() % limit); };
  for (std::size_t step = 1 + below(4); step > 0; --step) {
    const std::size_t at = below(input.size() + 1);
    const auto where = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(5)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        if (at < input.size()) input[at] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 2:
        input.insert(where, 1 + below(kMaxGrowth), static_cast<std::uint8_t>(random()));
        break;
      case 3:
        input.resize(at);
        break;
      default: {
        const Input& other = corpus[below(corpus.size())];
        const std::size_t from = below(other.size() + 1);
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  return input;
}

// A copy of exactly its size, so that a sanitizer sees a read past its end.
void run(const Input& input) {
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Input> corpus = read_corpus(argc > 1 ? argv[1] : "");
  const std::size_t files = corpus.size();
  if (corpus.empty()) corpus = {{}, {'{', '}'}, Input(16, 0)};
  for (const Input& input : corpus) run(input);
  std::mt19937_64 random(7);
  for (int i = 0; i < kMutations; ++i) {
    const Input& seed = corpus[static_cast<std::size_t>(i) % corpus.size()];
    run(mutate(seed, corpus, random));
  }
  std::printf("%zu corpus files and %d mutations were survived\n", files, kMutations);
}
