// The small normalizers of a tokenizer.json. Each does what Hugging Face's of the same name does.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/normalizer.h"
#include "common/text/regex.h"

namespace weft::text {

// One after the other.
class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> stages) : stages_(std::move(stages)) {}
  void normalize(std::string_view text, std::string& out) const override;

 private:
  std::vector<std::unique_ptr<Normalizer>> stages_;
};

// Each code point for itself: sigma is never final.
class Lowercase final : public Normalizer {
 public:
  void normalize(std::string_view text, std::string& out) const override;
};

// White space off the ends.
class StripEnds final : public Normalizer {
 public:
  StripEnds(bool left, bool right) : left_(left), right_(right) {}
  void normalize(std::string_view text, std::string& out) const override;

 private:
  bool left_, right_;
};

// Drops marks; decomposes nothing.
class StripAccents final : public Normalizer {
 public:
  void normalize(std::string_view text, std::string& out) const override;
};

// Control characters out, odd blanks to a blank, as SentencePiece's "nmt" rules.
class Nmt final : public Normalizer {
 public:
  void normalize(std::string_view text, std::string& out) const override;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void normalize(std::string_view text, std::string& out) const override;

 private:
  std::string prefix_;
};

class ReplaceText final : public Normalizer {
 public:
  ReplaceText(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void normalize(std::string_view text, std::string& out) const override;

 private:
  std::string from_, to_;
};

class ReplaceRegex final : public Normalizer {
 public:
  ReplaceRegex(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void normalize(std::string_view text, std::string& out) const override;

 private:
  Regex from_;
  std::string to_;
};

}  // namespace weft::text
