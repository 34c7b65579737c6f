#ifndef BANYAN_SERVER_LEDGER_GATE_TENSORS_H_
#define BANYAN_SERVER_LEDGER_GATE_TENSORS_H_

#include <vector>

#include "common/job/job_plan.h"
#include "server/ledger/gate.h"

namespace banyan::server {

// The tensors whose gradients a job's norm is of, with where their segments lie.
std::vector<GateTensor> GateTensorsOf(const JobPlan& plan);

}  // namespace banyan::server

#endif  // BANYAN_SERVER_LEDGER_GATE_TENSORS_H_
