#ifndef BANYAN_COORDINATOR_SERVICE_METRICS_PAGE_H_
#define BANYAN_COORDINATOR_SERVICE_METRICS_PAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/service/core.h"

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace banyan::coordinator {

// /metrics for Prometheus on a loopback port of its own: members, and of each active job step, loss and pace. Asks for
// user `banyan` and the cluster's token as password.
class MetricsPage {
 public:
  // `listen` is host:port; port 0 takes a free one. UNAVAILABLE when the port cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsPage>> Start(const std::string& listen, const std::string& token,
                                                            Core& core);
  ~MetricsPage();

  const std::string& endpoint() const { return endpoint_; }

 private:
  MetricsPage() = default;

  std::shared_ptr<prometheus::Collectable> collectable_;  // shared with the exposer, which holds it weakly
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string endpoint_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_METRICS_PAGE_H_
