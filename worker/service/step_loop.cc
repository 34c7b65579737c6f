#include "worker/service/step_loop.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/logging/logging.h"
#include "worker/client/audit.h"

namespace banyan::worker {
namespace {

// For what only time brings: streams to be tried again, refused pushes.
constexpr absl::Duration kTick = absl::Milliseconds(10);
constexpr absl::Duration kReportInterval = absl::Milliseconds(50);

StepMachineOptions MachineOptions(const StepLoop::Options& options, const JobPlan& plan) {
  StepMachineOptions machine = {.worker = options.worker,
                                .incarnation = options.incarnation,
                                .leaves = plan.leaves,
                                .chunks = plan.layout.chunk_count(),
                                .steps = plan.last_step,
                                .seed = plan.seed,
                                .audit = options.audit};
  for (const ChunkUse& use : plan.layout.positions()) machine.positions.push_back({use.chunk, use.use});
  machine.evaluate = [&plan](Step step) { return plan.evaluation.has_value() && plan.evaluation->DueIn(step); };
  return machine;
}

}  // namespace

StepLoop::StepLoop(Options options, const Needs& needs)
    : options_(std::move(options)),
      needs_(needs),
      time_(*needs.clock),
      layout_(SetLayout::Make(needs.plan->graph, needs.plan->layout)),
      machine_(MachineOptions(options_, *needs.plan)),
      speed_(options_.threads) {}

absl::StatusOr<std::unique_ptr<StepLoop>> StepLoop::Create(Options options, const Needs& needs) {
  std::unique_ptr<StepLoop> made(new StepLoop(std::move(options), needs));
  StepLoop* const loop = made.get();
  const JobPlan& plan = *needs.plan;
  ASSIGN_OR_RETURN(loop->weights_, WeightStore::Create(*needs.device, plan.graph, plan.layout));
  loop->pool_ = std::make_unique<GradientSetPool>(loop->layout_.gradients.set_size, 1);
  loop->reducer_ = std::make_unique<GradientReducer>(
      GradientReducer::Options{.leaves = plan.leaves,
                               .layout = loop->layout_.gradients,
                               .cpu_level = loop->options_.level,
                               .on_ready = [loop] { loop->Wake(); }},
      loop->pool_.get());
  loop->ReserveSets();
  const LeafWorker::Job job = {.plan = needs.plan,
                               .data = needs.data,
                               .layout = &loop->layout_,
                               .reducer = loop->reducer_.get(),
                               .weights = loop->weights_->views()};
  std::vector<std::unique_ptr<LeafWorker>> workers;
  for (uint32_t i = 0; i < loop->options_.threads; ++i) {
    ASSIGN_OR_RETURN(auto worker, LeafWorker::Create(job, *needs.device, *needs.factory));
    workers.push_back(std::move(worker));
  }
  loop->executor_ =
      std::make_unique<Executor>(std::move(workers), *needs.device, *loop->reducer_, [loop] { loop->Wake(); });
  loop->exchange_ = std::make_unique<ExchangeClient>(
      ExchangeClient::Options{.job = loop->options_.job, .leaves = plan.leaves}, *needs.connector,
      ExchangeClient::Handlers{
          .on_message = [loop](StreamId id, absl::StatusOr<ToWorker> message) {
            loop->Post(Received{id, std::move(message)});
          },
          .on_written = [loop](StreamId id,
                               bool last) { loop->PostWritten({id, loop->needs_.clock->Monotonic()}, last); },
          .on_closed = [loop](StreamId id, const absl::Status& status) { loop->Post(Closed{id, status}); }});
  return made;
}

StepLoop::~StepLoop() {
  exchange_.reset();
  executor_.reset();
}

absl::Status StepLoop::Run() {
  while (!left_ && failure_.ok()) {
    std::vector<Event> events = NextEvents();
    machine_.OnTick(time_.Now());
    for (Event& event : events) {
      std::visit([this](auto& one) { Take(one); }, event);
    }
    TakeFinishedLeaves();
    Advance();
    // Only now: what a stream brought has been made use of.
    for (const Event& event : events) {
      if (const auto* received = std::get_if<Received>(&event)) exchange_->Consumed(received->stream);
    }
    UpdateReport();
  }
  return failure_;
}

void StepLoop::OnOrder(JobOrder order) { Post(std::move(order)); }

void StepLoop::Leave() { Post(Left()); }

JobReport StepLoop::Report() const {
  MutexLock lock(mutex_);
  return report_;
}

std::vector<LeafAudit> StepLoop::TakeAudits(bool first) {
  MutexLock lock(mutex_);
  return audits_.Take(first);
}

void StepLoop::Post(Event event) {
  MutexLock lock(mutex_);
  events_.push_back(std::move(event));
  changed_.Signal();
}

void StepLoop::PostWritten(const Written& written, bool last) {
  MutexLock lock(mutex_);
  events_.push_back(written);
  if (last || ++written_ >= Peers::kMaxWrites / 2) changed_.Signal();
}

void StepLoop::Wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.Signal();
}

std::vector<StepLoop::Event> StepLoop::NextEvents() {
  MutexLock lock(mutex_);
  if (events_.empty() && !woken_) changed_.WaitFor(mutex_, kTick);
  woken_ = false;
  written_ = 0;
  return std::exchange(events_, {});
}

void StepLoop::Take(Received& received) {
  if (received.message.ok()) {
    machine_.OnMessage(received.stream, *std::move(received.message));
    return;
  }
  log::Warning("a server's stream is closed: {}", std::string(received.message.status().message()));
  exchange_->Close(received.stream, received.message.status());
}

