#ifndef BANYAN_COMMON_METRICS_METRICS_PAGE_H_
#define BANYAN_COMMON_METRICS_METRICS_PAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace banyan {

// A gauge as it stands. Samples of one name are told apart by their labels.
struct MetricSample {
  std::string name;
  double value = 0;
  std::vector<std::pair<std::string, std::string>> labels;  // name and value
};

// /metrics for Prometheus on a port of its own. Asks for user `banyan` and the cluster's token as password.
class MetricsPage {
 public:
  // Called on the page's own thread at each request.
  using Samples = std::function<std::vector<MetricSample>()>;

  // `listen` is host:port; port 0 takes a free one. UNAVAILABLE when the port cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsPage>> Start(const std::string& listen, const std::string& token,
                                                            Samples samples);
  ~MetricsPage();

  const std::string& endpoint() const { return endpoint_; }

 private:
  MetricsPage() = default;

  std::shared_ptr<prometheus::Collectable> collectable_;  // shared with the exposer, which holds it weakly
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string endpoint_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_METRICS_METRICS_PAGE_H_
