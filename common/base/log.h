// One logging facade for the whole program, so that no header drags in a logging library. Never log keys, data
// samples or raw updates. Safe from any thread. Lines go to stderr; stdout is for results.
#pragma once
#include <string>

namespace weft::log {

enum class Level { debug, info, warn, error };

void set_level(Level level);
void set_prefix(const std::string& who);  // shown before every line: "coordinator", a site's name
void debug(const std::string& message);
void info(const std::string& message);
void warn(const std::string& message);
void error(const std::string& message);

}  // namespace weft::log
