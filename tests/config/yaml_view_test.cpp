// What a strict view accepts, and the exact words of what it refuses.
#include "common/config/yaml_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace weft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

YamlView parse(const std::string& text) { return YamlView::parse(text, "run.yaml"); }

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    std::string folder = (std::filesystem::temp_directory_path() / "weft_yaml_XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    std::ofstream(path()) << content;
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  std::filesystem::path path() const { return folder_ / "run.yaml"; }
  std::filesystem::path folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

TEST(YamlViewTest, ReadsEveryType) {
  const auto view = parse(
      "name: sentiment\nrate: 1.0e-3\nsteps: 2e3\nplain: -7\non: true\nwords: [a, \"b c\"]\n"
      "values: [1, 2.5]\nwait: 30min\nmap: {x: 1}\nitems:\n  - {name: p}\n  - {name: q}\n");
  EXPECT_EQ(view.text("name"), "sentiment");
  EXPECT_DOUBLE_EQ(view.number("rate"), 1e-3);
  EXPECT_EQ(view.integer("steps"), 2000);
  EXPECT_EQ(view.integer("plain"), -7);
  EXPECT_TRUE(view.boolean("on"));
  EXPECT_THAT(view.texts("words"), ElementsAre("a", "b c"));
  EXPECT_THAT(view.numbers("values"), ElementsAre(1.0, 2.5));
  EXPECT_EQ(view.milliseconds("wait"), 1'800'000);
  EXPECT_EQ(view.child("map").integer("x"), 1);
  const auto items = view.children("items");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1].text("name"), "q");
  EXPECT_NO_THROW({
    items[0].text("name");
    view.finish();
  });
}

TEST(YamlViewTest, DefaultsApplyOnlyWhenAbsent) {
  const auto view = parse("a:\n");
  EXPECT_EQ(view.text("none", "x"), "x");
  EXPECT_EQ(view.number("none", 0.5), 0.5);
  EXPECT_EQ(view.integer("none", 3), 3);
  EXPECT_TRUE(view.boolean("none", true));
  EXPECT_EQ(view.milliseconds("none", 5), 5);
  EXPECT_THAT(view.texts("none", std::vector<std::string>{"z"}), ElementsAre("z"));
  EXPECT_EQ(view.choice("none", {"p", "q"}, "q"), "q");
  EXPECT_FALSE(view.path_if_set("none").has_value());
  EXPECT_TRUE(view.child_or_empty("none").keys().empty());
  EXPECT_EQ(error_of([&] { view.number("a", 1.0); }), "run.yaml:1: a: got nothing, expected a number");
}

TEST(YamlViewTest, ErrorsNameFileLineKeyFoundAndExpected) {
  const auto view = parse("run: x\ntrain:\n  learning_rate: fast\n  steps: 2.5\n  part: 3\n  quoted: \"5\"\n");
  const auto train = view.child("train");
  EXPECT_EQ(error_of([&] { train.number("learning_rate", {}, {.min = 0, .exclusive_min = true}); }),
            "run.yaml:3: train.learning_rate: got \"fast\", expected a number > 0");
  EXPECT_EQ(error_of([&] { train.integer("steps"); }), "run.yaml:4: train.steps: got \"2.5\", expected a whole number");
  EXPECT_EQ(error_of([&] { train.number("part", {}, {.min = 0, .max = 1, .exclusive_max = true}); }),
            "run.yaml:5: train.part: got \"3\", expected a number in [0, 1)");
  EXPECT_EQ(error_of([&] { train.number("quoted"); }),
            "run.yaml:6: train.quoted: got the text \"5\", expected a number; remove the quotes");
  EXPECT_EQ(error_of([&] { view.child("run"); }), "run.yaml:1: run: got \"x\", expected a map (key: value lines)");
  EXPECT_EQ(error_of([&] { train.text("method"); }),
            "run.yaml:2: train.method: missing, expected text; add it below \"train\"");
  EXPECT_EQ(error_of([&] { train.fail("steps", "more than the run has"); }),
            "run.yaml:4: train.steps: more than the run has");
}

