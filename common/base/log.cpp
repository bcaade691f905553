#include "common/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace weft::log {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("weft", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

// What a peer said must not look like a line of ours: further lines are indented, other control characters are marked.
std::string safe(const std::string& message) {
  std::string out;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\n    ";
    else
      out += (byte < 0x20 && c != '\t') || byte == 0x7f ? '?' : c;
  }
  return out;
}

}  // namespace

void set_level(Level level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  logger().set_level(kLevels[static_cast<int>(level)]);
}
void set_prefix(const std::string& who) { logger().set_pattern("%H:%M:%S %^%l%$ [" + who + "] %v"); }
void debug(const std::string& message) { logger().debug("{}", safe(message)); }
void info(const std::string& message) { logger().info("{}", safe(message)); }
void warn(const std::string& message) { logger().warn("{}", safe(message)); }
void error(const std::string& message) { logger().error("{}", safe(message)); }

}  // namespace weft::log
