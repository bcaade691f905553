// Which events of a run become which curves.
#include "common/telemetry/tensorboard.h"

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/metrics/registry.h"

namespace weft::telemetry {

TensorBoard::TensorBoard(const std::filesystem::path& folder, const Clock& clock) : clock_(clock) {
  make_folder(folder);
  const auto seconds = static_cast<std::int64_t>(wall());
  path_ = folder / ("events.out.tfevents." + std::to_string(seconds) + ".weft");
  for (int i = 1; std::filesystem::exists(path_); ++i)  // a run that is resumed within a second
    path_ = folder / ("events.out.tfevents." + std::to_string(seconds) + ".weft." + std::to_string(i));
  file_.open(path_, std::ios::binary);
  write(file_version_record(wall()));
}

double TensorBoard::wall() const { return std::chrono::duration<double>(clock_.wall().time_since_epoch()).count(); }

void TensorBoard::write(const Bytes& record) {
  file_.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
  file_.flush();
  if (!file_) throw Failure("cannot write " + path_.string() + "; is the disk full?");
}

void TensorBoard::scalar(std::int64_t step, const std::string& tag, double value) {
  write(scalar_record(wall(), step, tag, static_cast<float>(value)));
}

void TensorBoard::scalars(std::uint32_t version, const std::string& split, const std::string& who,
                          const metrics::Tally& tally) {
  for (const auto& [name, value] : metrics::values(tally))
    scalar(version, std::string(split).append("/").append(name).append("/").append(who), value);
}

void TensorBoard::on(const RunEvent& event) {
  if (const auto* scored = std::get_if<SiteScored>(&event)) {
    scalars(scored->version, scored->split, scored->site, scored->tally);
  } else if (const auto* all = std::get_if<VersionScored>(&event)) {
    scalars(all->version, all->split, "all sites", all->tally);
  } else if (const auto* done = std::get_if<RoundCommitted>(&event)) {
    scalar(done->round, "train/loss", done->loss);
    scalar(done->round, "bytes/up", static_cast<double>(done->bytes_up));
    scalar(done->round, "bytes/down", static_cast<double>(done->bytes_down));
    scalar(done->round, "seconds/round", done->seconds);
  }
}

}  // namespace weft::telemetry