TEST(YamlViewTest, RefusesWrongKinds) {
  const auto view = parse("list: [1, x]\nmap: {a: 1}\nword: yes\nnan: .nan\nbig: 1e400\nhuge: 99999999999999999999\n");
  EXPECT_THAT(error_of([&] { view.text("list"); }), HasSubstr("list: got a list, expected text"));
  EXPECT_THAT(error_of([&] { view.numbers("list"); }), HasSubstr("list[1]: got \"x\", expected a number"));
  EXPECT_THAT(error_of([&] { view.texts("map"); }), HasSubstr("got a map, expected a list of texts"));
  EXPECT_THAT(error_of([&] { view.boolean("word"); }), HasSubstr("got \"yes\", expected true or false"));
  EXPECT_THAT(error_of([&] { view.number("nan"); }), HasSubstr("expected a number"));
  EXPECT_THAT(error_of([&] { view.number("big"); }), HasSubstr("expected a number"));
  EXPECT_THAT(error_of([&] { view.integer("huge"); }), HasSubstr("expected a whole number"));
  EXPECT_THAT(error_of([&] { view.children("map"); }), HasSubstr("expected a list of maps"));
}

TEST(YamlViewTest, ChoiceListsAndSuggests) {
  const auto view = parse("schedule: lineer\n");
  EXPECT_EQ(error_of([&] {
              view.choice("schedule", {"linear", "cosine"});
            }),
            "run.yaml:1: schedule: got \"lineer\", expected one of linear, cosine; did you mean \"linear\"?");
}

