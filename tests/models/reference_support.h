// The installed Python with transformers and peft, where WEFT_REFERENCE_PYTHON names one: what slow tests compare with.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace weft::models {

inline constexpr const char* kNoReference = "WEFT_REFERENCE_PYTHON names no Python with transformers and peft";

inline bool has_reference() { return std::getenv("WEFT_REFERENCE_PYTHON") != nullptr; }

// What scripts/NAME prints when it is given that path. A failure fails the test, with what is in `errors` by then.
inline std::string run_reference(const std::string& name, const std::filesystem::path& argument,
                                 const std::filesystem::path& errors) {
  const std::filesystem::path script = std::filesystem::path(WEFT_SOURCE_DIR) / "scripts" / name;
  std::ostringstream command;
  command << "'" << std::getenv("WEFT_REFERENCE_PYTHON") << "' '" << script.string() << "' '" << argument.string()
          << "' 2>'" << errors.string() << "'";
  std::FILE* pipe = ::popen(command.str().c_str(), "r");
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), size);
  const int code = ::pclose(pipe);
  std::ostringstream said;
  said << std::ifstream(errors).rdbuf();
  EXPECT_EQ(code, 0) << command.str() << "\n" << said.str();
  return output;
}

}  // namespace weft::models
