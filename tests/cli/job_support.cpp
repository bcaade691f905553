#include "tests/cli/job_support.h"

#include <cstdlib>

#include "cli/processes.h"
#include "common/base/rng.h"
#include "common/crypto/pki.h"

namespace weft::cli {
namespace {

const std::vector<std::string> kGood{"lovely", "bright", "superb", "gentle", "warm", "clever", "fresh", "happy"};
const std::vector<std::string> kBad{"dreary", "broken", "awful", "harsh", "cold", "clumsy", "stale", "sad"};
const std::vector<std::string> kPlain{"the",   "a",     "film", "book",  "meal",  "room", "song", "trip",
                                      "was",   "is",    "and",  "but",   "very",  "so",   "they", "we",
                                      "found", "heard", "it",   "today", "again", "in",   "town", "quite"};

void write_tokenizer(const std::filesystem::path& file) {
  nlohmann::ordered_json vocabulary, added = nlohmann::ordered_json::array();
  std::vector<std::string> words{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (std::size_t i = 0; i < words.size(); ++i)
    added.push_back({{"id", i},
                     {"content", words[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  for (const auto* list : {&kGood, &kBad, &kPlain}) words.insert(words.end(), list->begin(), list->end());
  for (char letter = 'a'; letter <= 'z'; ++letter) words.push_back(std::string("##") + letter);
  for (char letter = 'a'; letter <= 'z'; ++letter) words.emplace_back(1, letter);
  for (std::size_t i = 0; i < words.size(); ++i) vocabulary[words[i]] = i;
  const nlohmann::ordered_json json{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer",
       {{"type", "BertNormalizer"},
        {"clean_text", true},
        {"handle_chinese_chars", true},
        {"strip_accents", nullptr},
        {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"post_processor", {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}}},
      {"decoder", nullptr},
      {"model",
       {{"type", "WordPiece"},
        {"unk_token", "[UNK]"},
        {"continuing_subword_prefix", "##"},
        {"max_input_chars_per_word", 100},
        {"vocab", vocabulary}}}};
  spit(file, json.dump());
}

const std::string& pick(const std::vector<std::string>& words, RngStream& random) {
  return words[random.below(words.size())];
}

// Lines "label<TAB>text": two words in three tell the sign of a text.
std::string sentences(const std::string& site, std::size_t count) {
  RngStream random = Rng(3).stream("sentences", site);
  std::string text = "label\ttext\n";
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = random.below(2) == 1;
    text += good ? "good\t" : "bad\t";
    for (std::uint64_t word = 0, length = 4 + random.below(7); word < length; ++word)
      text += (word == 0 ? "" : " ") + pick(random.below(3) == 0 ? kPlain : good ? kGood : kBad, random);
    text += "\n";
  }
  return text;
}

std::string run_yaml(const JobSize& size, const std::vector<std::string>& sites) {
  std::string text =
      "run: tiny\n"
      "seed: 11\n"
      "model:\n  path: model\n"
      "task:\n  kind: sequence_classification\n  labels: [negative, positive]\n  max_tokens: 16\n"
      "adapter:\n  method: lora\n  rank: " +
      std::to_string(size.rank) +
      "\n  alpha: 16\n  dropout: 0.05\n  target_modules: [query, value]\n  modules_to_save: [classifier]\n"
      "train:\n  local_steps: " +
      std::to_string(size.local_steps) +
      "\n  batch_size: 8\n  learning_rate: 5.0e-3\n  warmup_ratio: 0.1\n  weight_decay: 0.01\n  clip_norm: 1.0\n"
      "rounds:\n  count: " +
      std::to_string(size.rounds) +
      "\n  deadline: 10min\n"
      "sites: [alder, birch, cedar]\n"
      "device: cpu\n"
      "threads: 1\n"
      "data:\n"
      "  format: tsv\n"
      "  text: text\n"
      "  label: {column: label, map: {good: positive, bad: negative}}\n"
      "  split: {validation: 0.15, test: 0.2}\n"
      "  sites:\n    by: file\n    files:\n";
  for (const std::string& site : sites) text += "      " + site + ": data/" + site + ".tsv\n";
  return text;
}

}  // namespace

nlohmann::json letter_tokenizer(const std::vector<std::string>& marks, const std::string& characters) {
  using nlohmann::json;
  json vocabulary, added = json::array();
  for (const std::string& mark : marks) {
    const std::size_t id = vocabulary.size();
    vocabulary[mark] = id;
    added.push_back({{"id", id},
                     {"content", mark},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  for (const char character : characters) {
    const std::size_t id = vocabulary.size();
    vocabulary[std::string(1, character)] = id;
  }
  return {{"version", "1.0"},
          {"added_tokens", added},
          {"decoder", {{"type", "Fuse"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}};
}

int from_environment(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoi(text);
}

void edit(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  std::string text = slurp(file);
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " is not in " << file;
  spit(file, text.replace(at, from.size(), to));
}

Job::Job(const JobSize& size) {
  const std::filesystem::path fixture = WEFT_SOURCE_DIR "/tests/fixtures/models/bert_tiny";
  std::filesystem::create_directories(model());
  for (const char* name : {"config.json", "model.safetensors"}) spit(model() / name, slurp(fixture / name));
  write_tokenizer(model() / "tokenizer.json");
  std::size_t count = 60;
  for (const std::string& site : sites) spit(data_of(site), sentences(site, count += 30));
  spit(run_file(), run_yaml(size, sites));
}

Ended Job::simulate(const std::string& out, const Arguments& more) const {
  Arguments arguments{"simulate", run_file().string(), "--out", (place / out).string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return weft(arguments);
}

nlohmann::json Job::summary(const std::string& out) const {
  return nlohmann::json::parse(slurp(place / (out + "/summary.json")), nullptr, false);
}

std::string Job::adapter_sha256(const std::string& out) const {
  const nlohmann::json json = summary(out);
  return json.is_object() ? json.value("adapter_sha256", "none") : "no summary";
}

Deployment::Deployment(const Job& job)
    : job_(job), endpoint_("tcp://127.0.0.1:" + std::to_string(free_loopback_port())) {
  crypto::init_ca(pki());
  crypto::issue(pki(), {.name = "coordinator", .role = crypto::Role::coordinator, .extra_hosts = {"127.0.0.1"}});
  for (const std::string& site : job.sites) {
    crypto::issue(pki(), {.name = site});
    write_site_file(site, endpoint_);
  }
}

void Deployment::write_site_file(const std::string& site, const std::string& coordinator) const {
  spit(site_file(site), "site: " + site + "\ncoordinator: " + coordinator +
                            "\nidentity: {ca: pki/ca.crt, certificate: pki/" + site + ".crt, key: pki/" + site +
                            ".key}\nmodel: {path: model}\nstate: state/" + site +
                            "\ndevice: cpu\npolicy: {min_scored: 1, max_local_steps: 10000000}\n"
                            "data:\n"
                            "  format: tsv\n"
                            "  text: text\n"
                            "  label: {column: label, map: {good: positive, bad: negative}}\n"
                            "  split: {validation: 0.15, test: 0.2}\n"
                            "  file: data/" +
                            site + ".tsv\n");
}

std::unique_ptr<Weft> Deployment::coordinator(const Arguments& more) const {
  Arguments arguments{
      "coordinator", job_.run_file().string(),     "--out", out().string(), "--pki", pki().string(), "--json",
      "--set",       "network.listen=" + endpoint_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return std::make_unique<Weft>(arguments);
}

std::unique_ptr<Weft> Deployment::worker(const std::string& site, const Arguments& more) const {
  Arguments arguments{"worker", site_file(site).string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return std::make_unique<Weft>(arguments);
}

void DeployedTest::SetUp() {
  const Ended ended = job_.simulate("reference");
  ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
}

void DeployedTest::start_workers() {
  for (const std::string& site : job_.sites) workers_[site] = deployment_.worker(site);
}

void DeployedTest::expect_same_result(Weft& coordinator) {
  EXPECT_EQ(coordinator.wait().code, 0) << coordinator.said();
  for (auto& [site, worker] : workers_) EXPECT_EQ(worker->wait().code, 0) << site << ": " << worker->said();
  EXPECT_EQ(job_.adapter_sha256("deployed"), job_.adapter_sha256("reference"));
  const std::string file = "/adapter/adapter_model.safetensors";
  EXPECT_TRUE(slurp(job_.place / ("deployed" + file)) == slurp(job_.place / ("reference" + file)));
  const nlohmann::json ours = job_.summary("deployed"), theirs = job_.summary("reference");
  EXPECT_EQ(ours.at("final"), theirs.at("final"));
  for (std::size_t round = 0; round < theirs.at("rounds").size(); ++round)
    for (const char* key : {"cohort", "counted", "loss", "validation", "adapter_digest"})
      EXPECT_EQ(ours.at("rounds").at(round).at(key), theirs.at("rounds").at(round).at(key)) << key << round;
}

}  // namespace weft::cli
