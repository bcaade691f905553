// weft --version: what this binary is, what it links, and what it can compute on.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <openssl/crypto.h>
#include <torch/csrc/api/include/torch/version.h>
#include <zmq.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/versions.h"
#include "weft_version.h"

namespace weft::cli {

std::map<std::string, std::string> linked_versions() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  return {{"weft", WEFT_VERSION},
          {"libtorch", TORCH_VERSION},
          {"openssl", OpenSSL_version(OPENSSL_VERSION)},
          {"zeromq", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch)}};
}

int print_version() {
  const auto versions = linked_versions();
  std::printf("weft %s\n  LibTorch %s\n  ZeroMQ   %s\n  %s\n", versions.at("weft").c_str(),
              versions.at("libtorch").c_str(), versions.at("zeromq").c_str(), versions.at("openssl").c_str());
  const auto gpus = at::hasCUDA() ? at::getNumGPUs() : 0;
  std::printf("  devices  cpu (%d threads)", at::get_num_threads());
  if (gpus > 0) std::printf(", cuda:0%s", gpus > 1 ? (" to cuda:" + std::to_string(gpus - 1)).c_str() : "");
  std::printf("%s\n", gpus > 0 ? "" : at::hasCUDA() ? " (built for CUDA, no GPU found)" : " (LibTorch has no CUDA)");
  return 0;
}

}  // namespace weft::cli
