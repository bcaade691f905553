// JPEG through libjpeg-turbo with its defaults, which are also Pillow's.
#include <csetjmp>
#include <cstdio>
// after cstdio, whose FILE it needs
#include <jerror.h>
#include <jpeglib.h>

#include <array>

#include "common/image/decoders.h"

namespace weft::image {
namespace {

constexpr int kMaxScans = 500;  // of a progressive file; each costs a pass over the whole picture

struct Reader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf out{};
  std::array<char, JMSG_LENGTH_MAX> problem{};

  Reader() = default;
  ~Reader() { jpeg_destroy_decompress(&jpeg); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

void leave(j_common_ptr common) {
  auto& reader = *static_cast<Reader*>(common->client_data);
  common->err->format_message(common, reader.problem.data());
  std::longjmp(reader.out, 1);  // NOLINT(cert-err52-cpp): libjpeg's way
}

// Warnings are borne, as Pillow does, but for a file that ends too soon.
void on_message(j_common_ptr common, int level) {
  if (level < 0 && common->err->msg_code == JWRN_JPEG_EOF) leave(common);
}

void on_progress(j_common_ptr common) {
  auto& reader = *static_cast<Reader*>(common->client_data);
  if (reader.jpeg.input_scan_number <= kMaxScans) return;
  std::snprintf(reader.problem.data(), reader.problem.size(), "it has more than %d scans", kMaxScans);
  std::longjmp(reader.out, 1);  // NOLINT(cert-err52-cpp)
}

// libjpeg jumps out of the two functions below on an error: nothing that needs a destructor may live in them.
bool read_header(Reader& reader, ByteSpan file) {
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.jpeg.client_data = &reader;
  reader.errors.error_exit = leave;
  reader.errors.emit_message = on_message;
  if (setjmp(reader.out) != 0) return false;  // NOLINT(cert-err52-cpp)
  jpeg_create_decompress(&reader.jpeg);
  reader.progress.progress_monitor = on_progress;
  reader.jpeg.progress = &reader.progress;
  jpeg_mem_src(&reader.jpeg, file.data(), file.size());
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

bool read_rows(Reader& reader, std::uint8_t* rgb) {
  if (setjmp(reader.out) != 0) return false;  // NOLINT(cert-err52-cpp)
  reader.jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&reader.jpeg);
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = rgb + std::size_t{3} * reader.jpeg.output_width * reader.jpeg.output_scanline;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
  }
  return true;
}

}  // namespace

Result<Image> decode_jpeg(ByteSpan file, const DecodeOptions& options) {
  Reader reader;
  const auto broken = [&] { return Error{"the JPEG file is broken: " + std::string(reader.problem.data())}; };
  if (!read_header(reader, file)) return broken();
  const std::size_t width = reader.jpeg.image_width, height = reader.jpeg.image_height;
  if (const std::string problem = size_problem(width, height, options); !problem.empty())
    return Error{"the JPEG file " + problem};
  if (reader.jpeg.num_components != 1 && reader.jpeg.num_components != 3)
    return Error{"the JPEG file has " + std::to_string(reader.jpeg.num_components) +
                 " colour components (four are CMYK), expected grey or colour; convert it to RGB"};
  Image out{width, height, Bytes(3 * width * height)};
  if (!read_rows(reader, out.rgb.data())) return broken();
  return out;
}

}  // namespace weft::image
