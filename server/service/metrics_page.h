#ifndef BANYAN_SERVER_SERVICE_METRICS_PAGE_H_
#define BANYAN_SERVER_SERVICE_METRICS_PAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/service/server_agent.h"

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace banyan::server {

// /metrics for Prometheus on a loopback port of its own. Asks for user `banyan` and the cluster's token as password.
class MetricsPage {
 public:
  using Samples = std::function<std::vector<ServerAgent::Sample>()>;

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

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_METRICS_PAGE_H_
