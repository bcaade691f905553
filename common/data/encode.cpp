// Encoding once, before training.
#include "common/data/encode.h"

#include <algorithm>

#include "common/base/file.h"

namespace weft::data {
namespace {

using Add = void (*)(const TaskConfig&, const Encoders&, const Example&, EncodedDataset&);

void append(EncodedDataset& out, const text::Encoding& encoding) {
  out.ids.insert(out.ids.end(), encoding.ids.begin(), encoding.ids.end());
  out.type_ids.insert(out.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
  out.starts.push_back(static_cast<std::int64_t>(out.ids.size()));
  out.truncated += encoding.truncated ? 1 : 0;
}

// The same with a label for each token, unless nothing is learned.
void append_learned(EncodedDataset& out, const text::Encoding& encoding, const std::vector<std::int32_t>& labels) {
  if (std::all_of(labels.begin(), labels.end(), [](std::int32_t label) { return label == kNoLoss; })) {
    ++out.without_loss;
    return;
  }
  append(out, encoding);
  out.token_labels.insert(out.token_labels.end(), labels.begin(), labels.end());
}

const text::Tokenizer& tokenizer_of(const Encoders& encoders) {
  WEFT_CHECK(encoders.tokenizer != nullptr, "the task has texts, and there is no tokenizer");
  return *encoders.tokenizer;
}

void add_text(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  const text::Tokenizer& tokenizer = tokenizer_of(encoders);
  append(out, example.text_pair.empty() ? tokenizer.encode(example.text, task.max_tokens)
                                        : tokenizer.encode_pair(example.text, example.text_pair, task.max_tokens));
}

void add_sequence(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  add_text(task, encoders, example, out);
  if (task.problem == Problem::single_label) {
    out.labels.push_back(example.label);
  } else if (task.problem == Problem::regression) {
    out.targets.push_back(static_cast<float>(example.target));
  } else {
    const std::size_t begin = out.label_vectors.size();
    out.label_vectors.resize(begin + task.labels.size());
    for (const std::int32_t label : example.labels) out.label_vectors.at(begin + static_cast<std::size_t>(label)) = 1;
  }
}

void add_words(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  const text::Encoding encoding =
      tokenizer_of(encoders).encode_words(example.words, text::EncodeOptions{.max_tokens = task.max_tokens});
  std::vector<std::int32_t> labels;
  std::int32_t last = -1;
  for (const std::int32_t word : encoding.words) {
    labels.push_back(word < 0 || word == last ? kNoLoss : example.tags.at(static_cast<std::size_t>(word)));
    last = word;
  }
  append_learned(out, encoding, labels);
}

// A document as sequences of max_tokens. A rest of one token teaches nothing.
void add_document(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  const text::Encoding whole = tokenizer_of(encoders).encode(example.text);
  if (whole.ids.size() < 2) ++out.without_loss;
  for (std::size_t begin = 0; begin + 1 < whole.ids.size(); begin += task.max_tokens) {
    const auto from = static_cast<std::ptrdiff_t>(begin);
    const auto to = static_cast<std::ptrdiff_t>(std::min(begin + task.max_tokens, whole.ids.size()));
    text::Encoding part;
    part.ids.assign(whole.ids.begin() + from, whole.ids.begin() + to);
    part.type_ids.assign(whole.type_ids.begin() + from, whole.type_ids.begin() + to);
    append(out, part);
    out.token_labels.push_back(kNoLoss);
    out.token_labels.insert(out.token_labels.end(), part.ids.begin() + 1, part.ids.end());
  }
}

void add_conversation(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  WEFT_CHECK(encoders.chat_template != nullptr, "the task has conversations, and there is no template");
  const auto chat = encoders.chat_template->render(example.messages, text::ChatEnd::closed);
  if (!chat)
    throw ConfigError("a conversation of " + std::to_string(example.messages.size()) +
                      " messages: " + chat.error().message + "; correct the data or task.template");
  const text::Encoding encoding = tokenizer_of(encoders).encode_marked(
      chat.value().text, chat.value().answers,
      text::EncodeOptions{.max_tokens = task.max_tokens, .specials = text::Specials::without});
  std::vector<std::int32_t> labels(encoding.ids.size(), kNoLoss);
  for (std::size_t i = 1; i < labels.size(); ++i)
    if (task.loss_on == LossOn::all || encoding.marked[i] != 0) labels[i] = encoding.ids[i];
  append_learned(out, encoding, labels);
}

void add_language(const TaskConfig& task, const Encoders& encoders, const Example& example, EncodedDataset& out) {
  task.has_conversations() ? add_conversation(task, encoders, example, out)
                           : add_document(task, encoders, example, out);
}

Result<image::Image> prepared(const image::Preprocessor& preprocessor, const ImageRef& image) {
  if (image.path.empty()) return preprocessor.prepare(image::from_grey(image.grey_pixels(), image.width, image.height));
  const auto file = MappedFile::open(image.path);
  return file ? preprocessor.prepare(file.value().bytes()) : Result<image::Image>(file.error());
}

void add_image(const Encoders& encoders, const ImageRef& image, EncodedImages& out) {
  WEFT_CHECK(encoders.preprocessor != nullptr, "the task has pictures, and there is no preprocessor");
  const auto picture = prepared(*encoders.preprocessor, image);
  const std::string name = image.path.empty() ? "a picture of grey pixels" : image.path.string();
  if (!picture) throw ConfigError(name + ": " + picture.error().message);
  const auto& [width, height, rgb] = picture.value();
  if (out.rgb.empty()) {
    out.width = width;
    out.height = height;
  }
  if (width != out.width || height != out.height)
    throw ConfigError(name + ": becomes " + std::to_string(width) + " x " + std::to_string(height) +
                      " pixels, those before it " + std::to_string(out.width) + " x " + std::to_string(out.height) +
                      "; the model wants one size, so preprocessor_config.json must resize to one, or crop");
  out.rgb.insert(out.rgb.end(), rgb.begin(), rgb.end());
}

void add_classified_picture(const TaskConfig& /*task*/, const Encoders& encoders, const Example& example,
                            EncodedDataset& out) {
  add_image(encoders, example.image, out.images);
  out.labels.push_back(example.label);
}

void add_captioned_picture(const TaskConfig& task, const Encoders& encoders, const Example& example,
                           EncodedDataset& out) {
  add_image(encoders, example.image, out.images);
  add_text(task, encoders, example, out);
}

Add adder_of(TaskKind kind) {
  switch (kind) {
    case TaskKind::sequence_classification:
      return add_sequence;
    case TaskKind::token_classification:
      return add_words;
    case TaskKind::causal_lm:
      return add_language;
    case TaskKind::image_classification:
      return add_classified_picture;
    case TaskKind::image_text:
      return add_captioned_picture;
  }
  return nullptr;
}

}  // namespace

EncodedDataset encode(const TaskConfig& task, const Encoders& encoders, const std::vector<Example>& examples) {
  EncodedDataset out;
  if (encoders.preprocessor != nullptr) {
    out.images.normalizer = encoders.preprocessor->normalizer();
    const auto size = encoders.preprocessor->output_size();
    if (size) out.images.rgb.reserve(3 * size->height * size->width * examples.size());
  }
  const Add add = adder_of(task.kind);
  for (const auto& example : examples) add(task, encoders, example, out);
  return out;
}

void EncodedDataset::append(const EncodedDataset& other) {
  const std::int64_t shift = starts.back();
  const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  add(ids, other.ids);
  add(type_ids, other.type_ids);
  for (std::size_t i = 1; i < other.starts.size(); ++i) starts.push_back(other.starts[i] + shift);
  add(labels, other.labels);
  add(label_vectors, other.label_vectors);
  add(targets, other.targets);
  add(token_labels, other.token_labels);
  if (images.size() == 0) {
    images = other.images;
  } else if (other.images.size() > 0) {
    if (other.images.height != images.height || other.images.width != images.width)
      throw ConfigError("pictures of " + std::to_string(other.images.width) + " x " +
                        std::to_string(other.images.height) + " beside others of " + std::to_string(images.width) +
                        " x " + std::to_string(images.height) + "; all must have one size");
    add(images.rgb, other.images.rgb);
  }
  truncated += other.truncated;
  without_loss += other.without_loss;
}

}  // namespace weft::data
