// Reading the fields of a message that a peer sent: nothing is believed before it is checked.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <msgpack.hpp>

#include "common/wire/field_io.h"
#include "common/wire/messages.h"

namespace weft::wire {
namespace {

using Object = msgpack::object;
using msgpack::type::object_type;

const char* kind_of(const Object& object) {
  switch (object.type) {
    case object_type::NIL:
      return "nil";
    case object_type::BOOLEAN:
      return "a boolean";
    case object_type::POSITIVE_INTEGER:
    case object_type::NEGATIVE_INTEGER:
      return "an integer";
    case object_type::FLOAT32:
    case object_type::FLOAT64:
      return "a float";
    case object_type::STR:
      return "text";
    case object_type::BIN:
      return "bytes";
    case object_type::ARRAY:
      return "a list";
    case object_type::MAP:
      return "a map";
    default:
      return "an extension";
  }
}

std::string_view view(const Object& object) { return {object.via.str.ptr, object.via.str.size}; }

bool refer(msgpack::type::object_type /*type*/, std::size_t /*size*/, void* /*unused*/) { return true; }

}  // namespace

struct FieldReader::Parsed {
  msgpack::object_handle handle;  // its texts and bytes point into the message
  const msgpack::object_map* body = nullptr;
};

FieldReader::FieldReader(ByteSpan message) : parsed_(std::make_unique<Parsed>()) {
  if (message.size() > kMaxMessageBytes)
    fail(human_bytes(message.size()) + ", limit " + human_bytes(kMaxMessageBytes));
  else
    parse(message);
}

FieldReader::~FieldReader() = default;

void FieldReader::fail(const std::string& problem) {
  if (!fault_) fault_ = Error{(type_.empty() ? "message" : "message " + shown(type_)) + ": " + problem};
}

void FieldReader::parse(ByteSpan message) {
  // Lists and maps of [version, type, {field: list or map}] are three deep and small; msgpack allocates for a declared
  // count only after it has passed these limits.
  const msgpack::unpack_limit limits(kMaxEntries, kMaxEntries, kMaxSettingsBytes, kChunkBytes, 0, 3);
  std::size_t end = 0;
  try {
    parsed_->handle =
        msgpack::unpack(reinterpret_cast<const char*>(message.data()), message.size(), end, refer, nullptr, limits);
  } catch (const msgpack::insufficient_bytes&) {
    return fail("it ends in the middle (" + std::to_string(message.size()) + " bytes)");
  } catch (const msgpack::depth_size_overflow&) {
    return fail("lists or maps are nested too deeply");
  } catch (const msgpack::size_overflow&) {
    return fail("a declared length is beyond the limits");
  } catch (const msgpack::unpack_error&) {
    return fail("it is not msgpack");
  }
  if (end != message.size()) return fail(std::to_string(message.size() - end) + " bytes too many at its end");
  const Object& whole = parsed_->handle.get();
  if (whole.type != object_type::ARRAY || whole.via.array.size != 3)
    return fail("expected a list of version, type and fields");
  const Object &version = whole.via.array.ptr[0], &type = whole.via.array.ptr[1], &body = whole.via.array.ptr[2];
  if (version.type != object_type::POSITIVE_INTEGER) return fail(std::string("its version is ") + kind_of(version));
  if (version.via.u64 != kProtocolVersion)
    return fail("protocol version " + std::to_string(version.via.u64) + ", this program speaks " +
                std::to_string(kProtocolVersion) + "; both ends need the same release of weft");
  if (type.type != object_type::STR) return fail(std::string("its type is ") + kind_of(type) + ", expected text");
  if (type.via.str.size > kMaxWordBytes) return fail("its type is longer than any");
  type_ = view(type);
  if (body.type != object_type::MAP) return fail(std::string("its fields are ") + kind_of(body) + ", expected a map");
  parsed_->body = &body.via.map;
  version_ = kProtocolVersion;
}

const void* FieldReader::find(const char* name) {
  asked_.emplace_back(name);
  if (fault_) return nullptr;
  for (std::uint32_t i = 0; i < parsed_->body->size; ++i) {
    const auto& [key, value] = parsed_->body->ptr[i];
    if (key.type == object_type::STR && view(key) == name) return &value;
  }
  fail(std::string("field \"") + name + "\" is missing");
  return nullptr;
}

void FieldReader::finish() {
  if (fault_) return;
  std::vector<std::string> left = asked_;
  for (std::uint32_t i = 0; i < parsed_->body->size; ++i) {
    const Object& key = parsed_->body->ptr[i].key;
    if (key.type != object_type::STR) return fail(std::string("the name of a field is ") + kind_of(key));
    const auto at = std::find(left.begin(), left.end(), view(key));
    if (at == left.end())
      return fail(
          "field " + shown(view(key)) +
          (std::find(asked_.begin(), asked_.end(), view(key)) == asked_.end() ? " is unknown" : " stands twice"));
    left.erase(at);
  }
}

namespace {
std::string mistyped(const char* name, const Object& got, const char* expected) {
  return std::string("field \"") + name + "\" is " + kind_of(got) + ", expected " + expected;
}
std::string wrong(const char* name, const std::string& problem) {
  return std::string("field \"") + name + "\" " + problem;
}
constexpr const char* kWordRule = "a word of at most 32 letters a-z, digits and _";
}  // namespace

void FieldReader::flag(const char* name, bool& value) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type != object_type::BOOLEAN) return fail(mistyped(name, *object, "a boolean"));
  value = object->via.boolean;
}

