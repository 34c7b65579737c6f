#ifndef BANYAN_TESTS_SIMULATOR_WORKER_HOST_H_
#define BANYAN_TESTS_SIMULATOR_WORKER_HOST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tests/simulator/event_queue.h"
#include "tests/simulator/life.h"
#include "tests/simulator/simulated_job.h"
#include "worker/client/audit_log.h"
#include "worker/client/step_machine.h"
#include "worker/training/gradient_reducer.h"

namespace banyan::simulator {

// What a worker's machine asks of the network.
class WorkerNetwork {
 public:
  virtual ~WorkerNetwork() = default;
  virtual void Open(const worker::OpenStream& open) = 0;
  virtual void Close(worker::StreamId stream) = 0;
  virtual void Send(worker::StreamId stream, ToServer message) = 0;
};

// The job on one worker, in simulated time: the real machine and the real reducer, with a toy job for compute threads.
// Leaves take time, deliver their gradients one position after the other, and check that all weights are those of the
// step before from their first moment to their last (rule R3).
class WorkerHost {
 public:
  struct Options {
    worker::StepMachineOptions machine;
    const SimulatedJob* job = nullptr;
    EventQueue* events = nullptr;
    LifeRef life;
    uint32_t lanes = 1;
    size_t sets = 4;
    absl::Duration leaf_time = absl::Milliseconds(20);
    // Of one computation of a leaf: its gradients grow by that share. Null: all values are the job's.
    std::function<float(Step step, uint32_t leaf)> author;
  };

  WorkerHost(Options options, WorkerNetwork* network);
  ~WorkerHost();

  void OnOrder(const JobOrder& order);
  void OnMessage(worker::StreamId stream, ToWorker message);
  void OnWritten(worker::StreamId stream);
  void OnStreamClosed(worker::StreamId stream);
  // Does what the machine wants; to be called from time to time (back-off).
  void Tick();

  bool left() const { return left_; }
  const worker::StepMachine& machine() const { return machine_; }
  // As worker/service/step_loop does.
  std::vector<LeafAudit> TakeAudits(bool first) { return audits_.Take(first); }

 private:
  void Pump();
  void Do(worker::StepOutput output);
  void Start(const worker::ComputeLeaf& leaf);
  void RunLeaf(std::shared_ptr<worker::LeafRun> run, Step step, uint32_t position, float author);
  void Deliver(worker::LeafRun& run, const Push& push, uint32_t position, float author);
  void CheckWeights(Step step) const;

  const Options options_;
  WorkerNetwork* const network_;
  bool left_ = false;
  worker::GradientSetPool pool_;
  worker::GradientReducer reducer_;
  worker::StepMachine machine_;
  uint32_t running_ = 0;
  std::vector<std::vector<float>> weights_;  // [chunk][element]
  std::vector<Step> held_;
  std::vector<std::shared_ptr<worker::LeafRun>> runs_;
  worker::AuditLog audits_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_WORKER_HOST_H_
