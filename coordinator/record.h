// A record of the ledger in canonical bytes. Each transaction that adds facts to the ledger ends with a record of all
// rows it and the refusals since the record before have added; its hash covers the hash of that one, so that no row can
// be changed, added or removed later without changing every hash after it. The coordinator signs each hash.
//
//   weft ledger record 1
//   number 3
//   previous HASH          of record 2; 64 zeros for record 0
//   signer FINGERPRINT     of the certificate whose key signs; "none" in a run without certificates
//   row updates            then each row of the record, tables in the order of kFactTables, rows by their keys, and
//   round integer 3        of each row every column of the table in its order: name, type and value
//   site text 4:film       a text as the number of its bytes and these
//   loss real 3fe0000000000000   the bits of an IEEE 754 double
//   loss null
//
// Every column is inside, the times and byte counts too, which a repeated round would measure anew: a round that is
// repeated after a crash before its commit has another record, and nobody has heard of the first. After the commit
// nothing of it changes.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "coordinator/sqlite.h"

namespace weft::coordinator {

// Where a record's rows are found: those whose `number` is the record's.
struct FactTable {
  const char* name;
  const char* number;  // column
  const char* order;   // columns of the key
};
inline constexpr FactTable kFactTables[] = {{"meta", "record", "key"},
                                            {"rounds", "round", "round"},
                                            {"updates", "round", "site"},
                                            {"scores", "record", "version, split, site"},
                                            {"refusals", "record", "number"}};

inline constexpr const char* kNoSigner = "none";
inline const std::string kFirstPrevious(64, '0');

struct RecordHead {
  std::int64_t number = 0;
  std::string previous = kFirstPrevious;
  std::string signer = kNoSigner;
};

// Its bytes piece by piece, from the rows that the database has now. Throws Failure.
void write_record(const Database& database, const RecordHead& head, const std::function<void(std::string_view)>& out);
std::string record_hash(const Database& database, const RecordHead& head);  // SHA-256 of these, hex

// What is signed of a record.
std::string record_statement(const std::string& hash);

}  // namespace weft::coordinator
