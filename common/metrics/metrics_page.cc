#include "common/metrics/metrics_page.h"

#include <exception>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "prometheus/collectable.h"
#include "prometheus/exposer.h"
#include "prometheus/metric_family.h"

namespace banyan {
namespace {

class SampleCollectable final : public prometheus::Collectable {
 public:
  explicit SampleCollectable(MetricsPage::Samples samples) : samples_(std::move(samples)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::map<std::string, prometheus::MetricFamily> families;
    for (const MetricSample& sample : samples_()) {
      prometheus::MetricFamily& family = families[sample.name];
      family.name = sample.name;
      family.type = prometheus::MetricType::Gauge;
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      metric.gauge.value = sample.value;
      family.metric.push_back(std::move(metric));
    }
    std::vector<prometheus::MetricFamily> list;
    for (auto& [name, family] : families) list.push_back(std::move(family));
    return list;
  }

 private:
  const MetricsPage::Samples samples_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsPage>> MetricsPage::Start(const std::string& listen, const std::string& token,
                                                                Samples samples) {
  std::unique_ptr<MetricsPage> page(new MetricsPage);
  page->collectable_ = std::make_shared<SampleCollectable>(std::move(samples));
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

}  // namespace banyan