TEST(YamlViewTest, TimesNeedUnits) {
  const auto view = parse("a: 90s\nb: 15 min\nc: 2h\nd: 250ms\ne: 1.5h\nf: 0\ng: 90\nh: -1s\ni: 3 weeks\nj: 1e30h\n");
  EXPECT_EQ(view.milliseconds("a"), 90'000);
  EXPECT_EQ(view.milliseconds("b"), 900'000);
  EXPECT_EQ(view.milliseconds("c"), 7'200'000);
  EXPECT_EQ(view.milliseconds("d"), 250);
  EXPECT_EQ(view.milliseconds("e"), 5'400'000);
  EXPECT_EQ(view.milliseconds("f"), 0);
  for (const char* key : {"g", "h", "i", "j"}) {
    EXPECT_THAT(error_of([&] { view.milliseconds(key); }), HasSubstr("expected a time with its unit")) << key;
  }
}

TEST(YamlViewTest, FinishNamesUnknownKeysWithTheNearestKnownOne) {
  const auto view = parse("train:\n  learning_rat: 1\n  steps: 2\nzzz: 1\n");
  const auto train = view.child("train");
  train.number("learning_rate", 1.0);
  train.integer("steps");
  EXPECT_EQ(error_of([&] { view.finish(); }),
            "run.yaml:2: train.learning_rat: unknown key; did you mean \"learning_rate\"?\n"
            "run.yaml:4: zzz: unknown key; known here: train");
}

TEST(YamlViewTest, FinishRefusesAKeyThatWasProbedButNotRead) {
  const auto view = parse("file: a\nfiles: b\n");
  if (view.has("files")) view.text("files");
  EXPECT_TRUE(view.has("file"));
  EXPECT_EQ(error_of([&] { view.finish(); }), "run.yaml:1: file: not used beside the other keys given here; remove it");
}

TEST(YamlViewTest, FinishLooksIntoLists) {
  const auto view = parse("items:\n  - {name: a, extra: 1}\n");
  view.children("items")[0].text("name");
  EXPECT_THAT(error_of([&] { view.finish(); }), HasSubstr("run.yaml:2: items[0].extra: unknown key"));
}

TEST(YamlViewTest, KeysOfADataMapCountAsRead) {
  const auto view = parse("files: {b: x, a: y}\n");
  EXPECT_THAT(view.child("files").keys(), ElementsAre("b", "a"));
  EXPECT_NO_THROW(view.finish());
}

TEST(YamlViewTest, RefusesDuplicateKeys) {
  EXPECT_EQ(error_of([] { parse("a: 1\nb:\n  c: 1\n  c: 2\n"); }),
            "run.yaml:4: b.c: given twice, first at run.yaml:3; keep one");
}

TEST(YamlViewTest, RefusesWhatCouldHideOrExplode) {
  EXPECT_THAT(error_of([] { parse("a: &x [1]\nb: *x\n"); }), HasSubstr("run.yaml:1: got an anchor"));
  EXPECT_THAT(error_of([] { parse("b: *x\n"); }), HasSubstr("run.yaml:1: not YAML"));
  EXPECT_THAT(error_of([] { parse("<<: {a: 1}\n"); }), HasSubstr("merge key"));
  EXPECT_THAT(error_of([] { parse("a: !!binary aGk=\n"); }), HasSubstr("tag"));
  EXPECT_THAT(error_of([] { parse("a: 1\n---\nb: 2\n"); }), HasSubstr("second YAML document"));
  EXPECT_THAT(error_of([] { parse("a: [1, 2\nb: 3\n"); }), HasSubstr("not YAML"));
  EXPECT_THAT(error_of([] { parse("- a\n- b\n"); }), HasSubstr("run.yaml:1: got a list, expected a map"));
  EXPECT_THAT(error_of([] { parse(std::string("a: \0b", 5)); }), HasSubstr("NUL"));
  EXPECT_THAT(error_of([] { parse("? [a, b]\n: 1\n"); }), HasSubstr("got a list or map as a key"));
}

TEST(YamlViewTest, LimitsSizeAndDepth) {
  EXPECT_THAT(error_of([] { parse("a: " + std::string(40, '[') + std::string(40, ']')); }), HasSubstr("nested more"));
  EXPECT_THAT(error_of([] { parse("a: " + std::string(200'000, '[')); }), HasSubstr("bracket left open"));
  EXPECT_THAT(error_of([] { parse("a: " + std::string(2 << 20, 'x')); }), HasSubstr("limit 1048576"));
  std::string many = "a: [";
  for (int i = 0; i < 150'000; ++i) many += "1,";
  EXPECT_THAT(error_of([&] { parse(many + "1]"); }), HasSubstr("more than 100000 values"));
}

// Each value knows its full key: one long key above many values would be more memory than a machine has.
TEST(YamlViewTest, LimitsKeysAndWhatIsInThem) {
  const std::string half(250, 'k');
  EXPECT_EQ(parse("? " + half + "\n: {" + std::string(249, 'j') + ": 1}\n").keys(), std::vector{half});
  EXPECT_THAT(error_of([&] { parse("? " + half + "\n:\n  ? " + half + "\n  : 1\n"); }),
              HasSubstr("run.yaml:3: \"" + std::string(60, 'k') + "...\": a full key of 501 bytes, limit 500"));
  EXPECT_THAT(error_of([] { parse("\"a\\n\": 1\n"); }), HasSubstr("control character in the key \"a \""));
}

TEST(YamlViewTest, EmptyFileIsAnEmptyMap) {
  EXPECT_NO_THROW(parse("").finish());
  EXPECT_NO_THROW(parse("# only words\n").finish());
  EXPECT_TRUE(parse("train:\n").child("train").keys().empty());
}

TEST(YamlOverrideTest, ReplacesAddsAndCreatesMaps) {
  const TemporaryFile file("train: {lr: 1, steps: 5}\nempty:\n");
  const auto view = YamlView::load(
      file.path(), {"train.lr=1e-3", "a.b.c=[x, y]", "empty.k=v", "url=tcp://127.0.0.1:7", "m={p: {q: 2}}", "t="});
  EXPECT_DOUBLE_EQ(view.child("train").number("lr"), 1e-3);
  EXPECT_EQ(view.child("train").integer("steps"), 5);
  EXPECT_THAT(view.child("a").child("b").texts("c"), ElementsAre("x", "y"));
  EXPECT_EQ(view.child("empty").text("k"), "v");
  EXPECT_EQ(view.text("url"), "tcp://127.0.0.1:7");
  EXPECT_EQ(view.child("m").child("p").integer("q"), 2);
  EXPECT_THAT(error_of([&] { view.child("m").child("p").boolean("q"); }),
              HasSubstr("--set \"m={p: {q: 2}}\": m.p.q: got \"2\""));
}

TEST(YamlOverrideTest, NothingTakesAKeyAway) {
  const TemporaryFile file("train: {lr: 1, steps: 5}\n");
  for (const char* nothing : {"train.lr=", "train.lr=null", "train.lr=~"})
    EXPECT_THAT(YamlView::load(file.path(), {nothing}).child("train").keys(), ElementsAre("steps")) << nothing;
}

TEST(YamlOverrideTest, RefusesMalformedPaths) {
  const TemporaryFile file("train: {lr: 1}\nlist: [1]\n");
  const auto error = [&](const std::string& set) { return error_of([&] { YamlView::load(file.path(), {set}); }); };
  EXPECT_THAT(error("train"), HasSubstr("no '='"));
  EXPECT_THAT(error("=1"), HasSubstr("the key is malformed"));
  EXPECT_THAT(error("a..b=1"), HasSubstr("the key is malformed"));
  EXPECT_THAT(error("a b=1"), HasSubstr("the key is malformed"));
  EXPECT_THAT(error("train.lr.x=1"), HasSubstr("train.lr is not a map"));
  EXPECT_THAT(error("list.0=1"), HasSubstr("list is not a map"));
  EXPECT_THAT(error("a=[1"), HasSubstr("bracket left open"));
}

TEST(YamlOverrideTest, AnUnknownOverrideIsNamedAtFinish) {
  const TemporaryFile file("train: {steps: 1}\n");
  const auto view = YamlView::load(file.path(), {"train.step=3"});
  view.child("train").integer("steps");
  EXPECT_EQ(error_of([&] { view.finish(); }),
            "--set \"train.step=3\": train.step: unknown key; did you mean \"steps\"?");
}

TEST(YamlViewTest, MissingFileIsAConfigError) {
  EXPECT_THAT(error_of([] { YamlView::load("/nonexistent/run.yaml"); }), HasSubstr("/nonexistent/run.yaml"));
}

TEST(YamlViewTest, PathsAreRelativeToTheirFile) {
  const TemporaryFile file("model: ../m\nabsolute: /x/../y\nhome: ~/z\n");
  setenv("HOME", "/home/ann", 1);
  const auto view = YamlView::load(file.path(), {"set=here"});
  EXPECT_EQ(view.path("model"), (file.folder().parent_path() / "m"));
  EXPECT_EQ(view.path("absolute"), "/y");
  EXPECT_EQ(view.path("home"), "/home/ann/z");
  EXPECT_EQ(view.path("set"), std::filesystem::current_path() / "here");
  EXPECT_THAT(error_of([&] { view.path("none"); }), HasSubstr("none: missing, expected a path"));
}

TEST(YamlViewTest, PathsTakesOneOrMany) {
  const auto view = YamlView::parse("one: a\nmany: [a, /b]\nbad: {a: 1}\nempty: []\n", "run.yaml", "/base");
  EXPECT_THAT(view.paths("one"), ElementsAre("/base/a"));
  EXPECT_THAT(view.paths("many"), ElementsAre("/base/a", "/b"));
  EXPECT_THAT(error_of([&] { view.paths("bad"); }), HasSubstr("bad: got a map"));
  EXPECT_THAT(error_of([&] { view.paths("empty"); }), HasSubstr("empty: got an empty list"));
  EXPECT_THAT(error_of([&] { view.paths("none"); }), HasSubstr("none: missing, expected a path, or a list of paths"));
  EXPECT_EQ(view.dump({"many"}), "many: [/base/a, /b]\n");
}

TEST(YamlDumpTest, IsCanonicalAndReadsBackTheSame) {
  const std::string text =
      "b:   1.0e-3   # comment\n'a': \"plain\"\nt: \"true\"\nn: \"12\"\nm: {x: [1, 'a b', []], e: {}, z: ~}\n"
      "l:\n- p: \"q\\n\\t\\x01\"\n  r: [{s: 1}]\n- [1, {k: v}]\n- ünï\nurl: tcp://h:1\n'': ''\n";
  const std::string dumped = parse(text).dump();
  EXPECT_EQ(dumped,
            "b: 1.0e-3\na: plain\nt: \"true\"\nn: \"12\"\nm:\n  x: [1, \"a b\", []]\n  e: {}\n  z: null\n"
            "l:\n  -\n    p: \"q\\n\\t\\x01\"\n    r:\n      -\n        s: 1\n  -\n    - 1\n    -\n      k: v\n"
            "  - ünï\nurl: \"tcp://h:1\"\n\"\": \"\"\n");
  EXPECT_EQ(parse(dumped).dump(), dumped);
}

TEST(YamlDumpTest, KeepsAKeyThatStartsWithAByteOrderMark) {
  for (const char* key : {"\xef\xbb\xbf"
                          "a",
                          "\xff\xfe"
                          "a",
                          "\xfe\xff"}) {
    const std::string dumped = parse("\n" + std::string(key) + ": 1\n").dump();
    EXPECT_EQ(dumped, "\"" + std::string(key) + "\": 1\n");
    EXPECT_THAT(parse(dumped).keys(), ElementsAre(key));
  }
}

TEST(YamlDumpTest, SelectsKeysAndMakesAskedPathsAbsolute) {
  const TemporaryFile file("model: {path: sub/m, other: sub/m}\nsecret: 1\n");
  const auto view = YamlView::load(file.path(), {"seed=9"});
  view.child("model").path("path");
  EXPECT_EQ(view.dump({"seed", "model"}),
            "model:\n  path: " + (file.folder() / "sub/m").string() + "\n  other: sub/m\nseed: 9\n");
}

}  // namespace
}  // namespace weft
