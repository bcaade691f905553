// What goes wrong, and when.
#include <algorithm>

#include "tests/chaos/nodes.h"

namespace weft::chaos {

World::Node& World::any_node() { return *nodes_[random_.below(nodes_.size())]; }

void World::plan_faults(TimePoint until) {
  const auto span = static_cast<std::uint64_t>((until - schedule_.now()).count());
  if (random_.below(3) == 0) network_.frame_fault = 0.02 * random_.uniform();
  network_.jitter = Milliseconds(1 + random_.below(2'000));
  network_.bytes_per_ms = 100 + random_.below(3'000);
  for (std::uint64_t count = random_.below(40); count > 0; --count)
    schedule_.after(Milliseconds(random_.below(span)), [this] {
      if (!calm_) fault(random_.below(3) == 0 ? *nodes_.front() : any_node());
    });
  for (std::uint64_t count = changes_ ? 1 + random_.below(3) : 0; count > 0; --count)
    schedule_.after(Milliseconds(random_.below(span)), [this] { change_list(); });
}

// A site comes back, or is taken off the list; sometimes its certificate is revoked, too.
void World::change_list() {
  std::vector<SiteId> away;
  for (const SiteId& site : left_)
    if (!revoked_.contains(site) && std::find(listed_.begin(), listed_.end(), site) == listed_.end())
      away.push_back(site);
  std::optional<SiteId> revoked;
  if (!away.empty() && random_.below(2) == 0) {
    listed_.push_back(away[random_.below(away.size())]);
    std::sort(listed_.begin(), listed_.end());
  } else if (listed_.size() > 2) {
    const auto leaves = listed_.begin() + static_cast<std::ptrdiff_t>(random_.below(listed_.size()));
    left_.insert(*leaves);
    if (random_.below(2) == 0) revoked = *leaves;
    listed_.erase(leaves);
  }
  lists_.insert(listed_);
  ++outcome_.counts["site lists"];
  auto& node = static_cast<CoordinatorNode&>(*nodes_.front());
  say(node, "is given a list of " + std::to_string(listed_.size()) + " sites");
  if (revoked) {
    say(node, "is told that the certificate of " + revoked->name + " is revoked");
    revoked_.insert(*revoked);
    network_.revoke(*revoked);
  }
  if (!node.program) return;
  node.eager = 2;
  try {
    try {
      node.program->change_sites(listed_);
    } catch (
        const ConfigError& error) {  // too little room: it goes on as before, and has the list when it is restarted
      say(node, error.what());
    }
    if (revoked) node.program->shut_out(*revoked);
    if (node.machine.dead) ended(node, false, "killed");
  } catch (const std::exception& error) {
    failed(node, error, "ended: ");
  }
}

void World::fault(Node& node) {
  const Milliseconds lasting(500 + random_.below(random_.below(4) == 0 ? 200'000 : 15'000));
  const auto over = [&](std::function<void()> what) { schedule_.after(lasting, std::move(what)); };
  switch (random_.below(8)) {
    case 0:  // kill -9, some steps from now
    case 1:
      if (node.machine.dead) return;
      ++outcome_.counts["kills"];
      node.machine.fuse = 1 + static_cast<std::int64_t>(random_.below(80));
      // What the killed one had not synced is still there for the next process, and then gone.
      if (random_.below(4) == 0)
        schedule_.after(Milliseconds(random_.below(40'000)), [this, &node] {
          if (!calm_) cut_power(node);
        });
      return;
    case 2:
      return cut_power(node);
    case 3:
      say(node, "stands still");
      return node.machine.take(lasting);
    case 4:
      return cut_link(sites_[random_.below(sites_.size())], lasting);
    case 5:
      return fill_disk(node, lasting);
    case 6:
      return spoil_disk(node, lasting);
    default:
      say(node, "slow disk, wrong clock");
      node.disk.slowness = Milliseconds(random_.below(300));
      node.machine.wall_error = Milliseconds(random_.below(100'000'000)) - Milliseconds(50'000'000);
      return over([&node] { node.disk.slowness = {}; });
  }
}

void World::cut_link(const SiteId& site, Milliseconds lasting) {
  say(*nodes_.front(), "link of " + site.name + " is cut for " + std::to_string(lasting.count()) + " ms");
  network_.cut(site);
  schedule_.after(lasting, [this, site] { network_.heal(site); });
}

// Up to the last byte, or with room for some of what is about to be written.
void World::fill_disk(Node& node, Milliseconds lasting) {
  const std::uint64_t room = random_.below(2) == 0 ? 0 : random_.below(2 * update_bytes());
  say(node, "disk full but for " + std::to_string(room) + " bytes");
  node.disk.limit = node.disk.used() + room;
  schedule_.after(lasting, [&node] { node.disk.limit.reset(); });
}

// What fails now may succeed when it is tried again, as with a loose cable.
void World::spoil_disk(Node& node, Milliseconds lasting) {
  node.disk.error_rate = random_.below(3) == 0 ? 1 : 0.3 * random_.uniform();
  say(node, "disk errors at a rate of " + std::to_string(node.disk.error_rate));
  schedule_.after(lasting, [&node] { node.disk.error_rate = 0; });
}

// A site is about to send what takes more than a moment: when it has sent some of it, its link breaks or the
// coordinator's disk gets full.
void World::disturb_upload(const SiteId& site) {
  if (calm_ || random_.below(2) == 0) return;
  const bool full = random_.below(2) == 0;
  schedule_.after(Milliseconds(random_.below(4'000)), [this, site, full] {
    if (calm_) return;
    full ? fill_disk(*nodes_.front(), Milliseconds(10'000)) : cut_link(site, Milliseconds(20'000));
  });
}

void World::cut_power(Node& node) {
  ++outcome_.counts["power cuts"];
  node.disk.cut_power();
  if (node.machine.dead) return;
  node.machine.dead = true;
  ended(node, true, "loses power");
}

void World::calm() {
  calm_ = true;
  network_.frame_fault = 0;
  for (const SiteId& site : sites_) network_.heal(site);
  for (const auto& node : nodes_) {
    node->machine.fuse = 0;
    node->machine.busy_until = schedule_.now();
    node->disk.limit.reset();
    node->disk.slowness = {};
    node->disk.error_rate = 0;
    say(*node, "all is calm");
  }
}

}  // namespace weft::chaos
