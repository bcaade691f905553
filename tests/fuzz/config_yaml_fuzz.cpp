// Foreign text as the settings that a coordinator sends: a ConfigError, or a tree that every reader takes or refuses in
// words, and that is written as the same tree.
#include <cstdlib>
#include <functional>

#include "common/config/yaml_node.h"
#include "common/config/yaml_scalar.h"
#include "common/config/yaml_view.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;
using Node = YamlView::Node;

constexpr const char* kOrigin = "settings from the coordinator";

// True unless it refused, for which it must have a reason.
bool accepted(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    require(*error.what() != 0);
    return false;
  }
  return true;
}

// What a site's policy asks of them, before anything else does.
void judge(const YamlView& settings) {
  const YamlView task = settings.child("task"), train = settings.child("train");
  (void)settings.child("adapter").text("method", "lora");
  (void)task.text("kind");
  (void)settings.child("rounds").integer("count");
  (void)train.integer("local_steps");
  (void)train.integer("batch_size", 32);
  (void)task.integer("max_tokens", 512);
}

void read_all(const YamlView& map) {
  for (const std::string& key : map.keys()) {
    accepted([&] { (void)map.text(key); });
    accepted([&] { (void)map.choice(key, {"lora", "ia3"}); });
    accepted([&] { (void)map.number(key, {}, {.min = 0, .max = 1, .exclusive_max = true}); });
    accepted([&] { (void)map.integer(key, {}, {.min = 1}); });
    accepted([&] { (void)map.boolean(key); });
    accepted([&] { (void)map.texts(key); });
    accepted([&] { (void)map.numbers(key); });
    accepted([&] { require(map.milliseconds(key) >= 0); });
    accepted([&] { map.fail(key, "is not wanted"); });
    accepted([&] { read_all(map.child(key)); });
    accepted([&] {
      for (const YamlView& child : map.children(key)) read_all(child);
    });
  }
}

bool same(const Node& one, const Node& other) {
  if (one.kind != other.kind || one.scalar != other.scalar || one.list.size() != other.list.size() ||
      one.map.size() != other.map.size() || config::parse_number(one) != config::parse_number(other) ||
      config::parse_milliseconds(one) != config::parse_milliseconds(other))
    return false;
  for (std::size_t i = 0; i < one.list.size(); ++i)
    if (!same(*one.list[i], *other.list[i])) return false;
  for (std::size_t i = 0; i < one.map.size(); ++i)
    if (one.map[i].first != other.map[i].first || !same(*one.map[i].second, *other.map[i].second)) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::shared_ptr<Node> root;
  if (!accepted([&] { root = config::parse_yaml(text, kOrigin, {}); })) {
    require(!accepted([&] { (void)YamlView::parse(text, kOrigin); }));
    return 0;
  }
  if (root->kind == Node::Kind::map)
    require(same(*root, *config::parse_yaml(config::dump_yaml(*root, {}), kOrigin, {})));
  accepted([&] {
    const YamlView settings = YamlView::parse(text, kOrigin);
    accepted([&] { judge(settings); });
    accepted([&] { settings.finish(); });
    read_all(settings);
    settings.finish();
    const std::string dumped = settings.dump();
    require(YamlView::parse(dumped, kOrigin).dump() == dumped);
  });
  return 0;
}
