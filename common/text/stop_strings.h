// Ends a text that comes in pieces before any of some strings: what may be the beginning of one is held back until it
// is certain.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace weft::text {

class StopStrings {
 public:
  // Empty strings are left out.
  explicit StopStrings(std::vector<std::string> strings);
  // The text that is certain now and was not before. Nothing once one was found.
  std::string push(std::string_view fresh);
  // What was held back. Nothing once one was found.
  std::string finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> strings_;
  std::string held_;
  bool found_ = false;
};

}  // namespace weft::text
