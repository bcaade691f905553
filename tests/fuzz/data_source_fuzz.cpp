// Foreign bytes as a data file, the first byte choosing the format: a ConfigError that names a line, or examples that
// are clean and counted.
#include <cstdlib>
#include <cstring>

#include "common/data/source.h"
#include "common/text/utf8.h"

namespace {

weft::data::DataConfig config_for(std::uint8_t choice) {
  weft::data::DataConfig config;
  const weft::data::Format formats[] = {weft::data::Format::tsv, weft::data::Format::csv, weft::data::Format::jsonl};
  config.format = formats[choice % 3];
  if ((choice & 4U) != 0 && config.format != weft::data::Format::jsonl) config.columns = {"text", "label"};
  if ((choice & 8U) != 0) config.pair_column = "pair";
  config.label.column = "label";
  config.label.words = {{"negative", 0}, {"positive", 1}};
  if ((choice & 16U) != 0) config.label.ranges = {{.label = 1, .above = 0.2}, {.label = 0, .below = -0.2}};
  config.label.drop_unmapped = (choice & 32U) != 0;
  config.max_characters = 100;
  return config;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  weft::data::Cleaner cleaner(config_for(data[0]));
  try {
    cleaner.add_text({reinterpret_cast<const char*>(data) + 1, size - 1}, "f");
  } catch (const weft::ConfigError& error) {
    require(std::strncmp(error.what(), "f:", 2) == 0 && error.what()[2] >= '1' && error.what()[2] <= '9');
    return 0;
  }
  const weft::data::CleaningReport report = cleaner.report();
  const auto records = cleaner.take();
  require(records.size() == report.kept);
  require(report.read == report.kept + report.empty + report.duplicate + report.too_long + report.unmapped);
  for (const auto& [example, group] : records) {
    require(!example.text.empty() && weft::text::count_utf8(example.text) <= 100);
    require(weft::text::find_invalid_utf8(example.text) == std::string_view::npos);
    require(example.label == 0 || example.label == 1);
  }
  return 0;
}
