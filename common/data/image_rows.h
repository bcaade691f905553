// Rows of files that hold pictures: each with its picture and one cell, the label. Internal to this library.
#pragma once
#include <filesystem>
#include <string>

#include "common/data/rows.h"

namespace weft::data {

// The two files of IDX as MNIST has them: unsigned bytes of 3 dimensions and of 1, as many labels as pictures. The cell
// is the label's number. Source: LeCun et al., "The MNIST database", file formats.
void read_idx(ByteSpan images, ByteSpan labels, const std::string& origin, const RowSink& sink);

// The file of labels beside one of images: `labels-idx1` for `images-idx3` in its name. ConfigError without that.
std::filesystem::path idx_labels_of(const std::filesystem::path& images);

// A picture a line: numbers between commas, its pixels from the top and its label. A first line of words is skipped.
void read_pixels(std::string_view content, const PixelRule& rule, const std::string& origin, const RowSink& sink);

// PNG and JPEG files in the sub-folders of `folder`, each sub-folder a label; in the order of their names.
void read_image_folder(const std::filesystem::path& folder, const RowSink& sink);

}  // namespace weft::data
