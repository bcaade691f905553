// Models, data and trainers of this process.
#include "cli/local_job.h"

#include <ATen/Context.h>

#include <thread>

#include "common/train/step_memory.h"

namespace weft::cli {
namespace {

class SlottedTrainer final : public fl::LocalTrainer {
 public:
  SlottedTrainer(std::unique_ptr<fl::LocalTrainer> trainer, std::shared_ptr<Slots> slots)
      : trainer_(std::move(trainer)), slots_(std::move(slots)) {}
  const fl::SiteFacts& facts() const override { return trainer_->facts(); }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override {
    const Slot slot(*slots_);
    return trainer_->train(job, progress, stop);
  }
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override {
    const Slot slot(*slots_);
    return trainer_->evaluate(adapter, split, progress, stop);
  }

 private:
  struct Slot {
    explicit Slot(Slots& all) : slots(all) { slots.acquire(); }
    ~Slot() { slots.release(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    Slots& slots;
  };
  std::unique_ptr<fl::LocalTrainer> trainer_;
  std::shared_ptr<Slots> slots_;
};

}  // namespace

at::Device pick_device(const std::string& name) {
  const auto gpus = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (name == "cpu" || (name == "auto" && gpus == 0)) return at::kCPU;
  if (name == "auto") return {at::kCUDA, 0};
  const std::string prefix = "cuda:";
  if (name.starts_with(prefix) && name.size() > prefix.size() && name.size() < prefix.size() + 4 &&
      name.find_first_not_of("0123456789", prefix.size()) == std::string::npos) {
    const int index = std::stoi(name.substr(prefix.size()));
    if (index < gpus) return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
    throw ConfigError("device: got \"" + name + "\", but this machine shows " + std::to_string(gpus) +
                      " GPUs to LibTorch; use cpu or auto, or check the driver with nvidia-smi");
  }
  throw ConfigError("device: got \"" + name + "\", expected auto, cpu or cuda:N");
}

Base load_base(const Settings& settings, const std::filesystem::path& model, at::Device device) {
  if (!std::filesystem::is_directory(model))
    throw ConfigError("model.path: there is no folder " + model.string() +
                      "; expected a Hugging Face folder with config.json, tokenizer.json and model.safetensors");
  train::keep_freed_memory();
  Result<text::Tokenizer> tokenizer = text::Tokenizer::load(model / "tokenizer.json");
  if (!tokenizer) throw ConfigError(tokenizer.error().message);
  Base base;
  base.tokenizer = std::make_shared<const text::Tokenizer>(std::move(tokenizer).value());
  base.classifier = models::load_model({.folder = model,
                                        .labels = settings.labels,
                                        .adapter = settings.adapter,
                                        .base_dropout = settings.base_dropout,
                                        .device = device});
  if (static_cast<std::int64_t>(settings.max_tokens) > base.classifier->max_positions())
    throw ConfigError("task.max_tokens: got " + std::to_string(settings.max_tokens) + ", the model at " +
                      model.string() + " has " + std::to_string(base.classifier->max_positions()) + " positions");
  return base;
}

metrics::Scheme scheme_of(const Settings& settings) { return metrics::classification_scheme(settings.labels.size()); }

train::EncodedSplits encode(const Base& base, const data::Splits& splits, std::size_t max_tokens) {
  return {.train = data::encode(*base.tokenizer, splits.train, max_tokens),
          .validation = data::encode(*base.tokenizer, splits.validation, max_tokens),
          .test = data::encode(*base.tokenizer, splits.test, max_tokens)};
}

std::unique_ptr<fl::LocalTrainer> make_trainer(const Settings& settings, const Base& base, train::EncodedSplits data,
                                               const TrainerPlace& place) {
  return std::make_unique<train::SiteTrainer>(train::SiteTrainerOptions{.model = base.classifier,
                                                                        .data = std::move(data),
                                                                        .config = settings.train,
                                                                        .classes = settings.labels.size(),
                                                                        .seed = settings.seed,
                                                                        .rounds = settings.rounds.count,
                                                                        .device = place.device,
                                                                        .threads = place.threads});
}

std::unique_ptr<fl::LocalTrainer> with_slots(std::unique_ptr<fl::LocalTrainer> trainer, std::shared_ptr<Slots> slots) {
  return std::make_unique<SlottedTrainer>(std::move(trainer), std::move(slots));
}

std::shared_ptr<Slots> make_slots(int threads) {
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return std::make_shared<Slots>(std::max(1, cores / threads));
}

}  // namespace weft::cli
