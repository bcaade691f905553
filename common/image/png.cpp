// PNG through libpng, which unpacks the rows; their meaning is given to them here, by Pillow's rules.
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>
#include <memory>

#include "common/image/decoders.h"

namespace weft::image {
namespace {

constexpr png_alloc_size_t kMaxChunkBytes = std::size_t{8} << 20;
constexpr int kMaxAncillaryChunks = 1000;

struct Rgba {
  std::uint8_t red = 0, green = 0, blue = 0, alpha = 255;
};

// What libpng reads from, and where it says what is wrong.
struct Source {
  ByteSpan rest;
  std::array<char, 128> problem{};
};

void on_error(png_structp png, png_const_charp message) {
  auto& problem = static_cast<Source*>(png_get_error_ptr(png))->problem;
  std::strncpy(problem.data(), message, problem.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (count > source.rest.size()) png_error(png, "the file ends too soon");
  std::memcpy(out, source.rest.data(), count);
  source.rest = source.rest.subspan(count);
}

struct Reader {
  explicit Reader(ByteSpan file) : source{file} {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
    info = png == nullptr ? nullptr : png_create_info_struct(png);
    if (info == nullptr) throw Failure("libpng: out of memory");
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Source source;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

// libpng jumps out of the two functions below on an error: nothing that needs a destructor may live in them.
bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;  // NOLINT(cert-err52-cpp): libpng's way
  png_set_read_fn(reader.png, &reader.source, on_read);
  png_set_user_limits(reader.png, 0x7fffffff, 0x7fffffff);  // the product is checked before rows are allocated
  png_set_chunk_malloc_max(reader.png, kMaxChunkBytes);
  png_set_chunk_cache_max(reader.png, kMaxAncillaryChunks);
  png_set_benign_errors(reader.png, 1);
  png_read_info(reader.png, reader.info);
  return true;
}

bool read_rows(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_set_packing(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  png_read_image(reader.png, rows);
  return true;
}

// How a pixel's samples become a colour.
class Pixels {
 public:
  explicit Pixels(const Reader& reader)
      : depth_(png_get_bit_depth(reader.png, reader.info)),
        kind_(png_get_color_type(reader.png, reader.info)),
        channels_(png_get_channels(reader.png, reader.info)),
        bytes_(depth_ == 16 ? 2 : 1) {
    png_bytep alphas = nullptr;
    int alpha_count = 0;
    png_color_16p colour = nullptr;
    const bool some = png_get_tRNS(reader.png, reader.info, &alphas, &alpha_count, &colour) != 0;
    if (kind_ == PNG_COLOR_TYPE_PALETTE) {
      fill_palette(reader);
      for (int i = 0; some && i < alpha_count; ++i) palette_.at(static_cast<std::size_t>(i)).alpha = alphas[i];
    } else if (some && colour != nullptr) {
      set_clear(*colour);
    }
  }

  std::size_t pixel_bytes() const { return channels_ * bytes_; }

  Rgba colour(const std::uint8_t* at) const {
    if (kind_ == PNG_COLOR_TYPE_PALETTE) return palette_[*at];
    Rgba out;
    if ((kind_ & PNG_COLOR_MASK_COLOR) != 0) {
      out = {at[0], at[bytes_], at[2 * bytes_]};  // of two bytes the high one
    } else {
      const std::uint8_t grey = grey_of(at);
      out = {grey, grey, grey};
    }
    if ((kind_ & PNG_COLOR_MASK_ALPHA) != 0) out.alpha = at[(channels_ - 1) * bytes_];
    if (has_clear_ && out.red == clear_.red && out.green == clear_.green && out.blue == clear_.blue) out.alpha = 0;
    return out;
  }

 private:
  void fill_palette(const Reader& reader) {
    png_colorp colours = nullptr;
    int count = 0;
    if (png_get_PLTE(reader.png, reader.info, &colours, &count) == 0) return;
    for (int i = 0; i < count; ++i)
      palette_.at(static_cast<std::size_t>(i)) = {colours[i].red, colours[i].green, colours[i].blue};
  }

  // The colour that is clear, as Pillow compares it: its low byte, with samples that are scaled or cut to 8 bits, and
  // for one bit either black or white.
  void set_clear(const png_color_16& colour) {
    const bool grey = kind_ == PNG_COLOR_TYPE_GRAY;
    has_clear_ = true;
    const auto low = [](png_uint_16 value) { return static_cast<std::uint8_t>(value & 0xffU); };
    if (!grey)
      clear_ = {low(colour.red), low(colour.green), low(colour.blue)};
    else if (depth_ == 1)
      clear_ = colour.gray != 0 ? Rgba{255, 255, 255} : Rgba{};
    else
      clear_ = {low(colour.gray), low(colour.gray), low(colour.gray)};
  }

  std::uint8_t grey_of(const std::uint8_t* at) const {
    if (depth_ == 16)
      return kind_ == PNG_COLOR_TYPE_GRAY && at[0] != 0 ? 255 : at[kind_ == PNG_COLOR_TYPE_GRAY ? 1 : 0];
    return static_cast<std::uint8_t>(*at * (255U / ((1U << depth_) - 1U)));
  }

  unsigned depth_, kind_;
  std::size_t channels_, bytes_;
  bool has_clear_ = false;
  Rgba clear_;
  std::array<Rgba, 256> palette_{};  // black beyond the file's own
};

// A colour over white, rounded as Pillow's alpha_composite does: weights of 15 bits, then a division by 255.
std::uint8_t over_white(std::uint8_t value, std::uint8_t alpha) {
  constexpr unsigned kBits = 7;
  const std::uint32_t weight = std::uint32_t{alpha} << kBits;
  const std::uint32_t sum = value * weight + 255U * ((255U << kBits) - weight) + (0x80U << kBits);
  return static_cast<std::uint8_t>((((sum >> 8) + sum) >> 8) >> kBits);
}

Error png_error_of(const std::string& problem) { return {"the PNG file is broken: " + problem}; }

}  // namespace

Result<Image> decode_png(ByteSpan file, const DecodeOptions& options) {
  Reader reader(file);
  if (!read_header(reader)) return png_error_of(reader.source.problem.data());
  const std::size_t width = png_get_image_width(reader.png, reader.info);
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  if (const std::string problem = size_problem(width, height, options); !problem.empty())
    return Error{"the PNG file " + problem};
  const Pixels pixels(reader);
  const std::size_t row_bytes = width * pixels.pixel_bytes();
  Bytes raw(row_bytes * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = &raw[y * row_bytes];
  if (!read_rows(reader, rows.data())) return png_error_of(reader.source.problem.data());

  Image out{width, height, Bytes(3 * width * height)};
  for (std::size_t i = 0; i < width * height; ++i) {
    Rgba colour = pixels.colour(&raw[i * pixels.pixel_bytes()]);
    if (options.alpha == Alpha::white && colour.alpha != 255) {
      for (std::uint8_t* value : {&colour.red, &colour.green, &colour.blue}) *value = over_white(*value, colour.alpha);
    }
    out.rgb[3 * i] = colour.red;
    out.rgb[3 * i + 1] = colour.green;
    out.rgb[3 * i + 2] = colour.blue;
  }
  return out;
}

}  // namespace weft::image
