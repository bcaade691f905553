// How fast is text tokenized on one thread? The sentiment texts, one by one, by a tokenizer of each kind; MB/s and
// tokens/s, a JSON line each. With --serve it takes the path of a tokenizer.json a line and answers with a line.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/text/tokenizer.h"

namespace {

using weft::text::Tokenizer;

constexpr double kTurnSeconds = 0.7;

std::vector<std::string> sentiment_texts() {
  std::vector<std::string> texts;
  for (const char* name : {"tweets", "reviews", "films", "editorials"}) {
    std::ifstream file(".deps/data/sentiment/" + std::string(name) + ".tsv");
    for (std::string line; std::getline(file, line);) texts.push_back(line.substr(line.rfind('\t') + 1));
  }
  return texts;
}

nlohmann::json measure(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  std::size_t bytes = 0, tokens = 0;
  const auto start = std::chrono::steady_clock::now();
  double seconds = 0;
  while (seconds < kTurnSeconds) {
    for (const auto& text : texts) {
      tokens += tokenizer.encode(text).ids.size();
      bytes += text.size();
    }
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return {{"bench", "text_tokenizer"},
          {"mb_per_s", static_cast<double>(bytes) / seconds / 1e6},
          {"tokens_per_s", static_cast<double>(tokens) / seconds}};
}

}  // namespace

int main(int argc, char** argv) {
  const auto texts = sentiment_texts();
  if (texts.empty()) {
    std::cerr << "text_tokenizer_bench: .deps/data/sentiment is not there; run it at the top of the project, after "
                 "./run setup\n";
    return 1;
  }
  if (argc > 1 && std::string(argv[1]) == "--serve") {
    std::map<std::string, Tokenizer> loaded;
    for (std::string path; std::getline(std::cin, path);) {
      if (!loaded.contains(path)) loaded.emplace(path, Tokenizer::load(path).value());
      std::cout << measure(loaded.at(path), texts).dump() << std::endl;
    }
    return 0;
  }
  for (const char* path : {".deps/models/all-MiniLM-L6-v2", ".deps/tokenizers/gpt-2", ".deps/tokenizers/llama-bpe",
                           ".deps/tokenizers/qwen2", ".deps/tokenizers/llama-spm", ".deps/tokenizers/nomic-bert-moe"}) {
    const auto file = std::filesystem::path(path) / "tokenizer.json";
    if (!std::filesystem::exists(file)) continue;
    const auto start = std::chrono::steady_clock::now();
    const auto tokenizer = Tokenizer::load(file).value();
    const double load = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    auto result = measure(tokenizer, texts);
    result["tokenizer"] = path;
    result["load_s"] = load;
    std::cout << result.dump() << std::endl;
  }
}
