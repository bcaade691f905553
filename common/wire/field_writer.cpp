// Packing the fields of a message.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <msgpack.hpp>

#include "common/wire/field_io.h"
#include "common/wire/messages.h"

namespace weft::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "doubles are sent as they lie in memory");

struct Sink {
  Bytes& out;
  // Not inlined: GCC 12 then sees an overflow that is not there.
  [[gnu::noinline]] void write(const char* data, std::size_t size) {
    const std::size_t at = out.size();
    out.resize(at + size);
    std::memcpy(out.data() + at, data, size);
  }
};

class Packer {
 public:
  explicit Packer(Bytes& out) : sink_{out}, packer_(sink_) {}
  void text(const std::string& value) {
    packer_.pack_str(static_cast<std::uint32_t>(value.size()));
    packer_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  }
  // Always eight bytes: pack_double() turns whole numbers into integers.
  void real(double value) {
    char bytes[9] = {static_cast<char>(0xcb)};
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    sink_.write(bytes, sizeof bytes);
  }
  msgpack::packer<Sink>* operator->() { return &packer_; }

 private:
  Sink sink_;
  msgpack::packer<Sink> packer_;
};

void check(bool within, const char* name) {
  WEFT_CHECK(within, std::string("field \"") + name + "\" is beyond what the wire format allows");
}

// Never in the middle of a character.
std::string cut(std::string text) {
  if (text.size() > kMaxProseBytes) {
    std::size_t end = kMaxProseBytes - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end) + "...";
  }
  if (clean_text(text, true)) return text;
  for (char& c : text)
    if ((static_cast<signed char>(c) < ' ' && c != '\n' && c != '\t') || c == 0x7f) c = '?';  // beyond ASCII too
  return text;
}

}  // namespace

FieldWriter::FieldWriter(std::uint32_t version, const char* type, std::size_t expected_bytes) {
  out_.reserve(expected_bytes);
  Packer packer(out_);
  packer->pack_array(3);
  packer->pack_uint32(version);
  packer.text(type);
  count_at_ = out_.size();
  packer->pack_map(0);
}

void FieldWriter::key(const char* name) {
  check(out_[count_at_] < 0x8f, name);  // a one-byte map header holds 15 fields
  ++out_[count_at_];
  Packer(out_).text(name);
}

void FieldWriter::flag(const char* name, bool value) {
  key(name);
  Packer packer(out_);
  value ? packer->pack_true() : packer->pack_false();
}

void FieldWriter::number(const char* name, std::uint64_t value) {
  key(name);
  Packer(out_)->pack_uint64(value);
}

void FieldWriter::real(const char* name, double value) {
  check(std::isfinite(value), name);
  key(name);
  Packer(out_).real(value);
}

void FieldWriter::word(const char* name, const std::string& value) {
  check(is_word(value), name);
  key(name);
  Packer(out_).text(value);
}

void FieldWriter::line(const char* name, const std::string& value) {
  check(value.size() <= kMaxLineBytes && clean_text(value, false), name);
  key(name);
  Packer(out_).text(value);
}

void FieldWriter::prose(const char* name, const std::string& value) {
  key(name);
  Packer(out_).text(cut(value));
}

void FieldWriter::settings(const char* name, const std::string& value) {
  check(value.size() <= kMaxSettingsBytes && clean_text(value, true), name);
  key(name);
  Packer(out_).text(value);
}

void FieldWriter::hex(const char* name, const std::string& value, std::size_t characters) {
  check(value.size() == characters && value.find_first_not_of("0123456789abcdef") == std::string::npos, name);
  key(name);
  Packer(out_).text(value);
}

void FieldWriter::proof(const char* name, const std::string& value) {
  check(is_proof(value), name);
  key(name);
  Packer(out_).text(value);
}

void FieldWriter::words(const char* name, const std::vector<std::string>& values) {
  check(values.size() <= kMaxEntries && std::all_of(values.begin(), values.end(), is_word), name);
  key(name);
  Packer packer(out_);
  packer->pack_array(static_cast<std::uint32_t>(values.size()));
  for (const std::string& value : values) packer.text(value);
}

void FieldWriter::data(const char* name, const Bytes& value) {
  check(!value.empty() && value.size() <= kChunkBytes, name);
  key(name);
  Packer packer(out_);
  packer->pack_bin(static_cast<std::uint32_t>(value.size()));
  packer->pack_bin_body(reinterpret_cast<const char*>(value.data()), static_cast<std::uint32_t>(value.size()));
}

void FieldWriter::table(const char* name, const std::map<std::string, std::uint64_t>& values) {
  check(values.size() <= kMaxEntries, name);
  key(name);
  Packer packer(out_);
  packer->pack_map(static_cast<std::uint32_t>(values.size()));
  for (const auto& [word, value] : values) {
    check(is_word(word), name);
    packer.text(word);
    packer->pack_uint64(value);
  }
}

void FieldWriter::table(const char* name, const std::map<std::string, double>& values) {
  check(values.size() <= kMaxEntries, name);
  key(name);
  Packer packer(out_);
  packer->pack_map(static_cast<std::uint32_t>(values.size()));
  for (const auto& [word, value] : values) {
    check(is_word(word) && std::isfinite(value), name);
    packer.text(word);
    packer.real(value);
  }
}

void FieldWriter::listing(const char* name, const BaseList& list) {
  check(!fault_of(list), name);
  key(name);
  Packer(out_).text(listing_of(list));
}

// Each kind's numbers as the bytes of little-endian doubles.
void FieldWriter::tally(const char* name, const metrics::Tally& tally) {
  check(tally.parts.size() <= kMaxEntries, name);
  key(name);
  Packer packer(out_);
  packer->pack_map(static_cast<std::uint32_t>(tally.parts.size()));
  std::size_t numbers = 0;
  for (const auto& [kind, counts] : tally.parts) {
    numbers += counts.size();
    const bool finite = std::all_of(counts.begin(), counts.end(), [](double number) { return std::isfinite(number); });
    check(is_word(kind) && !counts.empty() && numbers <= kMaxTallyNumbers && finite, name);
    packer.text(kind);
    const auto size = static_cast<std::uint32_t>(counts.size() * sizeof(double));
    packer->pack_bin(size);
    packer->pack_bin_body(reinterpret_cast<const char*>(counts.data()), size);
  }
}

}  // namespace weft::wire
