// The fields of one message to and from msgpack. Writer and reader have the same members, so that messages.cpp states
// the fields of each message once. Limits are checked on both ways: beyond one, what is read is an Error and what is
// written is a bug of ours; only prose is cut and cleaned.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/metrics/tally.h"
#include "common/tensor/base_files.h"

namespace weft::wire {

inline constexpr std::size_t kMaxWordBytes = 32;     // [a-z0-9_]: splits, stages, keys of tables
inline constexpr std::size_t kMaxLineBytes = 256;    // names and versions
inline constexpr std::size_t kMaxProseBytes = 4096;  // reasons
inline constexpr std::size_t kMaxSettingsBytes = 1 << 18;
inline constexpr std::size_t kMaxEntries = 16;  // of a list or table
inline constexpr std::size_t kDigestCharacters = 64, kRunIdCharacters = 32;
inline constexpr std::size_t kMaxProofCharacters = 256;  // hashes and signatures, which may be absent

// A line for each file of a base model: "DIGEST BYTES NAME".
inline constexpr std::size_t kMaxListingBytes = kMaxBaseFiles * (kDigestCharacters + 13 + kMaxBaseNameBytes + 3);
static_assert(kMaxListingBytes <= kMaxSettingsBytes, "the reader lets no longer text pass");
std::string listing_of(const BaseList& list);
// Error: the text is not what listing_of() makes of a list without fault.
Result<BaseList> list_of(std::string_view listing);

bool is_word(std::string_view text);
bool is_proof(std::string_view text);  // an even number of 0-9 a-f, at most kMaxProofCharacters
// UTF-8 without control characters; newline and tab are allowed when `lines` is set.
bool clean_text(const std::string& text, bool lines);

// Foreign text in quotes for an error: short and harmless.
std::string shown(std::string_view text);

class FieldWriter {
 public:
  FieldWriter(std::uint32_t version, const char* type, std::size_t expected_bytes);
  void flag(const char* name, bool value);
  void number(const char* name, std::uint32_t value) { number(name, std::uint64_t{value}); }
  void number(const char* name, std::uint64_t value);
  void real(const char* name, double value);  // finite
  void word(const char* name, const std::string& value);
  void line(const char* name, const std::string& value);
  void prose(const char* name, const std::string& value);
  void settings(const char* name, const std::string& value);
  void hex(const char* name, const std::string& value, std::size_t characters = kDigestCharacters);
  void proof(const char* name, const std::string& value);
  void words(const char* name, const std::vector<std::string>& values);
  void data(const char* name, const Bytes& value);  // 1 to kChunkBytes
  void table(const char* name, const std::map<std::string, std::uint64_t>& values);
  void table(const char* name, const std::map<std::string, double>& values);
  void tally(const char* name, const metrics::Tally& tally);  // finite
  void listing(const char* name, const BaseList& list);       // without fault
  Bytes take() { return std::move(out_); }

 private:
  void key(const char* name);
  Bytes out_;
  std::size_t count_at_ = 0;  // where the number of fields stands
};

// After the first fault nothing more is read; fault() tells it.
class FieldReader {
 public:
  explicit FieldReader(ByteSpan message);
  ~FieldReader();
  FieldReader(const FieldReader&) = delete;
  FieldReader& operator=(const FieldReader&) = delete;

  std::uint32_t version() const { return version_; }
  const std::string& type() const { return type_; }

  void flag(const char* name, bool& value);
  void number(const char* name, std::uint32_t& value);
  void number(const char* name, std::uint64_t& value);
  void real(const char* name, double& value);
  void word(const char* name, std::string& value);
  void line(const char* name, std::string& value);
  void prose(const char* name, std::string& value);
  void settings(const char* name, std::string& value);
  void hex(const char* name, std::string& value, std::size_t characters = kDigestCharacters);
  void proof(const char* name, std::string& value);
  void words(const char* name, std::vector<std::string>& values);
  void data(const char* name, Bytes& value);
  void table(const char* name, std::map<std::string, std::uint64_t>& values);
  void table(const char* name, std::map<std::string, double>& values);
  void tally(const char* name, metrics::Tally& tally);
  void listing(const char* name, BaseList& list);

  // A field that nobody asked for is a fault too; call it last.
  void finish();
  const std::optional<Error>& fault() const { return fault_; }

 private:
  struct Parsed;
  void fail(const std::string& problem);
  void parse(ByteSpan message);
  const void* find(const char* name);  // the field's msgpack object, or nullptr after a fault
  std::string text(const char* name, std::size_t max_bytes, bool lines);
  template <class Value, class Read>
  void read_table(const char* name, std::map<std::string, Value>& values, const char* expected, Read read);

  std::unique_ptr<Parsed> parsed_;
  std::uint32_t version_ = 0;
  std::string type_;
  std::vector<std::string> asked_;
  std::optional<Error> fault_;
};

}  // namespace weft::wire
