#include "coordinator/store/store.h"

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/store/record_codec.h"

namespace banyan::coordinator {
namespace {

// Numbers that decide or report bits are kept as SQLite's 8-byte floats and integers, which give them back unchanged.
// `sum` is the checksum of the columns before it.
constexpr char kSchema[] = R"(
BEGIN;
CREATE TABLE coordinator (lives INTEGER NOT NULL, sum INTEGER);
INSERT INTO coordinator VALUES (0, xxh3(0));
CREATE TABLE processes (role INTEGER, name TEXT, id INTEGER NOT NULL, sum INTEGER,
                        PRIMARY KEY (role, name)) WITHOUT ROWID;
CREATE TABLE jobs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, record BLOB NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE lines (job TEXT, step INTEGER, loss_sum REAL, weight REAL, learning_rate REAL, grad_norm REAL,
                    skipped INTEGER, fingerprint INTEGER, time INTEGER, sum INTEGER,
                    PRIMARY KEY (job, step)) WITHOUT ROWID;
CREATE TABLE evaluations (job TEXT, step INTEGER, loss_sum REAL, weight REAL, sum INTEGER,
                          PRIMARY KEY (job, step)) WITHOUT ROWID;
CREATE TABLE events (job TEXT, number INTEGER, time INTEGER, step INTEGER, type TEXT, who TEXT, text TEXT, sum INTEGER,
                     PRIMARY KEY (job, number)) WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
)";

// What a row is called, and what its checksum is of.
struct Table {
  const char* name;
  const char* row;
  const char* columns;
};
constexpr Table kTables[] = {
    {"coordinator", "'lives'", "lives"},
    {"processes", "'process ' || name", "role, name, id"},
    {"jobs", "'job ' || id", "id, number, record"},
    {"lines", "'job ' || job || ', step ' || step",
     "job, step, loss_sum, weight, learning_rate, grad_norm, skipped, fingerprint, time"},
    {"evaluations", "'job ' || job || ', step ' || step", "job, step, loss_sum, weight"},
    {"events", "'job ' || job || ', event ' || number", "job, number, time, step, type, who, text"},
};

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError(absl::StrCat(
      what, "; put a copy of the file back, or move it away to begin without its jobs, whose checkpoints stay in jobs/"));
}

constexpr char kLineColumns[] = "step, loss_sum, weight, learning_rate, grad_norm, skipped, fingerprint, time";

int64_t Signed(uint64_t value) { return std::bit_cast<int64_t>(value); }
uint64_t Unsigned(int64_t value) { return std::bit_cast<uint64_t>(value); }

Store::TimedLine ReadLine(const Statement& row) {
  Store::TimedLine line;
  line.line.step = Unsigned(row.Integer(0));
  line.line.loss_sum = row.Real(1);
  line.line.weight = row.Real(2);
  line.line.learning_rate = row.Real(3);
  if (!row.IsNull(4)) line.line.grad_norm = row.Real(4);
  line.line.skipped = row.Integer(5) != 0;
  line.line.state_fingerprint = Unsigned(row.Integer(6));
  line.time = absl::FromUnixNanos(row.Integer(7));
  return line;
}

EvaluationLine ReadEvaluation(const Statement& row) {
  return {.step = Unsigned(row.Integer(0)), .loss_sum = row.Real(1), .weight = row.Real(2)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path));
  std::unique_ptr<Store> store(new Store(std::move(database)));
  RETURN_IF_ERROR(Annotate(store->Prepare(), absl::StrCat("open '", path, "'")));
  return store;
}

absl::Status Store::Prepare() {
  ASSIGN_OR_RETURN(Statement version, database_->Prepare("PRAGMA user_version"));
  RETURN_IF_ERROR(version.Step().status());
  const int64_t found = version.Integer(0);
  if (found == kSchemaVersion) return Verify();
  if (found != 0) {
    return absl::FailedPreconditionError(absl::StrCat("the store has format ", found, ", this version reads ",
                                                      kSchemaVersion, "; run the Banyan that wrote it"));
  }
  RETURN_IF_ERROR(version.Step().status());
  return database_->Execute(kSchema);
}

