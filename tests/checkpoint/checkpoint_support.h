// A small BERT-like folder with layers that are not square, adapters for it, and its forward pass by plain loops.
#pragma once
#include <filesystem>
#include <string>

#include "common/checkpoint/peft_folder.h"

namespace weft::checkpoint {

// A folder of its own for each test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, const std::string& text);
std::string read_file(const std::filesystem::path& path);

// "encoder.up.weight" [5, 3] and "encoder.down.weight" [3, 5] in fp32, no head.
void write_small_base(const std::filesystem::path& folder);
// Rank 2, alpha 6 on both layers, and a classifier of two classes.
PeftFolder small_adapter();

// logits = classifier(down(relu(up(x)))) with the adapter beside the base, scale applied as often as told.
std::vector<double> adapted_logits(const std::filesystem::path& base, const PeftFolder& adapter,
                                   const std::vector<double>& x, int scale_power = 1);
// The same from a merged folder.
std::vector<double> merged_logits(const std::filesystem::path& merged, const std::vector<double>& x);
double largest_difference(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace weft::checkpoint
