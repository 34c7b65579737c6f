#ifndef BANYAN_COORDINATOR_STORE_STORE_FIXTURE_H_
#define BANYAN_COORDINATOR_STORE_STORE_FIXTURE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/store/store.h"
#include "gtest/gtest.h"

// A store with something in every table, for tests of what becomes of it.
namespace banyan::coordinator::fixture {

inline void WriteLines(Store& store, Step first, Step last) {
  for (Step step = first; step <= last; ++step) {
    const LedgerLine line = {.step = step, .loss_sum = 0.5 * static_cast<double>(step), .weight = 16,
                             .state_fingerprint = step * 0x9e3779b97f4a7c15};
    ASSERT_TRUE(store.WriteLine("j1", {.line = line, .time = absl::UnixEpoch()}).ok());
  }
}

inline void Fill(Store& store) {
  ASSERT_TRUE(store.NextCoordinatorTerm().ok());
  JobRecord record = {.id = "j1", .number = 1, .reason = std::string(200, 'r'), .term = 4};
  record.job.set_name("gpt");
  ASSERT_TRUE(store.WriteJob(record).ok());
  ASSERT_TRUE(store.WriteProcess({.role = Role::kServer, .name = "server-0", .id = 7}).ok());
  WriteLines(store, 1, 30);
  ASSERT_TRUE(store.WriteEvaluation("j1", {.step = 30, .loss_sum = 2, .weight = 20}).ok());
  ASSERT_TRUE(store.WriteEvent("j1", {.time = absl::UnixEpoch(), .type = "TERM", .text = "term 4"}).ok());
}

// All that it has, as text; its errors.
inline absl::StatusOr<std::string> ReadAll(Store& store) {
  std::string all;
  const auto jobs = store.Jobs();
  const auto processes = store.Processes();
  const auto lines = store.Lines("j1", 0, 10'000);
  const auto evaluations = store.Evaluations("j1", 0);
  const auto events = store.Events("j1", 0, 10'000);
  for (const absl::Status& status :
       {jobs.status(), processes.status(), lines.status(), evaluations.status(), events.status()}) {
    if (!status.ok()) return status;
  }
  for (const JobRecord& job : *jobs) absl::StrAppend(&all, job.id, job.reason, job.term, job.job.name(), "\n");
  for (const Store::ProcessId& process : *processes) absl::StrAppend(&all, process.name, process.id, "\n");
  for (const Store::TimedLine& line : *lines) {
    absl::StrAppend(&all, line.line.step, " ", line.line.loss_sum, " ", line.line.state_fingerprint, "\n");
  }
  for (const EvaluationLine& line : *evaluations) absl::StrAppend(&all, line.step, " ", line.loss_sum, "\n");
  for (const Store::NumberedEvent& event : *events) absl::StrAppend(&all, event.event.type, event.event.text, "\n");
  return all;
}

inline absl::StatusOr<std::string> ReadAll(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path);
  if (!store.ok()) return store.status();
  return ReadAll(**store);
}

}  // namespace banyan::coordinator::fixture

#endif  // BANYAN_COORDINATOR_STORE_STORE_FIXTURE_H_
