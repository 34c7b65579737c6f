#ifndef BANYAN_COORDINATOR_SERVICE_METRICS_H_
#define BANYAN_COORDINATOR_SERVICE_METRICS_H_

#include <vector>

#include "common/metrics/metrics_page.h"
#include "coordinator/service/core.h"

namespace banyan::coordinator {

// What the coordinator's page shows: members, and of each active job step, loss and pace. Empty while it stops.
std::vector<MetricSample> Metrics(Core& core);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_METRICS_H_
