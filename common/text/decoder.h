// Last stage of a tokenizer, backwards: tokens to the text that they spell.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/regex.h"

namespace weft::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Changes the tokens in place; joined they are the text. Any thread.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
};

// The byte that a token like "<0x41>" stands for, or -1.
int fallback_byte(std::string_view token);

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> stages) : stages_(std::move(stages)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  std::vector<std::unique_ptr<Decoder>> stages_;
};

class WordPieceDecoder final : public Decoder {
 public:
  struct Options {
    std::string prefix = "##";
    bool cleanup = true;  // no blank before punctuation and English contractions
  };
  explicit WordPieceDecoder(Options options) : options_(std::move(options)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  Options options_;
};

// Out of the byte alphabet. Bytes that are no UTF-8 become U+FFFD, one for each maximal part of a character.
class ByteLevelDecoder final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
};

class MetaspaceDecoder final : public Decoder {
 public:
  struct Options {
    std::string replacement = "\u2581";
    bool strip_first = true;  // the one that encoding put before the text
  };
  explicit MetaspaceDecoder(Options options) : options_(std::move(options)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  Options options_;
};

// Runs of "<0x41>" to the characters that they spell, or a U+FFFD for each where the run is no UTF-8.
class ByteFallbackDecoder final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
};

class FuseDecoder final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
};

class StripDecoder final : public Decoder {
 public:
  struct Options {
    std::string content;              // one character
    std::size_t start = 0, stop = 0;  // at most as many off either end of each token
  };
  explicit StripDecoder(Options options) : options_(std::move(options)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  Options options_;
};

class ReplaceDecoder final : public Decoder {
 public:
  ReplaceDecoder(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  Regex from_;
  std::string to_;
};

// The suffix that ends a word to a blank, or to nothing in the last token.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void decode(std::vector<std::string>& tokens) const override;

 private:
  std::string suffix_;
};

}  // namespace weft::text
