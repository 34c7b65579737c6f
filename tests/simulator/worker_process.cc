#include "tests/simulator/worker_process.h"

#include <utility>

namespace banyan::simulator {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(20);
constexpr absl::Duration kIndexing = absl::Milliseconds(100);

}  // namespace

WorkerProcess::WorkerProcess(Options options, Session::Options session) : options_(std::move(options)) {
  session_ = std::make_unique<Session>(
      std::move(session),
      Session::Handlers{.make_report = [this](bool first) { return MakeReport(first); },
                        .on_command = [this](const Command& command) { OnCommand(command); }});
  Tick();
}

void WorkerProcess::Tick() {
  if (host_ != nullptr) {
    host_->Tick();
    if (host_->left()) return Exit();
    const worker::StepMachine& machine = host_->machine();
    if (machine.term() != told_term_ || machine.ready() != told_ready_) session_->ReportSoon();
    told_term_ = machine.term();
    told_ready_ = machine.ready();
  }
  life()->After(kTick, [this] { Tick(); });
}

void WorkerProcess::Drain() {
  draining_ = true;
  session_->ReportSoon();
}

void WorkerProcess::Exit() {
  if (!std::exchange(exited_, true)) options_.on_exit();
}

// As worker/service/worker and job_runner do.
void WorkerProcess::OnCommand(const Command& command) {
  const coordinator::Decider::Command& decided = command.decided;
  if (decided.coordinator_term < coordinator_term_ || exited_) return;
  coordinator_term_ = decided.coordinator_term;
  if (decided.leave) return Exit();
  if (decided.jobs.empty()) {
    if (!job_.empty() || draining_) Exit();
    return;
  }
  const auto& [id, order] = *decided.jobs.begin();
  const Command::Job& facts = command.jobs.at(id);
  if (job_.empty() && !draining_) {
    job_ = id;
    facts_ = facts;
    life()->After(options_.host.events->Delay(kIndexing), [this] {
      indexed_ = true;
      session_->ReportSoon();
    });
  }
  if (job_ != id || facts_.life != facts.life) return Exit();
  facts_wanted_ = facts_wanted_ || order.index_data;
  // The data are known to all once there is a term.
  if (host_ == nullptr && order.map.has_value()) MakeHost(WorkerId(decided.id));
  if (host_ == nullptr) return;
  host_->OnOrder(order);
  if (host_->left()) Exit();
}

void WorkerProcess::MakeHost(WorkerId id) {
  WorkerHost::Options host = options_.host;
  if (facts_.replays) host.job = &host.job->replay();
  const JobPlan& plan = host.job->plan();
  host.machine = {.worker = id,
                  .incarnation = options_.incarnation,
                  .leaves = plan.leaves,
                  .chunks = plan.layout.chunk_count(),
                  .steps = plan.last_step,
                  .evaluate = [&plan](Step step) { return plan.evaluation && plan.evaluation->DueIn(step); },
                  .seed = plan.seed,
                  .audit = facts_.audit};
  for (const ChunkUse& use : plan.layout.positions()) host.machine.positions.push_back({use.chunk, use.use});
  host_ = std::make_unique<WorkerHost>(std::move(host), this);
}

coordinator::Cluster::Heard WorkerProcess::MakeReport(bool first) {
  coordinator::Cluster::Heard heard;
  heard.introduction = {.role = coordinator::Role::kWorker,
                        .name = options_.name,
                        .incarnation = options_.incarnation,
                        .device_kind = "cpu:simulated"};
  heard.draining = draining_;
  if (job_.empty()) return heard;
  JobReport report;
  if (host_ != nullptr) {
    const worker::StepMachine& machine = host_->machine();
    report.term = machine.term();
    report.epoch = machine.epoch();
    report.assignment_version = machine.assignment_version();
    report.ready = machine.ready();
    report.broken_peers = machine.broken_peers();
    report.waits = machine.Waits();
    report.seconds_per_leaf = absl::ToDoubleSeconds(options_.host.leaf_time) / options_.host.lanes;
    report.counters = {{"leaves_computed", machine.counters().leaves_computed},
                       {"leaves_recomputed", machine.counters().leaves_recomputed},
                       {"evaluation_leaves_computed", machine.counters().evaluation_leaves_computed},
                       {"partials_pushed", machine.counters().partials_pushed},
                       {"bytes_pulled", machine.counters().bytes_pulled},
                       {"leaves_audited", machine.counters().leaves_audited}};
    report.audits = host_->TakeAudits(first);
  }
  if (facts_wanted_ && indexed_) report.data = server::ToyJob::Data();
  heard.jobs.emplace_back(job_, std::move(report));
  return heard;
}

void WorkerProcess::Open(const worker::OpenStream& open) {
  Network* const network = options_.network;
  ServerProcess* const server = options_.find(open.endpoint);
  const worker::StreamId id = open.stream;
  const auto ended = [this, id] {
    streams_.erase(id);
    host_->OnStreamClosed(id);
  };
  if (server == nullptr) {
    life()->After(options_.host.events->Delay(network->latency()), ended);
    return;
  }
  const auto wire = std::make_shared<Wire>();
  *wire = network->Open({.place = options_.place, .life = life(), .on_closed = ended},
                        {.place = server->place(), .life = server->life(), .on_closed = [server, wire] {
                           server->OnClosed(*wire);
                         }});
  streams_[id] = {.wire = *wire, .server = server};
  Send(id, open.hello);
}

void WorkerProcess::Close(worker::StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  options_.network->Close(found->second.wire, 0);
  streams_.erase(found);
}

void WorkerProcess::Send(worker::StreamId stream, ToServer message) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  const auto [wire, server] = found->second;
  Network* const network = options_.network;
  std::function<void()> written;
  if (!std::holds_alternative<Hello>(message)) written = [this, stream] { host_->OnWritten(stream); };
  const auto reply = [this, network, wire = wire, stream](ToWorker answer) {
    const MessageKind kind = KindOf(answer);
    network->Send(wire, 1, kind, [this, stream, answer = std::move(answer)] { host_->OnMessage(stream, answer); });
  };
  const MessageKind kind = KindOf(message);
  network->Send(
      wire, 0, kind,
      [server = server, wire = wire, job = job_, message = std::move(message), reply] {
        server->OnMessage(wire, job, message, reply);
      },
      std::move(written));
}

}  // namespace banyan::simulator
