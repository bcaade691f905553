#include "tests/wire/wire_support.h"

#include "common/base/file.h"

namespace weft::wire {
namespace {

const std::string kA(64, 'a'), kB(64, 'b');

class Source {
 public:
  explicit Source(std::mt19937_64& random) : random_(random) {}
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool flag() { return below(2) == 1; }
  // Small and large ones alike: every width of msgpack's integers.
  std::uint64_t u64() { return random_() >> below(64); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(u64()); }
  double real() { return static_cast<double>(static_cast<std::int64_t>(random_())) / static_cast<double>(u64() + 1); }
  std::string word() { return pick("abcdefghijklmnopqrstuvwxyz0123456789_", 1 + below(32)); }
  std::string hex(std::size_t characters) { return pick("0123456789abcdef", characters); }
  std::string text(std::size_t max_bytes, bool lines) {
    static const std::vector<std::string> kPieces{"a", "Z", " ", "é", "ß", "漢", "🙂", "\"", "\\", "%", "\n", "\t"};
    std::string made;
    for (std::uint64_t left = below(max_bytes / 4); left > 0; --left)
      made += kPieces[below(kPieces.size() - (lines ? 0 : 2))];
    return made;
  }
  Bytes bytes(std::size_t size) {
    Bytes made(size);
    for (auto& byte : made) byte = static_cast<std::uint8_t>(random_());
    return made;
  }
  template <class Value, class Draw>
  std::map<std::string, Value> table(Draw draw) {
    std::map<std::string, Value> made;
    for (std::uint64_t left = below(17); left > 0; --left) made[word()] = draw();
    return made;
  }
  std::map<std::string, double> reals() {
    return table<double>([this] { return real(); });
  }
  std::map<std::string, std::uint64_t> counts() {
    return table<std::uint64_t>([this] { return u64(); });
  }
  metrics::Counts counts_of_one() {
    metrics::Counts made(1 + below(100));
    for (double& number : made) number = real();
    return made;
  }
  std::vector<std::string> words() {
    std::vector<std::string> made(below(17));
    for (auto& one : made) one = word();
    return made;
  }
  BaseList files() {
    std::map<std::string, BaseFile> made;
    for (std::uint64_t left = 1 + below(40); left > 0; --left) {
      const std::string name = word() + (flag() ? ".A-" : "");
      made[name] = {.name = name, .digest = hex(64), .bytes = 1 + (u64() >> 24U)};
    }
    BaseList list;
    for (auto& [name, file] : made) list.push_back(std::move(file));
    return list;
  }

 private:
  std::string pick(std::string_view letters, std::size_t count) {
    std::string made;
    for (; count > 0; --count) made += letters[below(letters.size())];
    return made;
  }
  std::mt19937_64& random_;
};

}  // namespace

std::vector<Message> examples() {
  return {
      Hello{.protocol = 1, .weft_version = "0.1.0"},
      Welcome{
          .run = "sentiment", .run_id = std::string(32, 'c'), .settings = "rounds: {count: 6}\n", .base_digest = kA},
      Refused{.reason = "not listed", .permanent = false},
      Ready{.base_digest = kA, .manifest_digest = kB, .examples = {{"test", 300}, {"train", 70000}}, .training = 3},
      Work{.round = 3,
           .version = 2,
           .adapter_digest = kA,
           .adapter_bytes = 299528,
           .evaluate = {"validation"},
           .train = true,
           .local_steps = 12},
      Fetch{.version = 2, .offset = 1048576},
      Chunk{.digest = kA, .offset = 1048576, .crc32 = 0x8a9136aa, .data = {0, 0x7f, 0x80, 0xff}},
      Ack{.digest = kA, .offset = 1048580},
      Metrics{.version = 2,
              .split = "validation",
              .examples = 128,
              .tally = {{{"confusion", {60, 4, 12, 52}}, {"loss", {64.5, 128}}}}},
      Progress{.round = 3, .stage = "training", .done = 7, .total = 40, .tokens_per_second = 12345.5},
      Offer{.round = 3, .version = 2, .digest = kB, .bytes = 299528, .examples = 1024, .values = {{"loss", 0.25}}},
      Resume{.digest = kB, .offset = 65536},
      Settled{.round = 3, .digest = kB, .verdict = "committed", .record = kA, .signature = std::string(128, 'e')},
      Finished{.version = 6, .reason = "all rounds are done"},
      Ping{},
      Decline{.reason = "train.local_steps: 500, this site allows 200 (policy.max_local_steps)"},
      FetchBase{},
      BaseFiles{.files = {{.name = "config.json", .digest = kA, .bytes = 612},
                          {.name = "model.safetensors", .digest = kB, .bytes = 90868376}}},
      FetchFile{.digest = kB, .offset = 4194304},
  };
}

Message random_message(std::size_t type, std::mt19937_64& random) {
  Source s(random);
  switch (type) {
    case 0:
      return Hello{s.u32(), s.text(256, false)};
    case 1:
      return Welcome{s.text(256, false), s.hex(32), s.text(5000, true), s.hex(64)};
    case 2:
      return Refused{s.text(4096, true), s.flag()};
    case 3:
      return Ready{s.hex(64), s.hex(64), s.counts(), s.u32()};
    case 4:
      return Work{s.u32(), s.u32(), s.hex(64), s.u64(), s.words(), s.flag(), s.u32()};
    case 5:
      return Fetch{s.u32(), s.u64()};
    case 6:
      return Chunk{s.hex(64), s.u64(), s.u32(), s.bytes(1 + s.below(3000))};
    case 7:
      return Ack{s.hex(64), s.u64()};
    case 8:
      return Metrics{s.u32(), s.word(), s.u64(), {s.table<metrics::Counts>([&s] { return s.counts_of_one(); })}};
    case 9:
      return Progress{s.u32(), s.word(), s.u64(), s.u64(), s.real()};
    case 10:
      return Offer{s.u32(), s.u32(), s.hex(64), s.u64(), s.u64(), s.reals()};
    case 11:
      return Resume{s.hex(64), s.u64()};
    case 12:
      if (s.flag()) return Settled{s.u32(), s.hex(64), "committed", "", s.hex(64), s.hex(2 * s.below(73))};
      return Settled{s.u32(), s.hex(64), s.flag() ? "refused" : "late", s.text(4096, true)};
    case 13:
      return Finished{s.u32(), s.text(4096, true)};
    case 14:
      return Ping{};
    case 15:
      return Decline{s.text(4096, true)};
    case 16:
      return FetchBase{};
    case 17:
      return BaseFiles{s.files()};
    default:
      return FetchFile{s.hex(64), s.u64()};
  }
}

std::string read_project_file(const std::string& path) {
  return read_text(std::string(WEFT_SOURCE_DIR) + "/" + path).value();
}

}  // namespace weft::wire
