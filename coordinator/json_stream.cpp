#include "coordinator/json_stream.h"

#include <utility>

namespace weft::coordinator {
namespace {

// `depth`: how far its lines after the first stand from the margin. Within a text a line's end is written as \n.
std::string indented(const std::string& value, std::size_t depth) {
  std::string text;
  for (const char letter : value) {
    text += letter;
    if (letter == '\n') text.append(depth, ' ');
  }
  return text;
}

}  // namespace

void JsonStream::key(const std::string& name) {
  write_(std::string(std::exchange(empty_, false) ? "{" : ",") + "\n  \"" + name + "\": ");
}

void JsonStream::member(const std::string& name, const std::string& value) {
  key(name);
  write_(indented(value, 2));
}

void JsonStream::list(const std::string& name, const std::function<void(const Add&)>& fill) {
  key(name);
  bool none = true;
  fill([&](const std::string& element) {
    write_(std::string(std::exchange(none, false) ? "[" : ",") + "\n    " + indented(element, 4));
  });
  write_(none ? "[]" : "\n  ]");
}

void JsonStream::end() { write_("\n}\n"); }

}  // namespace weft::coordinator
