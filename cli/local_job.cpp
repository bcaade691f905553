// Models, data and trainers of this process.
#include "cli/local_job.h"

#include <ATen/Context.h>

#include <thread>

#include "common/base/joined.h"
#include "common/base/log.h"
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

std::shared_ptr<const models::Model> load_saying_notes(const models::ModelRequest& request) {
  std::shared_ptr<const models::Model> model = models::load_model(request);
  for (const std::string& note : model->notes()) log::warn(note);
  return model;
}

Result<text::ChatTemplate> load_template(const std::string& name, const std::filesystem::path& folder,
                                         const text::Tokenizer& tokenizer) {
  Result<text::ChatTemplate> found = text::ChatTemplate::load(name, folder);
  if (!found) return found;
  if (const std::vector<std::string> marks = found->marks_without_token(tokenizer); !marks.empty())
    log::warn("the chat template \"" + found->name() + "\" writes " + joined(marks) + ", which the tokenizer of " +
              folder.string() + " has no tokens for: the model reads them letter by letter. Is that its template?");
  return found;
}

Base load_base(const Settings& settings, const std::filesystem::path& model, at::Device device) {
  if (!std::filesystem::is_directory(model))
    throw ConfigError("model.path: there is no folder " + model.string() +
                      "; expected a Hugging Face folder with config.json and weights");
  train::keep_freed_memory();
  const data::TaskConfig& task = settings.task;
  Base base;
  const bool regression = task.problem == data::Problem::regression;
  base.task =
      train::make_task(task, load_saying_notes({.folder = model,
                                                .task = task.kind,
                                                .labels = regression ? std::vector<std::string>{"value"} : task.labels,
                                                .adapter = settings.adapter,
                                                .base_dropout = settings.base_dropout,
                                                .device = device,
                                                .adapter_place = settings.adapter_place}));
  if (task.kind != TaskKind::image_classification) {
    Result<text::Tokenizer> tokenizer = text::Tokenizer::load(model / "tokenizer.json");
    if (!tokenizer) throw ConfigError(tokenizer.error().message);
    base.tokenizer = std::make_shared<const text::Tokenizer>(std::move(tokenizer).value());
  }
  if (task.kind == TaskKind::image_classification || task.kind == TaskKind::image_text)
    base.preprocessor = std::make_shared<const image::Preprocessor>(image::Preprocessor::load(model));
  if (task.has_conversations()) {
    Result<text::ChatTemplate> found = load_template(task.chat_template, model, *base.tokenizer);
    if (!found) throw ConfigError("task.template: " + found.error().message);
    base.chat_template = std::make_shared<const text::ChatTemplate>(std::move(found).value());
  }
  const std::int64_t positions = base.model().max_positions();
  if (base.tokenizer && static_cast<std::int64_t>(task.max_tokens) > positions)
    throw ConfigError("task.max_tokens: got " + std::to_string(task.max_tokens) + ", the model at " + model.string() +
                      " has " + std::to_string(positions) + " positions");
  return base;
}

data::EncodedDataset encode(const Base& base, const std::vector<data::Example>& examples) {
  const data::Encoders encoders{.tokenizer = base.tokenizer.get(),
                                .preprocessor = base.preprocessor.get(),
                                .chat_template = base.chat_template.get()};
  data::EncodedDataset encoded = data::encode(base.task->config(), encoders, examples);
  if (encoded.without_loss > 0)
    log::warn(std::to_string(encoded.without_loss) + " of " + std::to_string(examples.size()) +
              " examples are left out: nothing of their answers is within task.max_tokens, " +
              std::to_string(base.task->config().max_tokens) + "; raise it, or shorten what comes before the answers");
  return encoded;
}

train::EncodedSplits encode(const Base& base, const data::Splits& splits) {
  data::EncodedDataset train = encode(base, splits.train);
  if (train.size() == 0 && !splits.train.empty())
    throw ConfigError("task.max_tokens: got " + std::to_string(base.task->config().max_tokens) +
                      ", which leaves none of " + std::to_string(splits.train.size()) +
                      " training examples anything to learn; raise it, or shorten what comes before the answers");
  if (train.truncated > 0)
    log::info("note: " + std::to_string(train.truncated) + " of " + std::to_string(splits.train.size()) +
              " training examples are cut at task.max_tokens, " + std::to_string(base.task->config().max_tokens));
  return {.train = std::move(train), .validation = encode(base, splits.validation), .test = encode(base, splits.test)};
}

std::unique_ptr<fl::LocalTrainer> make_trainer(const Settings& settings, const Base& base, train::EncodedSplits data,
                                               int threads) {
  if (data.train.size() < settings.train.batch_size)
    log::info("note: train.batch_size is " + std::to_string(settings.train.batch_size) + ", and a site has " +
              std::to_string(data.train.size()) + " training examples: each of its steps takes all of them");
  return std::make_unique<train::SiteTrainer>(train::SiteTrainerOptions{.task = base.task,
                                                                        .data = std::move(data),
                                                                        .config = settings.train,
                                                                        .seed = settings.seed,
                                                                        .rounds = settings.rounds.count,
                                                                        .threads = threads});
}

std::unique_ptr<fl::LocalTrainer> with_slots(std::unique_ptr<fl::LocalTrainer> trainer, std::shared_ptr<Slots> slots) {
  return std::make_unique<SlottedTrainer>(std::move(trainer), std::move(slots));
}

std::shared_ptr<Slots> make_slots(int threads) {
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return std::make_shared<Slots>(std::max(1, cores / threads));
}

}  // namespace weft::cli
