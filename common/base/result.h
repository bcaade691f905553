// How failure travels. Result<T>: bytes from peers and files, where failure is ordinary and the caller decides.
// ConfigError: the user's own files or flags are wrong (exit code 2). Failure: anything else that ends the
// command (exit code 1). WEFT_CHECK: a bug of ours. An error says what, where, got, expected and what to do.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace weft {

struct Error {
  std::string message;
};

// A value or an error. value() on an error throws Failure with its message.
template <class T>
class [[nodiscard]] Result;

struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design
  explicit operator bool() const { return state_.index() == 0; }
  T& value() & {
    require();
    return std::get<0>(state_);
  }
  const T& value() const& {
    require();
    return std::get<0>(state_);
  }
  T&& value() && {
    require();
    return std::get<0>(std::move(state_));
  }
  const Error& error() const { return std::get<1>(state_); }
  T* operator->() { return &value(); }
  T& operator*() & { return value(); }

 private:
  void require() const {
    if (state_.index() != 0) throw Failure(std::get<1>(state_).message);
  }
  std::variant<T, Error> state_;
};

struct Ok {};
using Status = Result<Ok>;

[[noreturn]] void check_failed(const char* expression, const char* file, int line, const std::string& message);

}  // namespace weft

#define WEFT_CHECK(condition, message)                                               \
  do {                                                                               \
    if (!(condition)) ::weft::check_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
