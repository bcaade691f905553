#include "worker/framed_file.h"

#include <algorithm>
#include <cstring>

#include "common/base/digest.h"

namespace weft::worker {
namespace {

constexpr std::size_t kMarkBytes = 8, kHeadBytes = 16, kDigestCharacters = 64;

}  // namespace

Bytes framed(std::string_view mark, std::string_view header, ByteSpan payload) {
  WEFT_CHECK(mark.size() == kMarkBytes, "a mark has 8 characters");
  const std::size_t body = kHeadBytes + header.size() + payload.size();
  Bytes file(body + kDigestCharacters);
  std::memcpy(file.data(), mark.data(), mark.size());
  for (std::size_t i = 0; i < 8; ++i)
    file[kMarkBytes + i] = static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i));
  std::copy(header.begin(), header.end(), file.begin() + kHeadBytes);
  std::copy(payload.begin(), payload.end(), file.begin() + kHeadBytes + std::ssize(header));
  const std::string digest = sha256_hex(ByteSpan(file).first(body));
  std::copy(digest.begin(), digest.end(), file.begin() + static_cast<std::ptrdiff_t>(body));
  return file;
}

Result<Framed> unframed(std::string_view mark, ByteSpan file) {
  if (file.size() < kHeadBytes + kDigestCharacters) return Error{"only " + std::to_string(file.size()) + " bytes"};
  if (as_text(file.first(kMarkBytes)) != mark) return Error{"it does not begin with " + std::string(mark)};
  const ByteSpan body = file.first(file.size() - kDigestCharacters);
  if (sha256_hex(body) != as_text(file.last(kDigestCharacters))) return Error{"its digest does not fit; it is torn"};
  std::uint64_t length = 0;
  for (std::size_t i = kHeadBytes; i-- > kMarkBytes;) length = (length << 8) | file[i];
  if (length > body.size() - kHeadBytes) return Error{"its header is longer than the file"};
  return Framed{.header = body.subspan(kHeadBytes, static_cast<std::size_t>(length)),
                .payload = body.subspan(kHeadBytes + static_cast<std::size_t>(length))};
}

}  // namespace weft::worker
