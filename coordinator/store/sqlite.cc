#include "coordinator/store/sqlite.h"

#include <sqlite3.h>

#include <bit>
#include <cerrno>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/digest/xxh3.h"

namespace banyan::coordinator {
namespace {

// Of the log, before its pages are written to their places in the database.
constexpr int kMostFrames = 1000;

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

// xxh3(...): of each argument its type and its bytes. The sign of a zero is not kept in a column of reals.
void Checksum(sqlite3_context* context, int count, sqlite3_value** values) {
  Xxh3Stream stream;
  const auto add = [&](const void* bytes, size_t size) {
    if (size > 0) stream.Update({static_cast<const std::byte*>(bytes), size});
  };
  for (int i = 0; i < count; ++i) {
    const int type = sqlite3_value_type(values[i]);
    add(&type, sizeof(type));
    if (type == SQLITE_INTEGER) {
      const int64_t value = sqlite3_value_int64(values[i]);
      add(&value, sizeof(value));
    } else if (type == SQLITE_FLOAT) {
      const double value = sqlite3_value_double(values[i]) + 0.0;
      add(&value, sizeof(value));
    } else if (type != SQLITE_NULL) {
      const void* const bytes = sqlite3_value_blob(values[i]);
      const int size = sqlite3_value_bytes(values[i]);
      add(&size, sizeof(size));
      add(bytes, static_cast<size_t>(size));
    }
  }
  sqlite3_result_int64(context, std::bit_cast<int64_t>(stream.Digest()));
}

// After a call that began with errno 0: SQLite itself does not always keep the system's reason.
absl::Status ErrorOf(sqlite3* database, int code) {
  const int error = errno != 0 ? errno : sqlite3_system_errno(database);
  const char* const file = sqlite3_db_filename(database, "main");
  std::string text = absl::StrCat("store '", file == nullptr ? "" : file, "': ", sqlite3_errmsg(database));
  const int base = code & 0xff;
  const bool of_system = base == SQLITE_FULL || base == SQLITE_IOERR || base == SQLITE_CANTOPEN || base == SQLITE_READONLY;
  if (of_system && error != 0) absl::StrAppend(&text, " (", std::generic_category().message(error), ")");
  return absl::Status(CodeOf(code), text);
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::Bind(int parameter, int64_t value) {
  CHECK_EQ(sqlite3_bind_int64(statement_, parameter, value), SQLITE_OK);
  return *this;
}

Statement& Statement::Bind(int parameter, double value) {
  CHECK_EQ(sqlite3_bind_double(statement_, parameter, value), SQLITE_OK);
  return *this;
}

Statement& Statement::BindText(int parameter, std::string_view value) {
  CHECK_EQ(sqlite3_bind_text64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8),
           SQLITE_OK);
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::string_view value) {
  CHECK_EQ(sqlite3_bind_blob64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT), SQLITE_OK);
  return *this;
}

Statement& Statement::BindNull(int parameter) {
  CHECK_EQ(sqlite3_bind_null(statement_, parameter), SQLITE_OK);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  errno = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  const absl::Status status = code == SQLITE_DONE ? absl::OkStatus() : ErrorOf(database_, code);
  sqlite3_reset(statement_);
  if (!status.ok()) return status;
  return false;
}

absl::Status Statement::Run() {
  ASSIGN_OR_RETURN(const bool row, Step());
  CHECK(!row);
  return absl::OkStatus();
}

bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const {
  return IsNull(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(statement_, column);
}

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return size == 0 ? std::string() : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  errno = 0;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) return ErrorOf(handle, code);
  // SQLite opens it all the same, and says little once it is to be written.
  if (sqlite3_db_readonly(handle, "main") == 1) {
    return absl::PermissionDeniedError(absl::StrCat("store '", path, "' can only be read: Read-only file system, or ",
                                                    "not this user's file"));
  }
  sqlite3_extended_result_codes(handle, 1);
  CHECK_EQ(sqlite3_create_function(handle, "xxh3", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, Checksum, nullptr,
                                   nullptr),
           SQLITE_OK);
  RETURN_IF_ERROR(database->Lock(path));
  RETURN_IF_ERROR(database->Watch(path));
  return database;
}

// The exclusive lock keeps a second coordinator out for as long as this one lives; FULL syncs at every commit.
absl::Status Database::Lock(const std::string& path) {
  // The log of a life before is not to be touched before it was looked at.
  CHECK_EQ(sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr), SQLITE_OK);
  for (const char* pragma : {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
                             "PRAGMA synchronous = FULL", "BEGIN EXCLUSIVE", "COMMIT"}) {
    const absl::Status status = Execute(pragma);
    if (absl::IsUnavailable(status)) {
      return absl::UnavailableError(absl::StrCat("'", path, "' is in use by another coordinator"));
    }
    RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

absl::Status Database::Watch(const std::string& path) {
  ASSIGN_OR_RETURN(mark_, CommitMark::Open(path));
  CHECK_EQ(sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr), SQLITE_OK);
  // In the place of SQLite's own hook, which does the second half of this one.
  sqlite3_wal_hook(
      database_,
      [](void* mark, sqlite3* database, const char* name, int frames) {
        static_cast<CommitMark*>(mark)->Committed(static_cast<uint64_t>(frames));
        if (frames >= kMostFrames) {
          sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        }
        return SQLITE_OK;
      },
      mark_.get());
  return absl::OkStatus();
}

Database::~Database() {
  // SQLite writes what is in the log to its place, and removes the log.
  if (mark_ != nullptr) mark_->Clear().IgnoreError();
  CHECK_EQ(sqlite3_close(database_), SQLITE_OK);
}

absl::Status Database::Execute(const std::string& sql) {
  errno = 0;
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(database_, code);
}

void Database::Rollback() {
  // SQLite itself may have ended it.
  if (sqlite3_get_autocommit(database_) == 0) Execute("ROLLBACK").IgnoreError();
}

absl::StatusOr<Statement> Database::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_, sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return ErrorOf(database_, code);
  return Statement(database_, statement);
}

}  // namespace banyan::coordinator
