#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/config/fingerprint.h"
#include "common/optimizer/factory.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/jobs/job_states.h"

// The second part of JobMachine: what processes report and what they are ordered.
namespace banyan::coordinator {
namespace {

using enum JobState;

// What the paths of a recipe hold. Weights to start from go by their name until a server has loaded them.
config::ContentHashes Contents(const v1::Recipe& recipe, const JobRecord& record) {
  config::ContentHashes contents;
  if (recipe.data().has_text()) contents[recipe.data().text().path()] = record.data->hash;
  if (recipe.data().has_table()) contents[recipe.data().table().path()] = record.data->hash;
  if (recipe.model().has_init_from()) {
    const std::string& path = recipe.model().init_from();
    contents[path] = record.initial_weights.empty() ? path : record.initial_weights;
  }
  return contents;
}

}  // namespace

absl::Status JobMachine::MakePlan() {
  const v1::Job job = PresentJob(record_);
  ASSIGN_OR_RETURN(JobPlan plan, JobPlan::Make(job, *record_.data, record_.device_kind));
  const v1::Recipe& recipe = job.recipe();
  ASSIGN_OR_RETURN(const OptimizerPlan optimizer, MakeOptimizer(recipe.optimizer()));
  const Schedule schedule = MakeSchedule(recipe.schedule(), plan.last_step);
  ASSIGN_OR_RETURN(record_.fingerprint, config::RecipeFingerprint(recipe, Contents(recipe, record_)));
  // No life of the coordinator gives a version of another: somebody may follow one that nobody has reported yet.
  const uint64_t first_version =
      assigner_ ? assigner_->next_version() : (options_.coordinator_term << kVersionBits) + 1;
  auto assigner = std::make_unique<Assigner>(Tree(plan.leaves), first_version);
  if (!record_.leaf_plan.empty()) RETURN_IF_ERROR(assigner->CheckLeafPlan(record_.leaf_plan));
  lines_through_ = lines_through();
  plan_ = std::make_shared<const JobPlan>(std::move(plan));
  book_ = std::make_unique<LedgerBook>(
      *plan_,
      [schedule, rate = optimizer.learning_rate](Step step) { return rate * schedule.Factor(step); }, lines_through_);
  assigner_ = std::move(assigner);
  return absl::OkStatus();
}

void JobMachine::TakeDataFacts(uint64_t worker, const JobReport& report, Now now) {
  if (!report.data.has_value()) return;
  if (record_.data.has_value()) {
    if (*report.data == *record_.data) return;
    const auto describe = [](const DataFacts& facts) {
      return absl::StrCat("(hash ", facts.hash.substr(0, 12), ", ", facts.samples, " samples)");
    };
    Fail(absl::StrCat("worker ", workers_.at(worker).member.introduction.name, " finds other data ",
                      describe(*report.data), " than the job began with ", describe(*record_.data),
                      "; give every worker the same files"),
         now);
    return;
  }
  if (record_.state != kStarting) return;
  record_.data = report.data;
  if (const absl::Status status = MakePlan(); !status.ok()) return Fail(std::string(status.message()), now);
  BeginTerm(now);
}

// What a term begins with at step 0 is part of the recipe, and must be the same on every server.
void JobMachine::TakeInitialWeights(uint64_t server, const JobReport& report, Now now) {
  if (report.initial_weights.empty() || report.initial_weights == record_.initial_weights) return;
  if (record_.initial_weights.empty()) {
    record_.initial_weights = report.initial_weights;
    const v1::Job job = PresentJob(record_);
    absl::StatusOr<std::string> fingerprint =
        config::RecipeFingerprint(job.recipe(), Contents(job.recipe(), record_));
    if (!fingerprint.ok()) return Fail(std::string(fingerprint.status().message()), now);
    record_.fingerprint = *std::move(fingerprint);
    return Persist();
  }
  Fail(absl::StrCat("server ", servers_.at(server).member.introduction.name, " finds other weights in '",
                    PresentJob(record_).recipe().model().init_from(), "' (hash ", report.initial_weights.substr(0, 12),
                    ") than the job began with (hash ", record_.initial_weights.substr(0, 12),
                    "); give every server the same files"),
       now);
}

void JobMachine::OnReport(Role role, uint64_t id, const JobReport& report, uint64_t rss_bytes, Now now) {
  Processes& processes = role == Role::kServer ? servers_ : workers_;
  const auto found = processes.find(id);
  if (found == processes.end()) return;
  Process& process = found->second;
  const std::string name = process.member.introduction.name;
  progress_.Hear(name, report.counters, ModelBytes(), now.monotonic);
  process.last = report;
  process.last->entries.clear();
  process.last->parts.clear();
  process.last->audits.clear();
  if (rss_bytes > 0) {
    uint64_t& peak = record_.peak_rss_bytes[name];
    peak = std::max(peak, rss_bytes);
  }
  // A server may still speak of a term that has been given up.
  const bool stale = role == Role::kServer && report.term != record_.term;
  if (report.restore_failed && !stale && IsActive(record_.state)) return OnRestoreFailed(name, report.failure, now);
  if (!report.failure.empty() && !stale) return Fail(absl::StrCat(name, ": ", report.failure), now);
  if (role == Role::kWorker) {
    TakePace(WorkerId(id), report, now);
    TakeDataFacts(id, report, now);
    TakeAudits(WorkerId(id), report, now);
  }
  if (!IsActive(record_.state)) return;
  if (role == Role::kServer && plan_) {
    if (!stale) TakeInitialWeights(id, report, now);
    if (!IsActive(record_.state)) return;
    process.ready = !term_is_over() && !stale && report.ready;
    TakeEntries(report, now);
    TakeInSync(id, report);
    for (const CheckpointPart& part : report.parts) TakePart(id, part, now);
    if (!IsActive(record_.state)) return;
    PublishWhatIsComplete();
  }
  Proceed(now);
}

void JobMachine::TakeEntries(const JobReport& report, Now now) {
  const Step before = book_->highest();
  for (const Entry& entry : report.entries) {
    if (entry.term <= record_.term) book_->Add(entry);
    if (entry.term == record_.term) reached_ = std::max(reached_, entry.step);
  }
  if (book_->highest() > before) progress_.Made(now.monotonic);
  WritePages(now);
  const Step in_part = book_->Lacking(record_.term).empty() ? 0 : lines_through() + 1;
  if (in_part != std::exchange(told_in_part_, in_part)) told_since_ = now.wall;
  CompareReplayed(now);
}

void JobMachine::WritePages(Now now) {
  book_->SetLimit(Replays(record_) ? record_.fork->step : record_.state == kStopping ? stop_step_ : 0);
  while (const std::optional<LedgerBook::Page> page = book_->Take()) {
    if (page->evaluation.has_value()) effects_.WriteEvaluation(record_.id, *page->evaluation);
    if (!page->line.has_value()) continue;
    effects_.WriteLine(record_.id, *page->line, now.wall);
    if (page->line->skipped) {
      Note(now, "STEP_SKIPPED", "", absl::StrCat("step ", page->step, " changed nothing"));
    }
  }
}

void JobMachine::CompareReplayed(Now now) {
  while (const std::optional<LedgerBook::Page> page = book_->TakeReplayed()) {
    const auto differs = [&](const char* what) {
      Note(now, "LEDGER_DIFFERS", "",
           absl::StrCat("step ", page->step, " was computed again and its ", what,
                        " differs from the one written; the written one stands"));
    };
    if (page->line.has_value()) {
      const std::optional<LedgerLine> written = effects_.ReadLine(record_.id, page->step);
      if (written.has_value() && *written != *page->line) differs("line");
    }
    if (page->evaluation.has_value()) {
      const std::optional<EvaluationLine> written = effects_.ReadEvaluation(record_.id, page->evaluation->step);
      if (written.has_value() && *written != *page->evaluation) differs("evaluation");
    }
  }
}

// ---- Orders.

std::optional<JobOrder> JobMachine::OrderFor(Role role, uint64_t id) const {
  if (!IsActive(record_.state) || !Has(role, id)) return std::nullopt;
  JobOrder order = {.coordinator_term = options_.coordinator_term,
                    .term = record_.term,
                    .checkpoint_directory = options_.checkpoint_directory,
                    // For servers alone: workers would get a command a step that says nothing to them.
                    .ledger_through = role == Role::kServer ? lines_through() : 0,
                    .state = record_.state};
  if (!plan_) {
    if (role == Role::kServer) return std::nullopt;
    order.index_data = id == workers_.begin()->first;
    return order;
  }
  if (!term_is_over()) {
    order.restore = record_.restore;
    order.map = record_.map;
  }
  order.assignment = assignment_;
  if (record_.state == kStopping) order.checkpoint_step = order.last_step = stop_step_;
  if (Replays(record_)) order.checkpoint_step = order.last_step = record_.fork->step;
  return order;
}

}  // namespace banyan::coordinator
