#ifndef BANYAN_COORDINATOR_SERVICE_DESCRIBE_H_
#define BANYAN_COORDINATOR_SERVICE_DESCRIBE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/cluster/cluster.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/store/store.h"
#include "proto/client.pb.h"

// What is known, as the messages that people and processes are told.
namespace banyan::coordinator {

// Unix seconds; 0 for the infinite past.
double ToSeconds(absl::Time time);

v1::ResolvedJob Resolve(const JobRecord& record);
v1::JobSummary Summarize(const JobMachine& job);
// All but the steps of its checkpoints, which are on the disk.
absl::StatusOr<v1::JobDescription> Describe(const JobMachine& job, Store& store, JobMachine::Now now);
v1::ClusterResponse DescribeCluster(const Cluster& cluster, JobMachine::Now now);

v1::Event ToMessage(const Store::NumberedEvent& event);
v1::LedgerLine ToMessage(const Store::TimedLine& line);
v1::Evaluation ToMessage(const EvaluationLine& line);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_DESCRIBE_H_
