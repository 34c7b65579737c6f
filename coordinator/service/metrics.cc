#include "coordinator/service/metrics.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/jobs/job_states.h"
#include "coordinator/service/describe.h"

namespace banyan::coordinator {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Samples {
 public:
  void Add(const char* name, double value, Labels labels = {}) {
    samples_.push_back(
        {.name = absl::StrCat("banyan_coordinator_", name), .value = value, .labels = std::move(labels)});
  }
  std::vector<MetricSample> Take() { return std::move(samples_); }

 private:
  std::vector<MetricSample> samples_;
};

void AddJob(const JobMachine& job, Core::State& state, Samples& samples) {
  const absl::StatusOr<v1::JobDescription> description = Describe(job, state.store, state.now);
  if (!description.ok()) return;
  const Labels labels = {{"job_id", job.record().id}, {"job_name", job.record().job.name()}};
  const auto add = [&](const char* name, double value) { samples.Add(name, value, labels); };
  const v1::JobSummary& summary = description->summary();
  add("job_state", summary.state());
  add("job_step", static_cast<double>(summary.step()));
  add("job_total_steps", static_cast<double>(summary.total_steps()));
  add("job_workers", static_cast<double>(job.workers()));
  add("job_train_seconds", description->train_seconds());
  const v1::LedgerLine& line = description->last_line();
  if (line.weight() > 0) add("job_loss", line.loss_sum() / line.weight());
  if (line.has_grad_norm()) add("job_grad_norm", line.grad_norm());
  if (description->train_seconds() <= 0) return;
  const double trained = static_cast<double>(summary.step() * job.record().job.recipe().batch().samples());
  const double tokens = trained * static_cast<double>(description->tokens_per_sample());
  add("job_tokens_per_second", tokens / description->train_seconds());
}

}  // namespace

std::vector<MetricSample> Metrics(Core& core) {
  Samples samples;
  core.Call([&](Core::State& state) {
        const Members& members = state.cluster.members();
        samples.Add("term", static_cast<double>(core.coordinator_term()));
        samples.Add("members", static_cast<double>(members.Alive(Role::kServer).size()), {{"role", "server"}});
        samples.Add("members", static_cast<double>(members.Alive(Role::kWorker).size()), {{"role", "worker"}});
        for (const JobMachine* job : state.cluster.Jobs()) {
          const JobState now = job->record().state;
          if (now == JobState::kQueued || IsActive(now)) AddJob(*job, state, samples);
        }
        return absl::OkStatus();
      })
      .IgnoreError();  // only while the coordinator stops
  return samples.Take();
}

}  // namespace banyan::coordinator
