// weft generate: continues prompts or answers messages with a language model, with or without an adapter.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>

#include "cli/adapter_folder.h"
#include "cli/commands.h"
#include "cli/local_job.h"
#include "common/base/json_depth.h"
#include "common/models/checkpoint.h"
#include "common/models/generation.h"
#include "common/text/chat_template.h"
#include "common/text/special_tokens.h"
#include "common/text/stop_strings.h"
#include "common/text/streaming_decoder.h"
#include "common/text/utf8.h"

namespace weft::cli {
namespace {

const std::string kOwnTemplate = "checkpoint";

struct Flags {
  std::string model, adapter, file, system, chat_template = kOwnTemplate, device = "auto";
  std::vector<std::string> prompts, chats, stops;
  models::Sampling sampling;
  std::int64_t max_new_tokens = 256;
  std::uint64_t seed = 0;
  int threads = 0;  // 0: all cores
  bool json = false, force = false;
};

constexpr std::size_t kTogether =
    8;  // prompts at once: so many share the reading of the weights, and memory is bounded

using Messages = std::vector<text::ChatMessage>;

struct Prompt {
  std::string text;  // as the model reads it
  text::Specials specials = text::Specials::with;
};

// Turns messages into prompts; reads the template when the first come.
class Chats {
 public:
  Chats(const Flags& flags, const text::Tokenizer& tokenizer) : flags_(flags), tokenizer_(tokenizer) {}
  Prompt prompt_of(Messages messages) {
    if (!template_) {
      Result<text::ChatTemplate> found = load_template(flags_.chat_template, flags_.model, tokenizer_);
      if (!found) throw ConfigError(found.error().message + " (--template NAME)");
      template_ = std::move(found).value();
    }
    if (!flags_.system.empty() && messages.front().role == "system")
      throw ConfigError("--system: the conversation has a system message of its own; leave one of them out");
    if (!flags_.system.empty()) messages.insert(messages.begin(), {"system", flags_.system});
    Result<text::ChatText> rendered = template_->render(messages, text::ChatEnd::open);
    if (!rendered) throw ConfigError(rendered.error().message);
    return {std::move(rendered).value().text, text::Specials::without};
  }

