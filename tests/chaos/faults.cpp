// What goes wrong, and when.
#include "tests/chaos/nodes.h"

namespace weft::chaos {

World::Node& World::any_node() { return *nodes_[random_.below(nodes_.size())]; }

void World::plan_faults(TimePoint until) {
  const auto span = static_cast<std::uint64_t>((until - schedule_.now()).count());
  if (random_.below(3) == 0) network_.frame_fault = 0.02 * random_.uniform();
  network_.jitter = Milliseconds(1 + random_.below(2'000));
  for (std::uint64_t count = random_.below(40); count > 0; --count)
    schedule_.after(Milliseconds(random_.below(span)), [this] {
      if (!calm_) fault(random_.below(3) == 0 ? *nodes_.front() : any_node());
    });
}

void World::fault(Node& node) {
  const Milliseconds lasting(500 + random_.below(random_.below(4) == 0 ? 200'000 : 15'000));
  const auto over = [&](std::function<void()> what) { schedule_.after(lasting, std::move(what)); };
  switch (random_.below(7)) {
    case 0:  // kill -9, some steps from now
    case 1:
      if (node.machine.dead) return;
      ++outcome_.kills;
      node.machine.fuse = 1 + static_cast<std::int64_t>(random_.below(80));
      return;
    case 2:
      ++outcome_.power_cuts;
      node.disk.cut_power();
      if (!node.machine.dead) {
        node.machine.dead = true;
        ended(node, true, "loses power");
      }
      return;
    case 3:
      say(node, "stands still");
      return node.machine.take(lasting);
    case 4: {
      const SiteId& site = sites_[random_.below(sites_.size())];
      say(node, "link of " + site.name + " is cut for " + std::to_string(lasting.count()) + " ms");
      network_.cut(site);
      return over([this, &site] { network_.heal(site); });
    }
    case 5:
      say(node, "disk full");
      node.disk.full = true;
      return over([&node] { node.disk.full = false; });
    default:
      say(node, "slow disk, wrong clock");
      node.disk.slowness = Milliseconds(random_.below(300));
      node.machine.wall_error = Milliseconds(random_.below(100'000'000)) - Milliseconds(50'000'000);
      return over([&node] { node.disk.slowness = {}; });
  }
}

void World::calm() {
  calm_ = true;
  network_.frame_fault = 0;
  for (const SiteId& site : sites_) network_.heal(site);
  for (const auto& node : nodes_) {
    node->machine.fuse = 0;
    node->machine.busy_until = schedule_.now();
    node->disk.full = false;
    node->disk.slowness = {};
    say(*node, "all is calm");
  }
}

}  // namespace weft::chaos