void StepLoop::Take(Written& written) {
  machine_.OnWritten(written.stream);
  size_t& sending = sending_[written.stream];
  if (sending == 0) return;
  --sending;
  speed_.OnWritten(written.at);
}

void StepLoop::Take(Closed& closed) {
  log::Info("the stream to a server ended: {}", closed.status.ToString());
  exchange_->Forget(closed.stream);
  speed_.OnLost(sending_[closed.stream], needs_.clock->Monotonic());
  sending_.erase(closed.stream);
  machine_.OnStreamClosed(closed.stream);
}

// A leaf's partials are in the reducer before the leaf is done, so asking in this order misses none.
void StepLoop::TakeFinishedLeaves() {
  const std::vector<Executor::Done> leaves = executor_->TakeDone();
  for (PartialReady& partial : reducer_->TakeReady()) machine_.OnPartialReady(std::move(partial));
  for (const Executor::Done& leaf : leaves) {
    if (!leaf.status.ok()) {
      failure_ = Annotate(leaf.status, absl::StrCat("leaf ", leaf.leaf));
      continue;
    }
    if (!leaf.fingerprints.empty()) {
      MutexLock lock(mutex_);
      audited_ = true;
      audits_.Add({machine_.term(), leaf.step, leaf.leaf, leaf.fingerprints});
    }
    if (leaf.pass == Pass::kTrain) speed_.OnLeaf(leaf.generation, leaf.seconds);
    machine_.OnLeafComputed(leaf.generation, leaf.leaf, leaf.pass);
  }
}

void StepLoop::Advance() {
  while (failure_.ok()) {
    std::vector<StepOutput> outputs =
        machine_.Advance({.lanes = executor_->idle(), .sets = static_cast<uint32_t>(pool_->free())});
    if (outputs.empty()) return;
    for (StepOutput& output : outputs) {
      std::visit([this](auto& one) { Do(one); }, output);
    }
  }
}

void StepLoop::Do(CloseStream& close) {
  exchange_->Close(close.stream, absl::CancelledError("the worker goes to another server"));
}

void StepLoop::Do(Send& send) {
  const auto* push = std::get_if<Push>(&send.message);
  ++sending_[send.stream];
  speed_.OnSent(push == nullptr ? 0 : push->data.size(), needs_.clock->Monotonic());
  exchange_->Send(send.stream, send.message, send.priority);
}

void StepLoop::Do(BeginStep& begin) {
  targets_ = 0;
  speed_.OnStep();
  reducer_->Begin(begin.generation);
}

void StepLoop::Do(AddTarget& add) {
  ++targets_;
  ReserveSets();
  reducer_->AddTarget(add.pass, add.node);
}

void StepLoop::Do(SplitTarget& split) {
  targets_ += static_cast<uint32_t>(split.parts.size());
  ReserveSets();
  reducer_->SplitTarget(split.pass, split.node, split.parts);
}

void StepLoop::Do(ComputeLeaf& compute) {
  const bool audited = compute.pass != Pass::kEvaluate &&
                       IsAudited(needs_.plan->seed, options_.audit, compute.step, compute.leaf);
  CHECK(executor_->Start(compute.step, compute.leaf, compute.pass, audited));
}

void StepLoop::Do(Install& install) {
  const absl::Status status = weights_->Install(install.chunk, install.data);
  if (!status.ok()) failure_ = status;
}

// A set for each target that is kept until the step is done, one for each leaf that runs, and those of half-summed
// targets (GradientReducer's bound).
void StepLoop::ReserveSets() {
  pool_->Reserve(targets_ + options_.threads + std::bit_width(needs_.plan->leaves) + 1);
}

void StepLoop::UpdateReport() {
  const absl::Duration now = needs_.clock->Monotonic();
  const std::vector<uint64_t> broken = machine_.broken_peers();
  bool news = false;
  {
    MutexLock lock(mutex_);
    news = report_.term != machine_.term() || report_.epoch != machine_.epoch() ||
           report_.assignment_version != machine_.assignment_version() || report_.ready != machine_.ready() ||
           report_.broken_peers != broken || std::exchange(audited_, false);
  }
  const bool last = left_ || !failure_.ok();
  if (!news && !last && now - reported_at_ < kReportInterval) return;
  reported_at_ = now;
  const StepMachine::Counters& counters = machine_.counters();
  double model_bytes = 0;
  for (const Parameter& parameter : needs_.plan->graph.parameters) model_bytes += 4.0 * ElementsOf(parameter.shape);
  JobReport report = {.term = machine_.term(),
                      .epoch = machine_.epoch(),
                      .assignment_version = machine_.assignment_version(),
                      .ready = machine_.ready(),
                      .broken_peers = broken,
                      .waits = machine_.Waits(),
                      .seconds_per_leaf = speed_.seconds_per_leaf(),
                      .seconds_per_push = speed_.seconds_per_byte() * model_bytes};
  report.counters = {{"leaves_computed", counters.leaves_computed},
                     {"leaves_recomputed", counters.leaves_recomputed},
                     {"layers_run", executor_->layers_run()},
                     {"evaluation_leaves_computed", counters.evaluation_leaves_computed},
                     {"partials_pushed", counters.partials_pushed},
                     {"bytes_pushed", counters.bytes_pushed},
                     {"bytes_pushed_in_backward", counters.bytes_pushed_in_backward},
                     {"bytes_pulled", counters.bytes_pulled},
                     {"steps_abandoned", counters.steps_abandoned},
                     {"gradient_sets_dropped", counters.sets_dropped},
                     {"leaves_audited", counters.leaves_audited}};
  {
    MutexLock lock(mutex_);
    report_ = std::move(report);
  }
  if (news && options_.on_news) options_.on_news();
}

}  // namespace banyan::worker
