// Pictures from every kind of file, and encoded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/cells.h"
#include "common/data/encode.h"
#include "common/data/image_rows.h"
#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

const std::filesystem::path kPictures = std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/image";
const TaskConfig kDigits{.kind = TaskKind::image_classification, .labels = {"zero", "one", "two"}};
const TaskConfig kCaptions{.kind = TaskKind::image_text, .max_tokens = 6};

// Two pictures of 2 x 3 pixels (height x width), and their labels.
const Bytes kImages{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const Bytes kLabels{0, 0, 8, 1, 0, 0, 0, 2, 2, 0};

std::vector<Row> idx(ByteSpan images, ByteSpan labels) {
  std::vector<Row> rows;
  read_idx(images, labels, "f", [&](const Row& row) { rows.push_back(row); });
  return rows;
}

std::string idx_error(Bytes images, Bytes labels, std::size_t at, std::uint8_t value) {
  (at < images.size() ? images[at] : labels[at - images.size()]) = value;
  return error_of([&] { idx(images, labels); });
}

Splits load(const TaskConfig& task, const std::string& yaml, const std::filesystem::path& folder) {
  const auto view = data_block(yaml + "split: {validation: 0, test: 0}\n", folder);
  const DataConfig config = parse_data_config(view, task);
  view.finish();
  return load_site(config, "s").splits;
}

TEST(IdxTest, ReadsPicturesAndLabels) {
  const auto rows = idx(kImages, kLabels);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_THAT(rows[0].cells, ElementsAre("2"));
  EXPECT_EQ(rows[1].image.width, 3U);
  EXPECT_EQ(rows[1].image.height, 2U);
  EXPECT_THAT(rows[1].image.grey_pixels(), ElementsAre(7, 8, 9, 10, 11, 12));
  EXPECT_NE(rows[0].image, rows[1].image);
}

TEST(IdxTest, RefusesLies) {
  EXPECT_THAT(idx_error(kImages, kLabels, 2, 9), HasSubstr("f: no IDX file of bytes in 3 dimensions"));
  EXPECT_THAT(idx_error(kImages, kLabels, 4, 0xff), HasSubstr("declares more than the file holds"));
  EXPECT_THAT(idx_error(kImages, kLabels, 7, 0), HasSubstr("declares more than the file holds, or nothing"));
  EXPECT_THAT(idx_error(kImages, kLabels, 7, 1), HasSubstr("holds 12 values, its header declares 6"));
  EXPECT_THAT(idx_error(kImages, kLabels, kImages.size() + 7, 1), HasSubstr("the labels of f: holds 2 values"));
  const Bytes three{0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1};
  EXPECT_THAT(error_of([&] { idx(kImages, three); }), HasSubstr("holds 2 pictures, and there are 3 labels"));
  EXPECT_THAT(error_of([&] { idx(Bytes{0, 0, 8}, kLabels); }), HasSubstr("no IDX file"));
}

TEST(IdxTest, FindsTheLabelsByName) {
  const ScratchFolder folder;
  folder.write("train-images-idx3-ubyte", std::string(as_text(kImages)));
  folder.write("train-labels-idx1-ubyte", std::string(as_text(kLabels)));
  const Splits splits = load(kDigits, "format: idx\nfile: train-images-idx3-ubyte\n", folder.path());
  ASSERT_EQ(splits.train.size(), 2U);
  EXPECT_EQ(splits.train[0].label, 2);
  EXPECT_THAT(error_of([] { idx_labels_of("/a/b.idx"); }), HasSubstr("must hold \"images-idx3\""));
}

TEST(PixelsTest, FindsShapeAndWhite) {
  const ScratchFolder folder;
  folder.write("d.csv", "p,q,r,s,label\n0,1,2,16,1\n\n16,0,8.0,0,two\n");
  EXPECT_THAT(error_of([&] { load(kDigits, "format: pixels\nfile: d.csv\n", folder.path()); }),
              HasSubstr("d.csv:4: a cell is no number from 0 up"));
  folder.write("d.csv", "p,q,r,s,label\n0,1,2,16,1\n\n16,0,8.0,0,2.0\n");
  const Splits splits = load(kDigits, "format: pixels\nfile: d.csv\n", folder.path());
  ASSERT_EQ(splits.train.size(), 2U);
  EXPECT_EQ(splits.train[0].label, 1);
  EXPECT_EQ(splits.train[1].label, 2);
  EXPECT_EQ(splits.train[0].image.width, 2U);
  EXPECT_THAT(splits.train[0].image.grey_pixels(), ElementsAre(0, 16, 32, 255));
  folder.write("e.csv", "2,0,10,0,20,0,30\n");
  const Splits first = load(
      kDigits, "format: pixels\nfile: e.csv\npixels: {width: 3, height: 2, white: 255, label: first}\n", folder.path());
  EXPECT_EQ(first.train[0].label, 2);
  EXPECT_THAT(first.train[0].image.grey_pixels(), ElementsAre(0, 10, 0, 20, 0, 30));
  const auto error = [&](const char* pixels) {
    return error_of([&] { load(kDigits, std::string("format: pixels\nfile: e.csv\n") + pixels, folder.path()); });
  };
  EXPECT_THAT(error(""), HasSubstr("e.csv:1: got 6 pixels and a label, expected 2 x 2 pixels"));
  EXPECT_THAT(error("pixels: {width: 3, height: 2, white: 20, label: first}\n"),
              HasSubstr("data.pixels.white says 20"));
}

TEST(ImageFolderTest, ItsSubFoldersAreTheLabels) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder.path() / "d/two");
  std::filesystem::create_directories(folder.path() / "d/one");
  std::filesystem::copy(kPictures / "half.jpg", folder.path() / "d/two/b.JPG");
  std::filesystem::copy(kPictures / "filtered.png", folder.path() / "d/two/a.png");
  std::filesystem::copy(kPictures / "half.jpg", folder.path() / "d/one/copy.jpeg");
  folder.write("d/two/notes.txt", "no picture");
  const Splits splits = load(kDigits, "format: image_folder\nfile: d\n", folder.path());
  ASSERT_EQ(splits.train.size(), 2U);  // the copy counts once, under the first label
  EXPECT_EQ(splits.train[0].label, 1);
  EXPECT_EQ(splits.train[1].image.path.filename(), "a.png");
  EXPECT_THAT(error_of([&] { load(kDigits, "format: image_folder\nfile: none\n", folder.path()); }),
              HasSubstr("none: "));
  EXPECT_THAT(error_of([&] { load(kDigits, "format: image_folder\nfile: d/one\n", folder.path()); }),
              HasSubstr("no PNG or JPEG file in its sub-folders"));
}

