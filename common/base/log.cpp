#include "common/base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/log_sink.h"

namespace weft::log {
namespace {

class RoutedSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void route(Sink to) {
    const std::lock_guard lock(mutex_);
    to_ = std::move(to);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!to_) return terminal_.log(message);
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    while (text.ends_with('\n')) text.remove_suffix(1);
    to_(text);
  }
  void flush_() override { terminal_.flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    terminal_.set_formatter(formatter->clone());
    base_sink::set_formatter_(std::move(formatter));
  }

  spdlog::sinks::stderr_color_sink_mt terminal_;
  Sink to_;
};

RoutedSink& routed_sink() {
  static const auto instance = std::make_shared<RoutedSink>();
  return *instance;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    // Not owned: both live to the end of the program.
    auto made = std::make_shared<spdlog::logger>(
        "weft", std::shared_ptr<spdlog::sinks::sink>(&routed_sink(), [](spdlog::sinks::sink*) {}));
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

void set_sink(Sink sink) { routed_sink().route(std::move(sink)); }

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
