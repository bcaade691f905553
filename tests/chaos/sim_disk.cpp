#include "tests/chaos/sim_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>

namespace weft::chaos {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;
constexpr const char* kFull = "no space left on device";
constexpr const char* kKilled = "the process was killed";
constexpr const char* kBroken = "input/output error";

Error failed(const std::string& path, const char* reason) { return {"cannot write " + path + ": " + reason}; }

bool is_in(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

class SimFile final : public ScratchFile {
 public:
  SimFile(SimDisk& disk, std::string path, std::shared_ptr<Inode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {}
  std::uint64_t size() const override { return inode_->content().size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> into) const override {
    if (!disk_.works()) return Error{"cannot read " + path_ + ": " + kBroken};
    const Bytes& content = inode_->content();
    if (offset > content.size() || into.size() > content.size() - offset)
      return Error{"cannot read " + path_ + ": it ends before"};
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return Ok{};
  }
  Status append(ByteSpan bytes) override { return disk_.put(*inode_, path_, bytes); }

 private:
  SimDisk& disk_;
  std::string path_;
  std::shared_ptr<Inode> inode_;
};

class SimWriter final : public AtomicWriter {
 public:
  SimWriter(SimDisk& disk, fs::path path, std::shared_ptr<Inode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {}
  SimWriter(const SimWriter&) = delete;
  SimWriter& operator=(const SimWriter&) = delete;
  ~SimWriter() override {
    if (!committed_ && disk_.alive()) disk_.unlink(temporary());
  }
  Status append(ByteSpan bytes) override { return disk_.put(*inode_, temporary(), bytes); }
  Status commit() override {
    Status done = disk_.publish_file(inode_, path_);
    committed_ = static_cast<bool>(done);
    return done;
  }

 private:
  std::string temporary() const { return path_.string() + ".tmp"; }
  SimDisk& disk_;
  fs::path path_;
  std::shared_ptr<Inode> inode_;
  bool committed_ = false;
};

}  // namespace

void Inode::apply(Bytes& content, const Change& change) {
  if (change.truncates) return content.resize(change.offset);
  content.resize(std::max(content.size(), change.offset + change.data.size()));
  std::copy(change.data.begin(), change.data.end(), content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void Inode::write(std::size_t offset, ByteSpan data) {
  changes_.push_back({.offset = offset, .data = {data.begin(), data.end()}});
  apply(content_, changes_.back());
}

void Inode::truncate(std::size_t size) {
  changes_.push_back({.offset = size, .truncates = true});
  apply(content_, changes_.back());
}

void Inode::sync() {
  for (const Change& change : changes_) apply(synced_, change);
  changes_.clear();
}

void Inode::cut_power(RngStream& random) {
  for (Change& change : changes_) {
    const std::uint64_t luck = random.below(3);
    if (luck == 0) continue;
    if (luck == 1 && change.data.size() > kSector)
      change.data.resize(kSector * (1 + random.below(change.data.size() / kSector)));
    apply(synced_, change);
  }
  changes_.clear();
  content_ = synced_;
}

SimDisk::SimDisk(Machine& machine, RngStream random) : machine_(machine), random_(random) {
  static std::atomic<std::uint64_t> count = 0;
  name_ = "weft-sim-" + std::to_string(++count);
  vfs_ = make_vfs(*this, name_.c_str());
}

SimDisk::~SimDisk() { drop_vfs(*vfs_); }

bool SimDisk::step() {
  if (slowness.count() > 0) machine_.take(slowness);
  return machine_.step();
}

void SimDisk::cut_power() {
  // A journal keeps the order of changes to names, but has not all of them on disk.
  const std::size_t kept = random_.below(name_changes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) apply(synced_names_, name_changes_[i]);
  name_changes_.clear();
  names_ = synced_names_;
  for (const auto& [path, inode] : names_) inode->cut_power(random_);
}

void SimDisk::take_from(const SimDisk& other, const std::string& beginning) {
  for (const auto& [path, inode] : other.names_)
    if (path.starts_with(beginning)) make(path)->write(0, inode->content());
}

void SimDisk::apply(Names& names, const NameChange& change) {
  for (const auto& [path, inode] : change) {
    if (inode == nullptr)
      names.erase(path);
    else
      names[path] = inode;
  }
}

void SimDisk::change(NameChange change) {
  apply(names_, change);
  name_changes_.push_back(std::move(change));
}

void SimDisk::sync_names(const std::function<bool(const NameChange&)>& which) {
  std::size_t upto = 0;  // the journal is written in order
  for (std::size_t i = 0; i < name_changes_.size(); ++i)
    if (which(name_changes_[i])) upto = i + 1;
  for (std::size_t i = 0; i < upto; ++i) apply(synced_names_, name_changes_[i]);
  name_changes_.erase(name_changes_.begin(), name_changes_.begin() + static_cast<std::ptrdiff_t>(upto));
}

void SimDisk::sync_folder(const fs::path& folder) {
  sync_names([&](const NameChange& change) {
    return std::any_of(change.begin(), change.end(),
                       [&](const auto& one) { return fs::path(one.first).parent_path() == folder; });
  });
}

void SimDisk::sync_file(const std::string& path) {
  if (const auto inode = find(path)) inode->sync();
  sync_names([&](const NameChange& change) {
    return std::any_of(change.begin(), change.end(), [&](const auto& one) { return one.first == path; });
  });
}

std::shared_ptr<Inode> SimDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

std::shared_ptr<Inode> SimDisk::make(const std::string& path) {
  if (auto there = find(path)) return there;
  auto inode = std::make_shared<Inode>();
  change({{path, inode}});
  return inode;
}

bool SimDisk::exists(const fs::path& path) {
  return names_.contains(path.string()) || folders_.contains(path.string());
}

std::vector<fs::path> SimDisk::list(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& [path, inode] : names_)
    if (fs::path(path).parent_path() == folder) found.emplace_back(path);
  for (const std::string& path : folders_)
    if (fs::path(path).parent_path() == folder) found.emplace_back(path);
  std::sort(found.begin(), found.end());
  return found;
}

Result<MappedFile> SimDisk::read(const fs::path& path) {
  const auto inode = find(path.string());
  if (inode == nullptr) return Error{"cannot open " + path.string() + ": no such file"};
  if (!works()) return Error{"cannot open " + path.string() + ": " + kBroken};
  return MappedFile(std::make_shared<const Bytes>(inode->content()));
}

Result<std::unique_ptr<RandomReader>> SimDisk::open(const fs::path& path) {
  auto inode = find(path.string());
  if (inode == nullptr) return Error{"cannot open " + path.string() + ": no such file"};
  if (!works()) return Error{"cannot open " + path.string() + ": " + kBroken};
  return std::unique_ptr<RandomReader>(std::make_unique<SimFile>(*this, path.string(), std::move(inode)));
}

// It never has a name: what a crash would leave of one is gone at the next start.
Result<std::unique_ptr<ScratchFile>> SimDisk::scratch(const fs::path& folder) {
  const std::string path = (folder / "scratch").string();
  if (!step()) return failed(path, kKilled);
  return std::unique_ptr<ScratchFile>(std::make_unique<SimFile>(*this, path, std::make_shared<Inode>()));
}

Status SimDisk::put(Inode& inode, const std::string& path, ByteSpan bytes) {
  if (!step()) return failed(path, kKilled);
  if (!works()) return failed(path, kBroken);
  const std::size_t end = inode.content().size(), fits = fitting(inode, end, bytes.size());
  if (fits > 0) inode.write(end, bytes.first(fits));
  if (fits < bytes.size()) return failed(path, kFull);
  return Ok{};
}

std::uint64_t SimDisk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->content().size();
  return bytes;
}

std::optional<std::uint64_t> SimDisk::free_bytes(const fs::path& /*folder*/) {
  if (!limit) return std::nullopt;
  faulty = true;  // who asks may find that there is too little
  return *limit - std::min(*limit, used());
}

std::size_t SimDisk::fitting(const Inode& inode, std::size_t offset, std::size_t size) {
  if (!limit) return size;
  const std::uint64_t free = *limit - std::min(*limit, used());
  const std::uint64_t end = inode.content().size() + free;
  const std::uint64_t fits = std::min<std::uint64_t>(size, end - std::min<std::uint64_t>(end, offset));
  faulty = faulty || fits < size;
  return static_cast<std::size_t>(fits);
}

Result<std::unique_ptr<AtomicWriter>> SimDisk::create(const fs::path& path) {
  const std::string temporary = path.string() + ".tmp";
  if (!step()) return failed(temporary, kKilled);
  auto inode = std::make_shared<Inode>();
  change({{temporary, inode}});
  return std::unique_ptr<AtomicWriter>(std::make_unique<SimWriter>(*this, path, std::move(inode)));
}

Status SimDisk::publish_file(const std::shared_ptr<Inode>& inode, const fs::path& path) {
  const std::string temporary = path.string() + ".tmp";
  if (!step()) return failed(temporary, kKilled);
  if (!works()) return failed(temporary, kBroken);
  sync_file(temporary);
  if (!step()) return failed(path.string(), kKilled);
  change({{temporary, nullptr}, {path.string(), inode}});
  if (!step()) return failed(path.string(), kKilled);
  if (!works()) return failed(path.string(), kBroken);
  sync_folder(path.parent_path());
  if (on_written) on_written(path.string(), inode->content());
  return Ok{};
}

Status SimDisk::write_atomic(const fs::path& path, ByteSpan content, unsigned /*mode*/) {
  const auto file = create(path);
  if (!file) return file.error();
  if (Status put = file.value()->append(content); !put) return put;
  return file.value()->commit();
}

Status SimDisk::append(const fs::path& path, ByteSpan bytes) {
  if (!step()) return failed(path.string(), kKilled);
  return put(*make(path.string()), path.string(), bytes);
}

Status SimDisk::sync(const fs::path& path) {
  if (!step()) return failed(path.string(), kKilled);
  if (!works()) return failed(path.string(), kBroken);
  folders_.contains(path.string()) ? sync_folder(path) : sync_file(path.string());
  return Ok{};
}

void SimDisk::make_folder(const fs::path& path) {
  if (!step()) throw Failure(failed(path.string(), kKilled).message);
  for (fs::path folder = path; !folder.empty() && folder != "/"; folder = folder.parent_path())
    folders_.insert(folder.string());
}

Status SimDisk::rename(const fs::path& from, const fs::path& to) {
  if (!step()) return failed(from.string(), kKilled);
  const auto inode = find(from.string());
  if (inode == nullptr) return failed(from.string(), "no such file");
  change({{from.string(), nullptr}, {to.string(), inode}});
  return Ok{};
}

Status SimDisk::remove_all(const fs::path& path) {
  if (!step()) return failed(path.string(), kKilled);
  std::vector<std::string> gone;
  for (const auto& [name, inode] : names_)
    if (name == path.string() || is_in(name, path.string())) gone.push_back(name);
  for (const std::string& name : gone) {  // one after the other
    change({{name, nullptr}});
    if (!step()) return failed(path.string(), kKilled);
  }
  std::erase_if(folders_, [&](const auto& name) { return name == path.string() || is_in(name, path.string()); });
  return Ok{};
}

Status SimDisk::publish(const fs::path& working, const fs::path& target) {
  const std::string from = working.string(), to = target.string();
  NameChange swap;
  for (const auto& [name, inode] : names_) {
    if (is_in(name, from)) inode->sync();
    if (!is_in(name, from) && !is_in(name, to)) continue;
    swap.emplace_back(name, nullptr);
  }
  for (const auto& [name, inode] : names_) {
    if (is_in(name, from)) swap.emplace_back(to + name.substr(from.size()), inode);
    if (is_in(name, to)) swap.emplace_back(from + name.substr(to.size()), inode);
  }
  if (!step()) return failed(to, kKilled);
  folders_.insert(to);
  change(std::move(swap));
  if (!step()) return failed(to, kKilled);
  if (!works()) return failed(to, kBroken);
  sync_folder(target.parent_path());
  sync_folder(target);
  return Ok{};
}

std::shared_ptr<void> SimDisk::lock(const fs::path& folder, const std::string& whom) {
  if (!locked_.insert(folder.string()).second) throw Failure(folder.string() + " is in use by " + whom);
  return {nullptr, [this, folder = folder.string(), boot = boot_](void*) {
            if (boot == boot_) locked_.erase(folder);
          }};
}

}  // namespace weft::chaos
