// transformers and PEFT load what Weft wrote and compute the same. Set WEFT_REFERENCE_PYTHON to a Python that has them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using nlohmann::json;

// Mean loss and accuracy over the lines of a data file, by the adapter on its base and by the merged folder.
constexpr const char* kScript = R"(
import csv, json, sys
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast
base, adapter, merged, data = sys.argv[1:5]
tokenizer = PreTrainedTokenizerFast(tokenizer_file=merged + "/tokenizer.json")
rows = {}
for row in csv.DictReader(open(data), delimiter="\t"):
    rows.setdefault(row["text"], int(row["label"] == "good"))
def score(model):
    model.eval()
    logits = []
    with torch.no_grad():
        for text in rows:
            ids = tokenizer(text, truncation=True, max_length=16, return_tensors="pt", return_token_type_ids=False)
            logits.append(model(**ids).logits[0])
    logits, labels = torch.stack(logits), torch.tensor(list(rows.values()))
    return {"loss": torch.nn.functional.cross_entropy(logits, labels).item(),
            "accuracy": (logits.argmax(-1) == labels).double().mean().item(), "examples": len(rows)}
start = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
print(json.dumps({"adapter": score(PeftModel.from_pretrained(start, adapter)),
                  "merged": score(AutoModelForSequenceClassification.from_pretrained(merged))}))
)";

TEST(ReferenceTest, PeftAndTransformersComputeTheSame) {
  const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers and peft";
  const Job job({.rounds = 2, .local_steps = 40});
  ASSERT_EQ(job.simulate("out").code, 0);
  const std::string adapter = job.place / "out/adapter", merged = job.place / "merged", data = job.data_of("cedar");
  ASSERT_EQ(weft({"export", adapter, "--merge", "--out", merged}).code, 0);
  spit(job.place / "score.py", kScript);
  const std::string command = "'" + std::string(python) + "' '" + (job.place / "score.py").string() + "' '" +
                              job.model().string() + "' '" + adapter + "' '" + merged + "' '" + data + "' > '" +
                              (job.place / "scores.json").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const json theirs = json::parse(slurp(job.place / "scores.json"));
  const json ours = json::parse(weft({"evaluate", adapter, "--data", data, "--json"}).out);
  EXPECT_GT(ours.at("accuracy").get<double>(), 0.6);  // it has learnt something, so there is something to compare
  for (const char* kind : {"adapter", "merged"}) {
    EXPECT_EQ(theirs.at(kind).at("examples"), ours.at("examples")) << kind;
    EXPECT_NEAR(theirs.at(kind).at("loss").get<double>(), ours.at("loss").get<double>(), 1e-5) << kind;
    EXPECT_NEAR(theirs.at(kind).at("accuracy").get<double>(), ours.at("accuracy").get<double>(), 1e-9) << kind;
  }
}

}  // namespace
}  // namespace weft::cli