absl::Status Store::Verify() {
  ASSIGN_OR_RETURN(Statement tree, database_->Prepare("PRAGMA quick_check(1)"));
  RETURN_IF_ERROR(tree.Step().status());
  if (const std::string found = tree.Bytes(0); found != "ok") return Damaged(absl::StrCat("is damaged: ", found));
  for (const Table& table : kTables) {
    ASSIGN_OR_RETURN(Statement wrong, database_->Prepare(absl::StrCat(
                                          "SELECT ", table.row, ", sum, xxh3(", table.columns, ") FROM ", table.name,
                                          " WHERE sum IS NOT xxh3(", table.columns, ") LIMIT 1")));
    ASSIGN_OR_RETURN(const bool any, wrong.Step());
    if (!any) continue;
    return Damaged(absl::StrCat("table ", table.name, ", ", wrong.Bytes(0), ": checksum ",
                                absl::Hex(wrong.Integer(2), absl::kZeroPad16), ", expected ",
                                absl::Hex(wrong.Integer(1), absl::kZeroPad16)));
  }
  ASSIGN_OR_RETURN(Statement gap, database_->Prepare("SELECT job, count(*), max(step) FROM lines GROUP BY job "
                                                     "HAVING count(*) <> max(step) LIMIT 1"));
  ASSIGN_OR_RETURN(const bool lacks, gap.Step());
  if (!lacks) return absl::OkStatus();
  return Damaged(absl::StrCat("table lines, job ", gap.Bytes(0), ": has ", gap.Integer(1), " lines, expected ",
                              gap.Integer(2)));
}

absl::StatusOr<Statement*> Store::Cached(const std::string& sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  ASSIGN_OR_RETURN(Statement statement, database_->Prepare(sql));
  return &statements_.emplace(sql, std::move(statement)).first->second;
}

absl::StatusOr<uint64_t> Store::NextCoordinatorTerm() {
  RETURN_IF_ERROR(database_->Execute("UPDATE coordinator SET lives = lives + 1, sum = xxh3(lives + 1)"));
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT lives FROM coordinator"));
  RETURN_IF_ERROR(select->Step().status());
  const uint64_t lives = Unsigned(select->Integer(0));
  RETURN_IF_ERROR(select->Step().status());
  return lives;
}

absl::Status Store::WriteProcess(const ProcessId& process) {
  ASSIGN_OR_RETURN(Statement * insert, Cached("INSERT OR REPLACE INTO processes VALUES (?1, ?2, ?3, xxh3(?1, ?2, ?3))"));
  insert->Bind(1, static_cast<int64_t>(process.role)).BindText(2, process.name).Bind(3, Signed(process.id));
  return insert->Run();
}

absl::StatusOr<std::vector<Store::ProcessId>> Store::Processes() {
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT role, name, id FROM processes"));
  std::vector<ProcessId> processes;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select->Step());
    if (!row) return processes;
    processes.push_back({.role = static_cast<Role>(select->Integer(0)),
                         .name = select->Bytes(1),
                         .id = Unsigned(select->Integer(2))});
  }
}

absl::Status Store::WriteJob(const JobRecord& record) {
  ASSIGN_OR_RETURN(Statement * insert, Cached("INSERT OR REPLACE INTO jobs VALUES (?1, ?2, ?3, xxh3(?1, ?2, ?3))"));
  return insert->BindText(1, record.id).Bind(2, Signed(record.number)).BindBlob(3, EncodeRecord(record)).Run();
}

absl::StatusOr<std::vector<JobRecord>> Store::Jobs() {
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT record FROM jobs ORDER BY number"));
  std::vector<JobRecord> jobs;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select->Step());
    if (!row) return jobs;
    ASSIGN_OR_RETURN(JobRecord record, DecodeRecord(select->Bytes(0)));
    jobs.push_back(std::move(record));
  }
}

absl::Status Store::WriteLine(const std::string& job, const TimedLine& timed) {
  ASSIGN_OR_RETURN(Statement * insert, Cached("INSERT OR IGNORE INTO lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                                              "xxh3(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))"));
  const LedgerLine& line = timed.line;
  insert->BindText(1, job).Bind(2, Signed(line.step)).Bind(3, line.loss_sum).Bind(4, line.weight);
  insert->Bind(5, line.learning_rate);
  if (line.grad_norm.has_value()) {
    insert->Bind(6, *line.grad_norm);
  } else {
    insert->BindNull(6);
  }
  insert->Bind(7, int64_t{line.skipped}).Bind(8, Signed(line.state_fingerprint));
  return insert->Bind(9, absl::ToUnixNanos(timed.time)).Run();
}

absl::StatusOr<std::optional<Store::TimedLine>> Store::Line(const std::string& job, Step step) {
  ASSIGN_OR_RETURN(std::vector<TimedLine> lines, Lines(job, step - 1, 1));
  if (lines.empty() || lines[0].line.step != step) return std::nullopt;
  return lines[0];
}

absl::StatusOr<std::vector<Store::TimedLine>> Store::Lines(const std::string& job, Step after, int64_t limit) {
  ASSIGN_OR_RETURN(Statement * select,
                   Cached(absl::StrCat("SELECT ", kLineColumns,
                                       " FROM lines WHERE job = ? AND step > ? ORDER BY step LIMIT ?")));
  select->BindText(1, job).Bind(2, Signed(after)).Bind(3, limit);
  std::vector<TimedLine> lines;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select->Step());
    if (!row) return lines;
    lines.push_back(ReadLine(*select));
  }
}

