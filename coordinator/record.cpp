#include "coordinator/record.h"

#include <bit>

#include "common/base/bytes.h"
#include "common/base/digest.h"

namespace weft::coordinator {
namespace {

std::string bits_of(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  Bytes bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> shift));
  return to_hex(bytes);
}

std::string value_text(const Statement& row, int column) {
  switch (row.type(column)) {
    case ColumnType::integer:
      return "integer " + std::to_string(row.integer(column));
    case ColumnType::real:
      return "real " + bits_of(row.real(column));
    case ColumnType::text: {
      const std::string text = row.text(column);
      return "text " + std::to_string(text.size()) + ":" + text;
    }
    case ColumnType::blob:
      return "blob " + to_hex(as_bytes(row.text(column)));
    case ColumnType::null:
      break;
  }
  return "null";
}

}  // namespace

void write_record(const Database& database, const RecordHead& head, const std::function<void(std::string_view)>& out) {
  out("weft ledger record 1\nnumber " + std::to_string(head.number) + "\nprevious " + head.previous + "\nsigner " +
      head.signer + "\n");
  for (const FactTable& table : kFactTables) {
    Statement rows = database.prepare(std::string("SELECT * FROM ") + table.name + " WHERE " + table.number +
                                      " = ? ORDER BY " + table.order);
    rows.with(head.number);
    while (rows.step()) {
      out(std::string("row ") + table.name + "\n");
      for (int column = 0; column < rows.columns(); ++column)
        out(rows.name(column) + " " + value_text(rows, column) + "\n");
    }
  }
}

std::string record_hash(const Database& database, const RecordHead& head) {
  Sha256 hash;
  write_record(database, head, [&](std::string_view piece) { hash.update(as_bytes(piece)); });
  return hash.hex();
}

std::string record_statement(const std::string& hash) { return "weft ledger signature 1\nrecord " + hash + "\n"; }

}  // namespace weft::coordinator
