// The wrapper around SQLite's C interface.
#include "coordinator/sqlite.h"

#include <sqlite3.h>

#include <utility>

namespace weft::coordinator {

Database::Database(std::filesystem::path file, Access access, const char* vfs) : file_(std::move(file)) {
  const int flags = access == Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = ::sqlite3_open_v2(file_.c_str(), &connection_, flags, vfs);
  if (code == SQLITE_OK) return;
  const std::string reason = ::sqlite3_errmsg(connection_);
  ::sqlite3_close(connection_);
  throw Failure("cannot open " + file_.string() + ": " + reason);
}

Database::~Database() { ::sqlite3_close(connection_); }

void Database::fail(int code) const {
  const std::string reason = file_.string() + ": " + ::sqlite3_errmsg(connection_);
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      throw ConfigError(file_.string() + " is not a ledger (not an SQLite database); choose another run folder");
    case SQLITE_FULL:
      throw Failure(reason + "; free some space and run the same command with --resume: nothing committed was lost");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      throw Failure(reason +
                    "; whoever reads a ledger writes beside it: copy the run folder to a place where you may " +
                    "write, and read the copy");
    case SQLITE_CORRUPT:
      damaged(::sqlite3_errmsg(connection_));
    default:
      throw Failure(reason);
  }
}

void Database::damaged(const std::string& what) const {
  throw Failure(file_.string() + ": " + what + "; the ledger is damaged: put a backup of the run folder back");
}

void Database::execute(const std::string& sql) const {
  if (const int code = ::sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    fail(code);
}

std::int64_t Database::integer(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::transaction(const std::function<void()>& work) const {
  execute("BEGIN IMMEDIATE");
  try {
    work();
    execute("COMMIT");
  } catch (...) {
    // A full disk may have rolled it back already; then this says so, which does not matter.
    ::sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

Statement::Statement(const Database& database, std::string_view sql) : database_(&database) {
  const int code =
      ::sqlite3_prepare_v2(database.connection_, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK) database.fail(code);
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement::~Statement() { ::sqlite3_finalize(statement_); }

bool Statement::step() {
  const int code = ::sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->fail(code);
  return false;
}

void Statement::run() {
  while (step()) continue;
  ::sqlite3_reset(statement_);
}

void Statement::bind(int at, std::int64_t value) { ::sqlite3_bind_int64(statement_, at + 1, value); }
void Statement::bind(int at, double value) { ::sqlite3_bind_double(statement_, at + 1, value); }
void Statement::bind(int at, const std::string& value) {
  ::sqlite3_bind_text(statement_, at + 1, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

std::int64_t Statement::integer(int column) const { return ::sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return ::sqlite3_column_double(statement_, column); }
std::string Statement::text(int column) const {
  const auto* text = ::sqlite3_column_text(statement_, column);
  const int size = ::sqlite3_column_bytes(statement_, column);
  return text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
}

int Statement::columns() const { return ::sqlite3_column_count(statement_); }
std::string Statement::name(int column) const { return ::sqlite3_column_name(statement_, column); }

ColumnType Statement::type(int column) const {
  switch (::sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return ColumnType::integer;
    case SQLITE_FLOAT:
      return ColumnType::real;
    case SQLITE_TEXT:
      return ColumnType::text;
    case SQLITE_BLOB:
      return ColumnType::blob;
    default:
      return ColumnType::null;
  }
}

}  // namespace weft::coordinator
