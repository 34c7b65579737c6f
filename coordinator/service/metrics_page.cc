#include "coordinator/service/metrics_page.h"

#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/jobs/job_states.h"
#include "coordinator/service/describe.h"
#include "prometheus/collectable.h"
#include "prometheus/exposer.h"
#include "prometheus/metric_family.h"

namespace banyan::coordinator {
namespace {

class Families {
 public:
  void Add(const std::string& name, const std::vector<prometheus::ClientMetric::Label>& labels, double value) {
    prometheus::MetricFamily& family = families_[name];
    family.name = absl::StrCat("banyan_coordinator_", name);
    family.type = prometheus::MetricType::Gauge;
    prometheus::ClientMetric metric;
    metric.label = labels;
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }

  std::vector<prometheus::MetricFamily> Take() {
    std::vector<prometheus::MetricFamily> list;
    for (auto& [name, family] : families_) list.push_back(std::move(family));
    return list;
  }

 private:
  std::map<std::string, prometheus::MetricFamily> families_;
};

void AddJob(const JobMachine& job, Core::State& state, Families& families) {
  const std::vector<prometheus::ClientMetric::Label> labels = {{"job_id", job.record().id},
                                                               {"job_name", job.record().job.name()}};
  const absl::StatusOr<v1::JobDescription> description = Describe(job, state.store, state.now);
  if (!description.ok()) return;
  const v1::JobSummary& summary = description->summary();
  families.Add("job_state", labels, summary.state());
  families.Add("job_step", labels, static_cast<double>(summary.step()));
  families.Add("job_total_steps", labels, static_cast<double>(summary.total_steps()));
  families.Add("job_workers", labels, static_cast<double>(job.workers()));
  families.Add("job_train_seconds", labels, description->train_seconds());
  const v1::LedgerLine& line = description->last_line();
  if (line.weight() > 0) families.Add("job_loss", labels, line.loss_sum() / line.weight());
  if (line.has_grad_norm()) families.Add("job_grad_norm", labels, line.grad_norm());
  if (description->train_seconds() <= 0) return;
  const double samples = static_cast<double>(summary.step() * job.record().job.recipe().batch().samples());
  const double tokens = samples * static_cast<double>(description->tokens_per_sample());
  families.Add("job_tokens_per_second", labels, tokens / description->train_seconds());
}

class CoreCollectable final : public prometheus::Collectable {
 public:
  explicit CoreCollectable(Core& core) : core_(core) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    Families families;
    core_
        .Call([&](Core::State& state) {
          const Members& members = state.cluster.members();
          families.Add("term", {}, static_cast<double>(core_.coordinator_term()));
          families.Add("members", {{"role", "server"}}, static_cast<double>(members.Alive(Role::kServer).size()));
          families.Add("members", {{"role", "worker"}}, static_cast<double>(members.Alive(Role::kWorker).size()));
          for (const JobMachine* job : state.cluster.Jobs()) {
            const JobState now = job->record().state;
            if (now == JobState::kQueued || IsActive(now)) AddJob(*job, state, families);
          }
          return absl::OkStatus();
        })
        .IgnoreError();  // only while the coordinator stops
    return families.Take();
  }

 private:
  Core& core_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsPage>> MetricsPage::Start(const std::string& listen, const std::string& token,
                                                                Core& core) {
  std::unique_ptr<MetricsPage> page(new MetricsPage);
  page->collectable_ = std::make_shared<CoreCollectable>(core);
  try {
    page->exposer_ = std::make_unique<prometheus::Exposer>(listen, /*num_threads=*/1);
    page->exposer_->RegisterAuth([token](const std::string& user, const std::string& password) {
      return user == "banyan" && password == token;
    });
    page->exposer_->RegisterCollectable(page->collectable_);
    const std::string host = listen.substr(0, listen.rfind(':'));
    page->endpoint_ = absl::StrCat(host, ":", page->exposer_->GetListeningPorts().at(0));
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("metrics page on '", listen, "': ", error.what()));
  }
  return page;
}

MetricsPage::~MetricsPage() = default;

}  // namespace banyan::coordinator
