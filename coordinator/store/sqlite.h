#ifndef BANYAN_COORDINATOR_STORE_SQLITE_H_
#define BANYAN_COORDINATOR_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/commit_mark.h"

struct sqlite3;
struct sqlite3_stmt;

namespace banyan::coordinator {

// A prepared statement. Bind all parameters (from 1), then Step until it returns false; then it may be bound again.
// Thread-compatible, together with its database.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, double value);
  Statement& BindText(int parameter, std::string_view value);
  Statement& BindBlob(int parameter, std::string_view value);
  Statement& BindNull(int parameter);

  // True: there is a row. False: done, and reset. An error resets too.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  // Of the present row; columns count from 0.
  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  double Real(int column) const;  // SQLite keeps NaN as NULL: it comes back as NaN
  std::string Bytes(int column) const;  // text or blob

 private:
  absl::Status Error(int code) const;

  sqlite3* database_;
  sqlite3_stmt* statement_;
};

// One SQLite file. Its SQL knows one function more: xxh3(...), a checksum of its arguments. Thread-compatible.
class Database {
 public:
  // Makes the file where there is none. Nobody else may have it open: UNAVAILABLE. What is written is on the disk when
  // a statement outside a transaction, or COMMIT, returns. DATA_LOSS: what was so written is not there any more; then
  // the files stay as they are.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();

  absl::Status Execute(const std::string& sql);
  // Ends a transaction, if one is open, as if it had not been.
  void Rollback();
  absl::StatusOr<Statement> Prepare(const std::string& sql);

 private:
  explicit Database(sqlite3* database) : database_(database) {}

  absl::Status Lock(const std::string& path);
  absl::Status Watch(const std::string& path);

  sqlite3* const database_;
  std::unique_ptr<CommitMark> mark_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_SQLITE_H_
