// Which events of a run become which curves.
#include "common/telemetry/tensorboard.h"

#include "common/base/file.h"
#include "common/base/result.h"

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

void TensorBoard::on(const RunEvent& event) {
  if (const auto* scored = std::get_if<SiteScored>(&event)) {
    for (const auto& [name, value] : scored->values)
      scalar(scored->version, scored->split + "/" + name + "/" + scored->site, value);
  } else if (const auto* done = std::get_if<RoundCommitted>(&event)) {
    scalar(done->round, "train/loss", done->loss);
    scalar(done->round, "bytes/up", static_cast<double>(done->bytes_up));
    scalar(done->round, "bytes/down", static_cast<double>(done->bytes_down));
    scalar(done->round, "seconds/round", done->seconds);
  }
}

}  // namespace weft::telemetry
