// Which byte of the base model comes next, as a pure state machine: a list that fits the run's digest, then one file
// after another from where what is here ends, until all is here; what turns out to be wrong comes again, at most three
// times. Session drives it; base_folder.h keeps what comes.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tensor/base_files.h"
#include "common/wire/messages.h"

namespace weft::worker {

class BaseFetch {
 public:
  static constexpr int kMostTimes = 3;  // that one file is fetched again

  // `base_digest`: of the run's base model.
  explicit BaseFetch(std::string base_digest) : base_digest_(std::move(base_digest)) {}

  // Nothing is fetched before the list is here and opened() was said.
  bool wants_list() const { return list_.empty(); }
  Status on(const wire::BaseFiles& files);  // Error: not the files of the run's base model
  const BaseList& list() const { return list_; }
  void opened(const std::map<std::string, std::uint64_t>& held);  // bytes by file name; others have none

  // What to say in a new session and whenever a file is complete: FetchBase, FetchFile, or nothing.
  std::optional<wire::Message> ask() const;
  struct Piece {
    std::string name;        // of the file to put it behind
    ByteSpan bytes;          // into the chunk; empty when it was here already
    wire::Ack ack;           // once that is done
    bool completes = false;  // the file
  };
  // Nullopt: of another file than was asked for. Error names what is wrong with it.
  Result<std::optional<Piece>> on(const wire::Chunk& chunk);

  bool whole() const { return opened_ && next() == list_.size(); }  // every byte is here, and none is verified
  // These files are not what the list says, and gone. Error: one of them too often.
  Status wrong(const std::vector<std::string>& names);

  std::uint64_t done() const;
  std::uint64_t total() const { return total_bytes(list_); }
  // The share in per cent, once for each ten of it that are passed.
  std::optional<std::uint64_t> news();

 private:
  std::size_t next() const;  // the first file that is not complete
  std::string base_digest_;
  BaseList list_;
  std::vector<std::uint64_t> held_;  // by file
  std::map<std::string, int> wrong_;
  bool opened_ = false;
  std::uint64_t told_ = 0;  // per cent
};

}  // namespace weft::worker
