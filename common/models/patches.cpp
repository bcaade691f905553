#include "common/models/patches.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>

#include "common/base/result.h"

namespace weft::models {
namespace {

std::string sides(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

void check(const at::Tensor& pixels, std::int64_t side) {
  WEFT_CHECK(pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3, "pixels that are not [N, 3, H, W]");
  if (pixels.size(2) == side && pixels.size(3) == side) return;
  throw Failure("pictures of " + sides(pixels.size(2), pixels.size(3)) + " pixels; the model takes " +
                sides(side, side) +
                " (image_size in its config.json). Set the size in preprocessor_config.json to that.");
}

}  // namespace

PatchConfig patch_config(const ModelConfig& config, std::int64_t width, std::int64_t default_patch_side) {
  const std::int64_t channels = config.positive_or("num_channels", 3), image = config.positive_or("image_size", 224),
                     patch = config.positive_or("patch_size", default_patch_side);
  if (channels != 3) config.fail("\"num_channels\" is " + std::to_string(channels) + "; only 3 (RGB) is supported");
  if (patch > image)
    config.fail("\"patch_size\" " + std::to_string(patch) + " is larger than \"image_size\" " + std::to_string(image));
  return {.image_side = image, .patch_side = patch, .width = width};
}

at::Tensor Patches::operator()(const Step& step, const at::Tensor& pixels) const {
  check(pixels, config_.image_side);
  const std::int64_t pictures = pixels.size(0), patch = config_.patch_side, grid = config_.image_side / patch;
  const at::Tensor cut = pixels.slice(2, 0, grid * patch)
                             .slice(3, 0, grid * patch)
                             .reshape({pictures, 3, grid, patch, grid, patch})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({pictures, grid * grid, 3 * patch * patch});
  const at::Tensor bias_D = parts_.bias_D.defined() ? parts_.bias_D(step) : at::Tensor();
  std::vector<at::Tensor> rows;
  for (const Parameter& special : parts_.special)
    rows.push_back(special(step).view({1, 1, config_.width}).expand({pictures, 1, config_.width}));
  rows.push_back(at::linear(cut, parts_.weight_D3PP(step).flatten(1), bias_D));
  const at::Tensor placed = at::add(at::cat(rows, 1), parts_.positions(step).view({1, -1, config_.width}));
  return placed.view({-1, config_.width});
}

nn::Packed Patches::packed(std::int64_t pictures) const {
  nn::Packed batch;
  for (std::int64_t n = 0; n <= pictures; ++n) batch.starts.push_back(n * rows());
  return batch;
}

}  // namespace weft::models
