// A receipt's file, which an auditor gets from a site: any bytes are read or named as no receipt, and what was read is
// written and read again as the same.
#include "common/base/bytes.h"
#include "common/wire/receipt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weft::Result<weft::wire::Receipt> receipt = weft::wire::receipt_from_json(weft::as_text({data, size}));
  if (!receipt) return 0;
  const auto again = weft::wire::receipt_from_json(weft::wire::to_json(receipt.value()));
  WEFT_CHECK(again && again.value() == receipt.value(), "a receipt changed on its way through its text");
  return 0;
}
