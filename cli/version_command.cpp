// weft --version: what this binary is, what it links, and what it can compute on.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <openssl/crypto.h>
#include <torch/csrc/api/include/torch/version.h>
#include <zmq.h>

#include <cstdio>

#include "cli/commands.h"
#include "weft_version.h"

namespace weft::cli {

int print_version() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  std::printf("weft %s\n  LibTorch %s\n  ZeroMQ   %d.%d.%d\n  %s\n", WEFT_VERSION, TORCH_VERSION, major, minor, patch,
              OpenSSL_version(OPENSSL_VERSION));
  const auto gpus = at::hasCUDA() ? at::getNumGPUs() : 0;
  std::printf("  devices  cpu (%d threads)", at::get_num_threads());
  if (gpus > 0) std::printf(", cuda:0%s", gpus > 1 ? (" to cuda:" + std::to_string(gpus - 1)).c_str() : "");
  std::printf("%s\n", gpus > 0 ? "" : at::hasCUDA() ? " (built for CUDA, no GPU found)" : " (LibTorch has no CUDA)");
  return 0;
}

}  // namespace weft::cli