void FieldReader::number(const char* name, std::uint64_t& value) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type == object_type::NEGATIVE_INTEGER) return fail(wrong(name, "is negative"));
  if (object->type != object_type::POSITIVE_INTEGER) return fail(mistyped(name, *object, "an integer"));
  value = object->via.u64;
}

void FieldReader::number(const char* name, std::uint32_t& value) {
  std::uint64_t wide = 0;
  number(name, wide);
  if (wide > std::numeric_limits<std::uint32_t>::max())
    return fail(wrong(name, "is " + std::to_string(wide) + ", limit 2^32-1"));
  value = static_cast<std::uint32_t>(wide);
}

void FieldReader::real(const char* name, double& value) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type != object_type::FLOAT64) return fail(mistyped(name, *object, "a 64-bit float"));
  if (!std::isfinite(object->via.f64)) return fail(wrong(name, "is not finite"));
  value = object->via.f64;
}

std::string FieldReader::text(const char* name, std::size_t max_bytes, bool lines) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return {};
  if (object->type != object_type::STR) {
    fail(mistyped(name, *object, "text"));
  } else if (object->via.str.size > max_bytes) {
    fail(wrong(name, "has " + std::to_string(object->via.str.size) + " bytes, limit " + std::to_string(max_bytes)));
  } else {
    std::string value(view(*object));
    if (clean_text(value, lines)) return value;
    fail(wrong(name, "is not clean UTF-8 text"));
  }
  return {};
}

void FieldReader::line(const char* name, std::string& value) { value = text(name, kMaxLineBytes, false); }
void FieldReader::prose(const char* name, std::string& value) { value = text(name, kMaxProseBytes, true); }
void FieldReader::settings(const char* name, std::string& value) { value = text(name, kMaxSettingsBytes, true); }

void FieldReader::word(const char* name, std::string& value) {
  value = text(name, kMaxWordBytes, false);
  if (!fault_ && !is_word(value)) fail(wrong(name, "is " + shown(value) + ", expected " + kWordRule));
}

void FieldReader::hex(const char* name, std::string& value, std::size_t characters) {
  value = text(name, characters, false);
  if (!fault_ && (value.size() != characters || value.find_first_not_of("0123456789abcdef") != std::string::npos))
    fail(wrong(name, "is " + shown(value) + ", expected " + std::to_string(characters) + " lower-case hex characters"));
}

