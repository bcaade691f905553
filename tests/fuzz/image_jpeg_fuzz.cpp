// Foreign bytes as a JPEG file: an error with a message, or a picture of the size that it says.
#include "tests/fuzz/image_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_decoder(weft::image::decode_jpeg, {data, size});
  return 0;
}