TEST(ImageTextTest, PathsAreRelativeToTheDataFile) {
  const ScratchFolder folder;
  std::filesystem::copy(kPictures / "half.jpg", folder.path() / "x.jpg");
  folder.write("c.csv", "image,caption\nx.jpg,a wave\nx.jpg, another wave\nx.jpg,a wave\n");
  const Splits splits = load(kCaptions, "format: csv\ntext: caption\nfile: c.csv\n", folder.path());
  ASSERT_EQ(splits.train.size(), 2U);
  EXPECT_EQ(splits.train[1].text, "another wave");
  EXPECT_EQ(splits.train[0].image, splits.train[1].image);
  folder.write("c.csv", "image,text\nx.jpg,a\ny.jpg,b\n");
  EXPECT_THAT(error_of([&] { load(kCaptions, "format: csv\nfile: c.csv\n", folder.path()); }),
              testing::AllOf(HasSubstr("c.csv:3: column \"image\": "), HasSubstr("y.jpg")));
}

TEST(GreyImageTest, RefusesWhatDoesNotFit) {
  const auto error = [](const char* cell) {
    const auto image = parse_grey_image(cell);
    return image ? "accepted" : image.error().message;
  };
  EXPECT_EQ(error(R"({"width": 1, "height": 2, "grey": "00ff"})"), "accepted");
  EXPECT_THAT(error(R"({"width": 1, "height": 2, "grey": "00f"})"), HasSubstr("has 3 digits, expected 4"));
  EXPECT_THAT(error(R"({"width": 1, "height": 2, "grey": "00FF"})"), HasSubstr("other characters"));
  EXPECT_THAT(error(R"({"width": -1, "height": 2, "grey": "00ff"})"), HasSubstr("the sides from 1 to 4096"));
  EXPECT_THAT(error(R"({"width": 5000, "height": 2, "grey": "00ff"})"), HasSubstr("the sides from 1 to 4096"));
  EXPECT_THAT(error("{"), HasSubstr("expected a path or {width, height, grey}"));
}

const auto kPreprocessor = image::Preprocessor::parse(R"({"size": 4})", "f", "vit");

TEST(EncodeImagesTest, KeepsBytesAndMakesFloats) {
  Example grey, file;
  grey.image = image_of_grey(std::make_shared<const Bytes>(Bytes{0, 255, 255, 0}), 0, 2, 2);
  file.image = image_of_file(kPictures / "filtered.png").value();
  file.label = 2;
  const EncodedDataset data = encode(kDigits, {.preprocessor = &kPreprocessor}, {grey, file});
  ASSERT_EQ(data.size(), 2U);
  EXPECT_THAT(data.labels, ElementsAre(0, 2));
  EXPECT_EQ(data.images.height, 4U);
  EXPECT_EQ(data.images.rgb.size(), 2U * 48);
  std::vector<float> pixels(48);
  data.images.pixels_of(0, pixels);
  EXPECT_EQ(pixels[0], -1.0F);
  EXPECT_EQ(pixels[3], 1.0F);
  const auto same = image::decode(as_bytes(read_text(kPictures / "filtered.png").value())).value();
  EXPECT_THAT(data.images.rgb_of(1), ElementsAreArray(kPreprocessor.prepare(same).value().rgb));
}

TEST(EncodeImagesTest, NamesThePictureThatIsWrong) {
  const ScratchFolder folder;
  Example broken, other;
  broken.image = image_of_file(folder.write("x.png", "no picture")).value();
  EXPECT_THAT(error_of([&] { encode(kDigits, {.preprocessor = &kPreprocessor}, {broken}); }),
              HasSubstr("x.png: the first bytes are neither"));
  broken.image = image_of_file(kPictures / "filtered.png").value();
  other.image = image_of_file(kPictures / "half.jpg").value();
  const auto as_is = image::Preprocessor::parse(R"({"do_resize": false})", "f", "vit");
  EXPECT_THAT(error_of([&] {
                encode(kDigits, {.preprocessor = &as_is}, {broken, other});
              }),
              HasSubstr("half.jpg: becomes 27 x 35 pixels, those before it 21 x 30"));
}

}  // namespace
}  // namespace weft::data