void FieldReader::proof(const char* name, std::string& value) {
  value = text(name, kMaxProofCharacters, false);
  if (!fault_ && !is_proof(value))
    fail(wrong(name, "is " + shown(value) + ", expected an even number of lower-case hex characters"));
}

void FieldReader::words(const char* name, std::vector<std::string>& values) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type != object_type::ARRAY) return fail(mistyped(name, *object, "a list"));
  for (std::uint32_t i = 0; i < object->via.array.size; ++i) {
    const Object& item = object->via.array.ptr[i];
    if (item.type != object_type::STR || !is_word(view(item)))
      return fail(wrong(name, std::string("has an entry that is not ") + kWordRule));
    values.emplace_back(view(item));
  }
}

void FieldReader::data(const char* name, Bytes& value) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type != object_type::BIN) return fail(mistyped(name, *object, "bytes"));
  if (object->via.bin.size == 0) return fail(wrong(name, "is empty"));
  value.assign(object->via.bin.ptr, object->via.bin.ptr + object->via.bin.size);
}

template <class Value, class Read>
void FieldReader::read_table(const char* name, std::map<std::string, Value>& values, const char* expected, Read read) {
  const auto* object = static_cast<const Object*>(find(name));
  if (object == nullptr) return;
  if (object->type != object_type::MAP) return fail(mistyped(name, *object, "a map"));
  for (std::uint32_t i = 0; i < object->via.map.size; ++i) {
    const auto& [key, item] = object->via.map.ptr[i];
    if (key.type != object_type::STR || !is_word(view(key)))
      return fail(wrong(name, std::string("has a key that is not ") + kWordRule));
    const std::optional<Value> value = read(item);
    if (!value) return fail(wrong(name, "has under " + shown(view(key)) + " not " + expected));
    if (!values.emplace(view(key), *value).second) return fail(wrong(name, "has " + shown(view(key)) + " twice"));
  }
}

void FieldReader::table(const char* name, std::map<std::string, std::uint64_t>& values) {
  read_table(name, values, "a positive integer", [](const Object& item) {
    return item.type == object_type::POSITIVE_INTEGER ? std::optional(item.via.u64) : std::nullopt;
  });
}

void FieldReader::table(const char* name, std::map<std::string, double>& values) {
  read_table(name, values, "a finite 64-bit float", [](const Object& item) {
    const bool good = item.type == object_type::FLOAT64 && std::isfinite(item.via.f64);
    return good ? std::optional(item.via.f64) : std::nullopt;
  });
}

void FieldReader::listing(const char* name, BaseList& list) {
  const std::string whole = text(name, kMaxListingBytes, true);
  if (fault_) return;
  Result<BaseList> read = list_of(whole);
  if (!read) return fail(wrong(name, "cannot be read: " + read.error().message));
  list = std::move(read).value();
}

void FieldReader::tally(const char* name, metrics::Tally& tally) {
  std::size_t numbers = 0;
  const std::string expected = "the bytes of finite 64-bit floats, " + std::to_string(kMaxTallyNumbers) + " in all";
  read_table(name, tally.parts, expected.c_str(), [&](const Object& item) {
    if (item.type != object_type::BIN || item.via.bin.size == 0 || item.via.bin.size % sizeof(double) != 0)
      return std::optional<metrics::Counts>();
    numbers += item.via.bin.size / sizeof(double);
    if (numbers > kMaxTallyNumbers) return std::optional<metrics::Counts>();
    metrics::Counts counts(item.via.bin.size / sizeof(double));
    std::memcpy(counts.data(), item.via.bin.ptr, item.via.bin.size);
    const bool finite = std::all_of(counts.begin(), counts.end(), [](double number) { return std::isfinite(number); });
    return finite ? std::optional(std::move(counts)) : std::nullopt;
  });
}

}  // namespace weft::wire
