#include "common/base/result.h"

namespace weft {

void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  throw std::logic_error(std::string("internal error: ") + message + " [" + expression + " at " + file + ":" +
                         std::to_string(line) + "]; please report it");
}

}  // namespace weft
