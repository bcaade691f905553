// Where log lines go while a live view draws on the terminal: it must know every line that comes between.
#pragma once
#include <functional>
#include <string_view>

namespace weft::log {

// A formatted line without its end. Called by one thread at a time, and must not log itself.
using Sink = std::function<void(std::string_view line)>;
void set_sink(Sink sink);  // nullptr: stderr again. When it returns, the former one is called no more

}  // namespace weft::log
