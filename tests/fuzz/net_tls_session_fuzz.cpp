// Foreign bytes as frames to a coordinator's TLS session: it ends the session or waits, and lets nobody in. The input
// is a row of frames, each after its length in two bytes, big-endian.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/net/tls_session.h"

namespace {

using namespace weft;

struct World {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weft_net_fuzz_" + std::to_string(::getpid()));
  net::TlsContext context = make();
  net::BufferPool pool;
  net::TlsContext make() const {
    crypto::init_ca(folder);
    const auto files = crypto::issue(folder, {.name = "coordinator", .role = crypto::Role::coordinator});
    net::TlsContext made(net::Side::server, files);
    std::filesystem::remove_all(folder);
    return made;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  net::TlsSession session(world.context, {}, world.pool);
  for (ByteSpan input(data, size); input.size() >= 2;) {
    const std::size_t frame = std::min<std::size_t>(std::size_t{input[0]} << 8 | input[1], input.size() - 2);
    session.feed(input.subspan(2, frame));
    input = input.subspan(2 + frame);
    if (session.take_output().size() > (64 << 10)) std::abort();  // no amplification
  }
  if (session.established() || session.next_message() || !session.peer().empty()) std::abort();
  return 0;
}
