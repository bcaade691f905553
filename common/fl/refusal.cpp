// The table of kinds.
#include "common/fl/refusal.h"

#include <algorithm>
#include <array>

#include "common/base/result.h"

namespace weft::fl {
namespace {

struct Kind {
  RefusalKind kind;
  const char* name;
  bool of_update;
};

constexpr std::array kKinds{
    Kind{RefusalKind::unlisted, "unlisted", false},
    Kind{RefusalKind::protocol, "protocol", false},
    Kind{RefusalKind::base_model, "base_model", false},
    Kind{RefusalKind::layout, "layout", false},
    Kind{RefusalKind::revoked, "revoked", false},
    Kind{RefusalKind::flood, "flood", false},
    Kind{RefusalKind::declined, "declined", false},
    Kind{RefusalKind::put_aside, "put_aside", false},
    Kind{RefusalKind::version, "version", true},
    Kind{RefusalKind::size, "size", true},
    Kind{RefusalKind::digest, "digest", true},
    Kind{RefusalKind::not_finite, "not_finite", true},
    Kind{RefusalKind::norm, "norm", true},
    Kind{RefusalKind::examples, "examples", true},
    Kind{RefusalKind::steps, "steps", true},
    Kind{RefusalKind::late, "late", false},
    Kind{RefusalKind::repeated, "repeated", false},
};

const Kind& entry_of(RefusalKind kind) {
  for (const Kind& each : kKinds)
    if (each.kind == kind) return each;
  throw Failure("a refusal of no kind");
}

}  // namespace

const char* name_of(RefusalKind kind) { return entry_of(kind).name; }
bool is_of_update(RefusalKind kind) { return entry_of(kind).of_update; }
bool is_of_update(std::string_view name) {
  return std::any_of(kKinds.begin(), kKinds.end(),
                     [&](const Kind& each) { return each.of_update && name == each.name; });
}

}  // namespace weft::fl
