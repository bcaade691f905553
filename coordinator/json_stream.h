// JSON that is written as it is made, so that no more than a member of it, or an element of a list, is in memory.
#pragma once
#include <functional>
#include <string>

namespace weft::coordinator {

// One object, as dump(2) of the whole would write it, and a line's end. Values are JSON of that form already.
class JsonStream {
 public:
  using Add = std::function<void(const std::string& element)>;
  explicit JsonStream(std::function<void(const std::string&)> write) : write_(std::move(write)) {}
  void member(const std::string& name, const std::string& value);
  void list(const std::string& name, const std::function<void(const Add&)>& fill);  // which adds its elements
  void end();                                                                       // once; it has members

 private:
  void key(const std::string& name);

  std::function<void(const std::string&)> write_;
  bool empty_ = true;
};

}  // namespace weft::coordinator
