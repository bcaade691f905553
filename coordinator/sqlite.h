// SQLite as the ledger needs it: a connection and statements that are closed by themselves, and errors that name the
// file and what to do.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weft::coordinator {

class Database;

enum class ColumnType { integer, real, text, blob, null };
enum class Access { write, read };

// A prepared statement; parameters and columns count from 0. One thread.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();
  template <class... Values>
  Statement& with(const Values&... values) {
    int at = 0;
    (bind(at++, values), ...);
    return *this;
  }
  bool step();  // true: a row is there. Throws Failure.
  void run();   // to its end, then it may be bound again
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // a blob's bytes, too
  int columns() const;
  std::string name(int column) const;
  ColumnType type(int column) const;

 private:
  friend class Database;
  Statement(const Database& database, std::string_view sql);
  void bind(int at, std::int64_t value);
  void bind(int at, std::uint64_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::uint32_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, double value);
  void bind(int at, const std::string& value);
  void bind(int at, const char* value) { bind(at, std::string(value)); }
  const Database* database_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  // To write it creates the file when it is missing. `vfs`: SQLite's file system to use, see Disk; nullptr: its own.
  // Throws ConfigError when it is no SQLite database, Failure for the rest.
  explicit Database(std::filesystem::path file, Access access = Access::write, const char* vfs = nullptr);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Statement prepare(std::string_view sql) const { return Statement(*this, sql); }
  void execute(const std::string& sql) const;  // any number of statements
  std::int64_t integer(std::string_view sql) const;
  // Throws Failure: `what` is not as it was written.
  [[noreturn]] void damaged(const std::string& what) const;
  // All of `work` becomes durable together, or nothing of it.
  void transaction(const std::function<void()>& work) const;

 private:
  friend class Statement;
  [[noreturn]] void fail(int code) const;
  std::filesystem::path file_;
  sqlite3* connection_ = nullptr;
};

}  // namespace weft::coordinator
