#include "tests/chaos/world.h"

#include <stdlib.h>

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/crypto/pki.h"
#include "common/fl/cohort.h"
#include "tests/chaos/nodes.h"

namespace weft::chaos {
namespace {

constexpr Milliseconds kRun{4 * 3'600'000};  // after the last fault, a run must come to its end in this time
constexpr int kMostSteps = 100'000;          // at one moment

// Always the same key, which guards nothing: a seed repeats to the byte.
constexpr std::string_view kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfzCCATGgAwIBAgIQcVhyAabVQ2wHI5sP993qSTAFBgMrZXAwEjEQMA4GA1UE\n"
    "AwwHV2VmdCBDQTAeFw0yNjExMjYxOTU4MTRaFw0zNjExMjMyMDU4MTNaMBYxFDAS\n"
    "BgNVBAMMC2Nvb3JkaW5hdG9yMCowBQYDK2VwAyEAhCb5hoAFKG+wklsc5LJFFxuv\n"
    "Arx8aX6ZaDHKKam4fTKjgZgwgZUwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMC\n"
    "B4AwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBRD4oSP\n"
    "p783Jizji0MjmgekWkizeTAfBgNVHSMEGDAWgBTDMBeN+jFPU60o4fbtd619kOx3\n"
    "nDAWBgNVHREEDzANggtjb29yZGluYXRvcjAFBgMrZXADQQCs4KjSsJqJPRvUGwOD\n"
    "VPRebkghXqWmtaX8MBeLoMsuL1J6J8+X60DszzbsWw54DQ6tnr590kN5uMBkOyl/\n"
    "vcQC\n"
    "-----END CERTIFICATE-----\n";
constexpr std::string_view kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIBZ+U+PbzHFjMmrVUwWE+yRbyiMU+E83hfgSCGQcuZy5\n"
    "-----END PRIVATE KEY-----\n";

const crypto::Signer& signer_of_all() {
  static const crypto::Signer signer = [] {
    std::string folder = (std::filesystem::temp_directory_path() / "weft_chaos_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw Failure("cannot create " + folder);
    const crypto::CredentialFiles files = crypto::credential_files(folder, "coordinator");
    write_atomic(files.certificate, as_bytes(kCertificate)).value();
    write_atomic(files.key, as_bytes(kKey), 0600).value();
    crypto::Signer made(files);
    std::filesystem::remove_all(folder);
    return made;
  }();
  return signer;
}

}  // namespace

World::World(std::uint64_t seed, std::function<void(const std::string&)> say)
    : seed_(seed),
      say_(std::move(say)),
      rng_(seed),
      random_(rng_.stream("world")),
      network_(schedule_, rng_.stream("network")) {
  draw_job();
  draw_base();
  draw_trouble();
  network_.on_server_message = [this](const SiteId& site, ByteSpan message) { note(site, message); };
  nodes_.push_back(std::make_unique<CoordinatorNode>(*this));
  for (const SiteId& site : sites_) nodes_.push_back(std::make_unique<SiteNode>(*this, site));
}

// Sites, adapter, and every kind of round that a run file can ask for.
void World::draw_job() {
  const auto sites = 2 + random_.below(5);
  for (std::uint64_t i = 0; i < sites; ++i) {
    sites_.push_back({"site-" + std::to_string(i + 1)});
    examples_[sites_.back()] = 20 + random_.below(500);
  }
  // Of one chunk, of two, and of more than a window.
  const std::int64_t inputs = random_.below(24) != 0 ? 5 : random_.below(4) != 0 ? 140'000 : 650'000;
  manifest_ = std::make_shared<const Manifest>(Manifest::build({{"base_model.model.query.lora_A.weight", {2, inputs}},
                                                                {"base_model.model.query.lora_B.weight", {3, 2}}})
                                                   .value());
  initial_ = StateDict::zeros(manifest_);
  for (float& value : initial_.values) value = static_cast<float>(random_.uniform());
  rounds_.count = 2 + static_cast<std::uint32_t>(random_.below(4));
  rounds_.local_steps = kLocalSteps;
  rounds_.deadline = Milliseconds(5'000 + random_.below(random_.below(2) == 0 ? 60'000 : 600'000));
  rounds_.patience = static_cast<std::uint32_t>(random_.below(3));
  rounds_.max_staleness = static_cast<std::uint32_t>(random_.below(4));
  if (random_.below(4) == 0) {
    rounds_.mode = fl::RoundsConfig::Mode::buffered;
    rounds_.buffer = 1 + static_cast<std::uint32_t>(random_.below(sites));
    rounds_.concurrency = static_cast<std::uint32_t>(random_.below(sites + 1));
  } else {
    const std::vector<std::string> choices = fl::cohort_names();
    rounds_.cohort = choices[random_.below(choices.size())];
    rounds_.fraction = rounds_.cohort != "all" && random_.below(2) == 0 ? 0.6 : 1;
    rounds_.over_selection = rounds_.fraction < 1 && random_.below(2) == 0 ? 1.5 : 1;
    rounds_.quorum = random_.below(2) == 0 ? 0.5 : 1;
  }
  if (random_.below(4) == 0) {
    rounds_.min_steps = 2;
    aggregation_.method = "fednova";
  } else if (random_.below(4) == 0) {
    aggregation_.method = "median";  // whose updates wait on the disk
  }
  aggregation_.max_update_norm = 1e4;
  aggregation_.max_examples = 1000;
}

// A few small files, which some sites have to fetch first; sometimes one of several chunks, or of more than a window.
void World::draw_base() {
  RngStream random = rng_.stream("base");
  const std::uint64_t files = 1 + random.below(4);
  for (std::uint64_t i = 0; i < files; ++i) {
    const std::uint64_t luck = random.below(16);
    Bytes bytes(1 + random.below(luck < 3 ? 5'000'000 : luck < 7 ? 100'000 : 700));
    for (std::size_t at = 0; at < bytes.size(); at += 1 + random.below(600))
      bytes[at] = static_cast<std::uint8_t>(1 + random.below(255));
    const std::string name = "file-" + std::to_string(i) + ".json";
    base_list_.push_back({.name = name, .digest = sha256_hex(bytes), .bytes = bytes.size()});
    base_[name] = std::move(bytes);
  }
  for (const SiteId& site : sites_)
    if (random.below(3) == 0) without_base_.insert(site);
}

// What goes wrong for reasons of people: a site whose updates are bad, and a list of sites that changes. Either leaves
// enough good sites for a quorum, so that every run comes to its end.
void World::draw_trouble() {
  RngStream random = rng_.stream("trouble");
  listed_ = sites_;
  lists_ = {listed_};
  if (random.below(3) == 0) signer_ = signer_of_all();
  if (signer_) network_.certificate = signer_->certificate();
  if (sites_.size() < 3) return;
  changes_ = random.below(4) == 0;
  if (changes_ || random.below(3) != 0) return;
  spoiler_ = sites_[random.below(sites_.size())];
  rounds_.max_refusals = static_cast<std::uint32_t>(random.below(3));
  if (rounds_.buffered()) {
    rounds_.buffer = std::min(rounds_.buffer, static_cast<std::uint32_t>(sites_.size()) - 1);
  } else {
    rounds_.quorum = 0.5;
    if (rounds_.cohort == "poisson") rounds_.cohort = "uniform";  // of a cohort of one nobody may be left
  }
}

bool World::spoils(const SiteId& site, std::uint32_t round) const {
  return site == spoiler_ && rng_.stream("spoil", round).below(3) != 0;
}

World::~World() {
  for (const auto& node : nodes_) {
    node->machine.dead = true;
    node->drop();
  }
}

void World::say(const Node& node, const std::string& what) const {
  if (!say_) return;
  const auto now = schedule_.now().time_since_epoch().count();
  char time[32];
  std::snprintf(time, sizeof time, "%9.3f  ", static_cast<double>(now) / 1000);
  say_(time + node.name + ": " + what);
}

Outcome World::run() {
  const TimePoint calm_at = schedule_.now() + Milliseconds(20'000 + rounds_.count * random_.below(80'000));
  for (const auto& node : nodes_) schedule_.after(Milliseconds(random_.below(5'000)), [this, &node] { start(*node); });
  plan_faults(calm_at);
  go_on_until([this] { return finished(); }, calm_at);
  calm();
  go_on_until([this] { return finished(); }, calm_at + kRun);
  if (!finished()) {
    std::string who;
    for (const auto& node : nodes_)
      if (!node->done) who += " " + node->name;
    throw Broken{"the run has not ended 4 hours after the last fault; not done:" + who};
  }
  check_end();
  outcome_.simulated_seconds = std::chrono::duration<double>(schedule_.now().time_since_epoch()).count();
  return outcome_;
}

// Sites that did not hear of the end while the coordinator was still there go on asking for ever, as they should.
bool World::finished() const { return nodes_.front()->done; }

void World::go_on_until(const std::function<bool()>& done, TimePoint limit) {
  while (!done() && schedule_.now() < limit) {
    int steps = 0;
    while (run_ready() && !done())
      if (++steps > kMostSteps) throw Broken{"a process never waits"};
    if (!done()) advance();
  }
}

// One step of one process that has something to do.
bool World::run_ready() {
  std::vector<Node*> able;
  for (const auto& node : nodes_) {
    if (node->machine.dead || node->machine.busy_until > schedule_.now()) continue;
    if (node->eager > 0 || node->ready() || node->wake_at() <= schedule_.now()) able.push_back(node.get());
  }
  if (able.empty()) return false;
  step(*able[random_.below(able.size())]);
  return true;
}

void World::advance() {
  TimePoint next = schedule_.next();
  for (const auto& node : nodes_) {
    if (node->machine.dead) continue;
    const bool waits = node->eager == 0 && !node->ready();
    next = std::min(next, std::max(waits ? node->wake_at() : schedule_.now(), node->machine.busy_until));
  }
  if (next == TimePoint::max()) throw Broken{"everybody waits for ever"};
  schedule_.advance(next);
  while (schedule_.next() <= schedule_.now()) schedule_.run_next();
}

void World::step(Node& node) {
  ++outcome_.counts["steps"];
  node.eager = node.ready() ? 2 : std::max(0, node.eager - 1);
  try {
    const bool on = node.step();
    if (node.machine.dead) return ended(node, false, "killed");
    if (on) return;
    node.done = node.machine.dead = true;
    node.drop();
    node.disk.release_locks();
    say(node, "ended well");
  } catch (const std::exception& error) {
    failed(node, error, "ended: ");
  }
}

// A program may give up because its disk did, a site because it is not let in, and the coordinator because sites that
// gave up are missing at the deadline. Then it is started again; but for no other reason.
void World::failed(Node& node, const std::exception& error, const std::string& how) {
  const SiteId* site = node.site();
  const bool excused =
      node.disk.faulty || (site != nullptr ? left_.contains(*site) || spoiler_ == *site
                                           : std::string_view(error.what()).find("takes no part") != std::string::npos);
  if (!node.machine.dead && (dynamic_cast<const Failure*>(&error) == nullptr || !excused))
    throw Broken{node.name + " " + how + error.what()};
  ended(node, false, node.machine.dead ? "killed" : how + error.what());
}

void World::start(Node& node) {
  if (!node.machine.dead || node.done) return;
  node.machine.dead = node.disk.faulty = false;
  node.machine.fuse = 0;
  node.machine.busy_until = schedule_.now();
  node.eager = 2;
  ++outcome_.counts["starts"];
  if (!calm_ && random_.below(6) == 0) node.machine.fuse = 1 + static_cast<std::int64_t>(random_.below(60));
  say(node, "starts");
  try {
    node.make();
    if (node.machine.dead) ended(node, false, "killed as it started");
  } catch (const ConfigError& error) {
    // It died as its first run began; the same command says whether to go on or to begin.
    auto* coordinator = dynamic_cast<CoordinatorNode*>(&node);
    if (!node.machine.dead && coordinator == nullptr) throw Broken{node.name + ": " + error.what()};
    if (!node.machine.dead) coordinator->resume = !coordinator->resume;
    ended(node, false, std::string("could not start: ") + error.what());
  } catch (const std::exception& error) {
    failed(node, error, "could not start: ");
  }
}

// `silent`: its machine lost power, so its peers hear nothing.
void World::ended(Node& node, bool silent, const std::string& why) {
  say(node, why);
  node.machine.dead = true;
  node.machine.fuse = 0;
  node.drop();
  node.disk.release_locks();
  network_.process_ended(node.site(), silent);
  schedule_.after(Milliseconds(200 + random_.below(30'000)), [this, &node] { start(node); });
}

}  // namespace weft::chaos