absl::StatusOr<Step> Store::LinesThrough(const std::string& job) {
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT coalesce(max(step), 0) FROM lines WHERE job = ?"));
  RETURN_IF_ERROR(select->BindText(1, job).Step().status());
  const Step through = Unsigned(select->Integer(0));
  RETURN_IF_ERROR(select->Step().status());
  return through;
}

absl::Status Store::CopyLines(const std::string& from, const std::string& to, Step through) {
  ASSIGN_OR_RETURN(Statement * lines,
                   Cached("INSERT OR IGNORE INTO lines SELECT ?2, step, loss_sum, weight, learning_rate, grad_norm, "
                          "skipped, fingerprint, time, xxh3(?2, step, loss_sum, weight, learning_rate, grad_norm, "
                          "skipped, fingerprint, time) FROM lines WHERE job = ?1 AND step <= ?3"));
  RETURN_IF_ERROR(lines->BindText(1, from).BindText(2, to).Bind(3, Signed(through)).Run());
  ASSIGN_OR_RETURN(Statement * evaluations,
                   Cached("INSERT OR IGNORE INTO evaluations SELECT ?2, step, loss_sum, weight, "
                          "xxh3(?2, step, loss_sum, weight) FROM evaluations "
                          "WHERE job = ?1 AND step < ?3"));
  return evaluations->BindText(1, from).BindText(2, to).Bind(3, Signed(through)).Run();
}

absl::Status Store::WriteEvaluation(const std::string& job, const EvaluationLine& line) {
  ASSIGN_OR_RETURN(Statement * insert, Cached("INSERT OR IGNORE INTO evaluations VALUES (?1, ?2, ?3, ?4, "
                                              "xxh3(?1, ?2, ?3, ?4))"));
  insert->BindText(1, job).Bind(2, Signed(line.step)).Bind(3, line.loss_sum).Bind(4, line.weight);
  return insert->Run();
}

absl::StatusOr<std::optional<EvaluationLine>> Store::Evaluation(const std::string& job, Step step) {
  ASSIGN_OR_RETURN(std::vector<EvaluationLine> lines, Evaluations(job, step));
  if (lines.empty() || lines[0].step != step) return std::nullopt;
  return lines[0];
}

absl::StatusOr<std::vector<EvaluationLine>> Store::Evaluations(const std::string& job, Step from) {
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT step, loss_sum, weight FROM evaluations "
                                              "WHERE job = ? AND step >= ? ORDER BY step"));
  select->BindText(1, job).Bind(2, Signed(from));
  std::vector<EvaluationLine> lines;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select->Step());
    if (!row) return lines;
    lines.push_back(ReadEvaluation(*select));
  }
}

absl::StatusOr<uint64_t> Store::WriteEvent(const std::string& job, const JobEvent& event) {
  ASSIGN_OR_RETURN(Statement * insert,
                   Cached("WITH next (number) AS (SELECT coalesce(max(number), 0) + 1 FROM events WHERE job = ?1) "
                          "INSERT INTO events SELECT ?1, number, ?2, ?3, ?4, ?5, ?6, "
                          "xxh3(?1, number, ?2, ?3, ?4, ?5, ?6) FROM next RETURNING number"));
  insert->BindText(1, job).Bind(2, absl::ToUnixNanos(event.time)).Bind(3, Signed(event.step));
  insert->BindText(4, event.type).BindText(5, event.who).BindText(6, event.text);
  RETURN_IF_ERROR(insert->Step().status());
  const uint64_t number = Unsigned(insert->Integer(0));
  RETURN_IF_ERROR(insert->Step().status());
  return number;
}

absl::StatusOr<std::vector<Store::NumberedEvent>> Store::Events(const std::string& job, uint64_t after,
                                                                int64_t limit) {
  ASSIGN_OR_RETURN(Statement * select, Cached("SELECT number, time, step, type, who, text FROM events "
                                              "WHERE job = ? AND number > ? ORDER BY number LIMIT ?"));
  select->BindText(1, job).Bind(2, Signed(after)).Bind(3, limit);
  std::vector<NumberedEvent> events;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, select->Step());
    if (!row) return events;
    events.push_back({.number = Unsigned(select->Integer(0)),
                      .event = {.time = absl::FromUnixNanos(select->Integer(1)),
                                .step = Unsigned(select->Integer(2)),
                                .type = select->Bytes(3),
                                .who = select->Bytes(4),
                                .text = select->Bytes(5)}});
  }
}

}  // namespace banyan::coordinator
