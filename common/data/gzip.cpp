// Inflating through zlib.
#include "common/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "common/base/result.h"

namespace weft::data {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 30;
constexpr std::size_t kStep = std::size_t{1} << 20;

struct Stream {
  z_stream z{};
  Stream() {
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) throw Failure("zlib: out of memory");
  }
  ~Stream() { inflateEnd(&z); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

}  // namespace

std::optional<std::string> gunzip(ByteSpan file, const std::string& origin) {
  if (file.size() < 2 || file[0] != 0x1f || file[1] != 0x8b) return {};
  Stream stream;
  std::string out;
  for (bool more = true; more; more = !file.empty() || stream.z.avail_out == 0) {
    const std::size_t part = std::min<std::size_t>(file.size(), std::numeric_limits<uInt>::max());
    stream.z.next_in = const_cast<Bytef*>(file.data());  // NOLINT: zlib only reads it
    stream.z.avail_in = static_cast<uInt>(part);
    const std::size_t done = out.size();
    out.resize(done + kStep);
    stream.z.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.z.avail_out = kStep;
    const int code = inflate(&stream.z, Z_NO_FLUSH);
    file = file.subspan(part - stream.z.avail_in);
    out.resize(done + kStep - stream.z.avail_out);
    if (out.size() > kMostBytes) throw ConfigError(origin + ": holds more than 4 GiB; cut it into several files");
    if (code == Z_STREAM_END && file.empty()) return out;
    // Several members one after the other are one file.
    if (code == Z_STREAM_END)
      inflateReset(&stream.z);
    else if (code != Z_OK)
      break;
  }
  throw ConfigError(origin + ": the gzip file is broken or torn; fetch it again");
}

}  // namespace weft::data