 private:
  const Flags& flags_;
  const text::Tokenizer& tokenizer_;
  std::optional<text::ChatTemplate> template_;
};

// A line {"prompt": "..."} or {"messages": [{"role": "...", "content": "..."}]}.
Prompt prompt_of_line(Chats& chats, const std::string& line, const std::string& where) {
  if (text::find_invalid_utf8(line) != std::string::npos)
    throw ConfigError(where + ": not UTF-8; convert the file, as in: iconv -f latin1 -t utf-8 FILE > NEW");
  const nlohmann::json json = nlohmann::json::parse(shallow_json(line), nullptr, false);
  const auto text_at = [](const nlohmann::json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
  };
  if (const std::optional<std::string> prompt = text_at(json, "prompt")) return {*prompt};
  Messages messages;
  if (json.is_object() && json.contains("messages") && json["messages"].is_array())
    for (const nlohmann::json& entry : json["messages"]) {
      const auto role = text_at(entry, "role"), content = text_at(entry, "content");
      if (!role || !content) throw ConfigError(where + ": a message needs \"role\" and \"content\"");
      messages.push_back({*role, *content});
    }
  if (messages.empty())
    throw ConfigError(where + ": expected {\"prompt\": TEXT} or {\"messages\": [{\"role\": ..., \"content\": ...}]}");
  return chats.prompt_of(std::move(messages));
}

// Flags that would change nothing.
void check_flags(const Flags& flags) {
  const bool chats = !flags.chats.empty() || !flags.file.empty();
  const char* flag = flags.chat_template != kOwnTemplate ? "--template" : flags.system.empty() ? nullptr : "--system";
  if (!chats && flag != nullptr)
    throw ConfigError(std::string(flag) + " is for --chat and for messages of --file; --prompt is continued as it is");
}

std::vector<Prompt> read_prompts(const Flags& flags, const text::Tokenizer& tokenizer) {
  Chats chats(flags, tokenizer);
  std::vector<Prompt> prompts;
  for (const std::string& prompt : flags.prompts) prompts.push_back({prompt});
  for (const std::string& message : flags.chats) prompts.push_back(chats.prompt_of({{"user", message}}));
  if (!flags.file.empty()) {
    std::ifstream in(flags.file);
    if (!in || std::filesystem::is_directory(flags.file)) throw ConfigError("--file: cannot read " + flags.file);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number)
      if (line.find_first_not_of(" \t\r") != std::string::npos)
        prompts.push_back(prompt_of_line(chats, line, flags.file + ":" + std::to_string(number)));
  }
  for (const Prompt& prompt : prompts)
    if (prompt.text.empty()) throw ConfigError("--prompt: got an empty text, expected one to continue");
  if (prompts.empty()) throw ConfigError("nothing to generate from: give --prompt, --chat or --file");
  return prompts;
}

// What one prompt is becoming.
struct Answer {
  text::StreamingDecoder decoder;
  text::StopStrings stops;
  std::string text;
};

struct Loaded {
  std::shared_ptr<const models::Model> model;
  StateDict adapter;
};

Loaded load(const Flags& flags) {
  models::ModelRequest request{.folder = flags.model,
                               .task = TaskKind::causal_lm,
                               .labels = {},
                               .adapter = {},
                               .base_dropout = 0,
                               .device = pick_device(flags.device)};
  if (flags.adapter.empty()) {
    Loaded loaded{.model = load_saying_notes(request), .adapter = {}};
    loaded.adapter = loaded.model->initial_state(Rng(0));
    return loaded;
  }
  const FoundAdapter adapter = find_adapter(flags.adapter);
  request.adapter = adapter.peft.config.adapter;
  request.adapter_place = place_of(adapter);
  if (!flags.force) check_base(adapter, flags.model, models::Checkpoint(flags.model).digest());
  Loaded loaded{.model = load_saying_notes(request), .adapter = adapter.peft.state};
  if (const std::string found = differences(*adapter.peft.state.manifest, *loaded.model->manifest()); !found.empty())
    throw ConfigError("the adapter at " + adapter.folder.string() + " does not fit the model at " + flags.model +
                      "; name the model that it was trained on" + found);
  return loaded;
}

text::Tokenizer load_tokenizer(const std::filesystem::path& folder) {
  for (const std::filesystem::path& place : {folder, folder / "adapter"})
    if (std::filesystem::exists(place / "adapter_config.json") && !std::filesystem::exists(folder / "config.json"))
      throw ConfigError(folder.string() + " is an adapter's folder, not a model's: weft generate MODEL --adapter " +
                        folder.string());
  Result<text::Tokenizer> tokenizer = text::Tokenizer::load(folder / "tokenizer.json");
  if (!tokenizer) throw ConfigError(tokenizer.error().message);
  return std::move(tokenizer).value();
}

void print_json(const Prompt& prompt, const Answer& answer, const models::GeneratedText& generated) {
  const nlohmann::ordered_json json{{"prompt", prompt.text},
                                    {"text", answer.text},
                                    {"tokens", generated.ids.size()},
                                    {"stop", answer.stops.found() ? "stop_string" : models::name_of(generated.reason)}};
  std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

// One answer goes out as it comes; of several, each follows its number once those beside it are there.
void print_text(std::size_t index, const std::string& text) { std::printf("--- %zu\n%s\n", index + 1, text.c_str()); }

int generate(const Flags& flags) {
  check_flags(flags);
  at::set_num_threads(flags.threads > 0 ? flags.threads
                                        : static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  const text::Tokenizer tokenizer = load_tokenizer(flags.model);
  const std::vector<Prompt> prompts = read_prompts(flags, tokenizer);
  Result<text::SpecialTokens> specials = text::read_special_tokens(flags.model, tokenizer);
  if (!specials) throw ConfigError(specials.error().message);
  const Loaded loaded = load(flags);
  models::GenerationRequest request{.prompts = {},
                                    .max_new_tokens = flags.max_new_tokens,
                                    .stop_tokens = {specials.value().stops.begin(), specials.value().stops.end()},
                                    .sampling = flags.sampling};
  const bool streams = prompts.size() == 1 && !flags.json;
  const auto give = [&](Answer& answer, const std::string& fresh) {
    answer.text += fresh;
    if (streams) std::fputs(fresh.c_str(), stdout), std::fflush(stdout);
  };
  const nn::Trainable params(loaded.adapter, loaded.model->device(), false);
  for (request.first = 0; request.first < prompts.size(); request.first += kTogether) {
    const std::span<const Prompt> batch =
        std::span(prompts).subspan(request.first, std::min(kTogether, prompts.size() - request.first));
    request.prompts.clear();
    std::vector<Answer> answers;
    for (const Prompt& prompt : batch) {
      const text::Encoding encoding = tokenizer.encode(prompt.text, {.specials = prompt.specials});
      request.prompts.emplace_back(encoding.ids.begin(), encoding.ids.end());
      answers.push_back({text::StreamingDecoder(tokenizer), text::StopStrings(flags.stops), {}});
    }
    const std::vector<models::GeneratedText> generated =
        models::generate(*loaded.model, params, request, Rng(flags.seed), [&](std::size_t i, std::int64_t id) {
          Answer& answer = answers[i];
          give(answer, answer.stops.push(answer.decoder.push(static_cast<text::TokenId>(id))));
          return !answer.stops.found();
        });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Answer& answer = answers[i];
      give(answer, answer.stops.push(answer.decoder.finish()) + answer.stops.finish());
      if (flags.json) print_json(batch[i], answer, generated[i]);
      if (!flags.json && !streams) print_text(request.first + i, answer.text);
    }
    std::fflush(stdout);
  }
  if (streams) std::fputs("\n", stdout);
  return 0;
}

}  // namespace

void add_generate(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("generate", "Continue prompts, or answer messages, with a language model");
  const auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "Folder of the base model")->required()->check(CLI::ExistingDirectory);
  command->add_option("--adapter", flags->adapter, "PEFT folder, or the run folder that holds adapter/");
  command->add_option("--prompt", flags->prompts, "Text to continue");
  command->add_option("--chat", flags->chats, "Message to answer, in the model's chat template");
  command->add_option("--file", flags->file,
                      "JSON lines: {\"prompt\": TEXT} or {\"messages\": [{\"role\": ..., \"content\": ...}]}");
  command->add_option("--system", flags->system, "System message before each --chat");
  command->add_option("--template", flags->chat_template, "Chat template by name, or checkpoint: the model's own")
      ->capture_default_str();
  command->add_option("--max-new-tokens", flags->max_new_tokens, "At most so many")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--temperature", flags->sampling.temperature, "0: the most probable token, always")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-k", flags->sampling.top_k, "Draw from so many of the most probable tokens; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--top-p", flags->sampling.top_p, "Draw from the fewest tokens whose probabilities reach it")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command->add_option("--seed", flags->seed, "Of the draws")->capture_default_str();
  command->add_option("--stop", flags->stops, "End before this text");
  command->add_flag("--force", flags->force, "Do not check that the adapter was trained on this model");
  command->add_option("--device", flags->device, "auto, cpu or cuda:N")->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads (default: one a core)")->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "One line of JSON a prompt");
  command->footer(
      "Examples:\n  weft generate .deps/models/SmolLM2-135M-Instruct --chat \"What is a federation?\"\n"
      "  weft generate MODEL --adapter runs/dialogue --file questions.jsonl --temperature 0.7 --top-p 0.9 --json");
  command->callback([=, &chosen] { chosen = [=] { return generate(*flags); }; });
}

}  // namespace weft::cli
