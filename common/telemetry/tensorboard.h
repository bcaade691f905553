// A run as a TensorBoard event file: TFRecord framing (length, masked CRC32C, Event protobuf), scalars only.
// Source: tensorflow/core/util/event.proto, summary.proto and the TFRecord page.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/telemetry/run_observer.h"

namespace weft::telemetry {

// Castagnoli's CRC-32 (polynomial 0x1EDC6F41, reflected), and TFRecord's rotation of it.
std::uint32_t crc32c(ByteSpan bytes);
std::uint32_t masked_crc32c(ByteSpan bytes);

// Records, as bytes, for files and tests. `wall` is seconds since 1970.
Bytes file_version_record(double wall);
Bytes scalar_record(double wall, std::int64_t step, const std::string& tag, float value);

// Writes FOLDER/events.out.tfevents.SECONDS.weft; steps are rounds, or adapter versions for scores. Tags: train/loss,
// <split>/<value>/<site> and <split>/<value>/all sites for every value of metrics (accuracy, macro_f1, loss, ...),
// bytes/up, bytes/down, seconds/round.
class TensorBoard final : public RunObserver {
 public:
  // Makes the folder; throws Failure. `clock` outlives this.
  TensorBoard(const std::filesystem::path& folder, const Clock& clock);
  void on(const RunEvent& event) override;

 private:
  void write(const Bytes& record);
  void scalar(std::int64_t step, const std::string& tag, double value);
  void scalars(std::uint32_t version, const std::string& split, const std::string& who, const metrics::Tally& tally);
  double wall() const;
  const Clock& clock_;
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace weft::telemetry
