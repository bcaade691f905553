// Room for the texts that the stages of a tokenizer make on the way. What is added stays where it is.
#pragma once
#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace weft::text {

class TextPool {
 public:
  // Uninitialised room for `size` bytes.
  char* allocate(std::size_t size) {
    if (used_ + size > capacity_) grow(size);
    char* at = blocks_.back().get() + used_;
    used_ += size;
    return at;
  }
  // `first` and `second` joined.
  std::string_view add(std::string_view first, std::string_view second) {
    char* at = allocate(first.size() + second.size());
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), at));
    return {at, first.size() + second.size()};
  }

 private:
  void grow(std::size_t size) {
    capacity_ = std::max(size, 2 * capacity_);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(capacity_));
    used_ = 0;
  }
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = 0, capacity_ = 0;
};

}  // namespace weft::text
