#include "worker/service/job_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/logging/logging.h"

namespace banyan::worker {
namespace {

// How long the loop sleeps when nothing happens: back-off, resending and reports need no more.
constexpr absl::Duration kTick = absl::Milliseconds(10);

StepMachineOptions MachineOptions(const JobRunner::Options& options, const JobLayout& layout) {
  const JobPlan& plan = *options.plan;
  return {.worker = options.worker,
          .incarnation = options.incarnation,
          .leaves = plan.leaves,
          .chunks = plan.layout.chunk_count(),
          .positions = layout.positions(),
          .steps = plan.last_step,
          .evaluate = [&plan](Step step) { return plan.evaluation && plan.evaluation->DueIn(step); }};
}

}  // namespace

void JobRunner::Inbox::Post(Event event) {
  {
    MutexLock lock(mutex);
    events.push_back(std::move(event));
  }
  changed.Signal();
}

void JobRunner::Inbox::Notify() {
  MutexLock lock(mutex);
  changed.Signal();
}

JobRunner::JobRunner(const Options& options)
    : options_(options),
      layout_(*options.plan),
      pool_(layout_.gradients().set_size, options.threads + 2),
      reducer_({.leaves = options.plan->leaves,
                .layout = layout_.gradients(),
                .cpu_level = options.cpu_level,
                .on_ready = [inbox = inbox_.get()] { inbox->Notify(); }},
               &pool_),
      machine_(MachineOptions(options, layout_)) {}

JobRunner::~JobRunner() = default;

void JobRunner::OnOrder(JobOrder order) { inbox_->Post(std::move(order)); }

void JobRunner::Stop() {
  {
    MutexLock lock(inbox_->mutex);
    inbox_->stop = true;
  }
  inbox_->changed.Signal();
}

JobReport JobRunner::Report() const {
  MutexLock lock(report_mutex_);
  return report_;
}

absl::Status JobRunner::Start() {
  ASSIGN_OR_RETURN(weights_, ParameterStore::Create(*options_.plan, *options_.device));
  ASSIGN_OR_RETURN(executor_, Executor::Create({.plan = options_.plan,
                                                .layout = &layout_,
                                                .data = options_.data,
                                                .weights = weights_.get(),
                                                .reducer = &reducer_,
                                                .device = options_.device,
                                                .factory = options_.factory,
                                                .clock = options_.clock,
                                                .lanes = options_.threads},
                                               [inbox = inbox_](const Executor::Done& done) { inbox->Post(done); }));
  StreamPool::Handlers handlers;
  handlers.on_message = [inbox = inbox_](StreamId stream, ToWorker message) {
    inbox->Post(Message{stream, std::move(message)});
  };
  handlers.on_closed = [inbox = inbox_](StreamId stream, const absl::Status& why) { inbox->Post(Closed{stream, why}); };
  streams_ = std::make_unique<StreamPool>(
      StreamPool::Options{.job = options_.job, .token = options_.token, .leaves = options_.plan->leaves},
      std::move(handlers));
  return absl::OkStatus();
}

absl::Status JobRunner::Run() {
  absl::Status status = Start();
  std::deque<Event> events;
  while (status.ok() && !left_) {
    {
      MutexLock lock(inbox_->mutex);
      if (inbox_->stop) {
        status = absl::CancelledError("the worker stops");
        break;
      }
      if (inbox_->events.empty()) inbox_->changed.WaitFor(inbox_->mutex, kTick);
      std::swap(events, inbox_->events);
    }
    for (Event& event : events) {
      status = Take(std::move(event));
      if (!status.ok()) break;
    }
    events.clear();
    if (status.ok()) status = Turn();
    Publish();
  }
  streams_.reset();
  executor_.reset();
  {
    // Messages refer to gradient sets and to gRPC's memory.
    MutexLock lock(inbox_->mutex);
    inbox_->events.clear();
  }
  return status;
}

absl::Status JobRunner::Take(Event event) {
  if (auto* order = std::get_if<JobOrder>(&event)) {
    machine_.OnOrder(*order);
  } else if (auto* message = std::get_if<Message>(&event)) {
    machine_.OnMessage(message->stream, std::move(message->message));
    streams_->Consumed(message->stream);
  } else if (auto* closed = std::get_if<Closed>(&event)) {
    log::Debug("stream {} closed: {}", closed->stream.value(), std::string(closed->why.message()));
    streams_->Forget(closed->stream);
    machine_.OnStreamClosed(closed->stream);
  } else if (auto* done = std::get_if<Executor::Done>(&event)) {
    if (!done->status.ok()) {
      return Annotate(done->status, absl::StrCat("leaf ", done->leaf.leaf, " of step ", done->leaf.step));
    }
    for (PartialReady& partial : reducer_.TakeReady()) machine_.OnPartialReady(std::move(partial));
    machine_.OnLeafComputed(done->leaf.generation, done->leaf.leaf, done->leaf.pass);
    if (done->leaf.pass == Pass::kTrain) {
      seconds_per_leaf_ = seconds_per_leaf_ == 0 ? done->seconds : 0.9 * seconds_per_leaf_ + 0.1 * done->seconds;
    }
  }
  return absl::OkStatus();
}

absl::Status JobRunner::Turn() {
  while (true) {
    machine_.OnTick(options_.clock->Now());
    for (PartialReady& partial : reducer_.TakeReady()) machine_.OnPartialReady(std::move(partial));
    std::vector<StepOutput> outputs =
        machine_.Advance({.lanes = executor_->idle(), .sets = static_cast<uint32_t>(pool_.free())});
    if (outputs.empty()) return absl::OkStatus();
    for (StepOutput& output : outputs) RETURN_IF_ERROR(Do(std::move(output)));
  }
}

// Sets for every target and what the threads need beside (docs/protocol.md, "The worker's side").
void JobRunner::Reserve(Node node) {
  target_sets_ += 1;
  pool_.Reserve(target_sets_ + 2 + node.level + options_.threads);
}

absl::Status JobRunner::Do(StepOutput output) {
  if (auto* open = std::get_if<OpenStream>(&output)) {
    streams_->Open(*open);
  } else if (auto* close = std::get_if<CloseStream>(&output)) {
    streams_->Close(close->stream);
  } else if (auto* send = std::get_if<Send>(&output)) {
    streams_->Send(*send);
    machine_.OnWritten(send->stream);  // the stream's own queue keeps the order
  } else if (auto* begin = std::get_if<BeginStep>(&output)) {
    reducer_.Begin(begin->generation);
    target_sets_ = 0;
  } else if (auto* add = std::get_if<AddTarget>(&output)) {
    if (add->pass == Pass::kTrain) Reserve(add->node);
    reducer_.AddTarget(add->pass, add->node);
  } else if (auto* split = std::get_if<SplitTarget>(&output)) {
    reducer_.SplitTarget(split->pass, split->node, split->parts);
    for (const Node& part : split->parts) Reserve(part);
  } else if (auto* drop = std::get_if<DropTarget>(&output)) {
    reducer_.DropTarget(drop->pass, drop->node);
  } else if (auto* leaf = std::get_if<ComputeLeaf>(&output)) {
    if (!executor_->Start(*leaf)) return absl::InternalError("no gradient set is free");
  } else if (auto* install = std::get_if<Install>(&output)) {
    RETURN_IF_ERROR(weights_->Install(install->chunk, install->data));
  } else {
    left_ = true;
  }
  return absl::OkStatus();
}

void JobRunner::Publish() {
  const StepMachine::Counters& counters = machine_.counters();
  JobReport report;
  report.term = machine_.term();
  report.epoch = machine_.epoch();
  report.assignment_version = machine_.assignment_version();
  report.ready = machine_.ready();
  report.broken_peers = machine_.broken_peers();
  report.waits = machine_.Waits();
  report.seconds_per_leaf = seconds_per_leaf_;
  report.counters = {{"leaves_computed", counters.leaves_computed},
                     {"leaves_recomputed", counters.leaves_recomputed},
                     {"evaluation_leaves_computed", counters.evaluation_leaves_computed},
                     {"partials_pushed", counters.partials_pushed},
                     {"bytes_pushed", counters.bytes_pushed},
                     {"bytes_pushed_in_backward", counters.bytes_pushed_in_backward},
                     {"bytes_pulled", counters.bytes_pulled},
                     {"steps_abandoned", counters.steps_abandoned},
                     {"gradient_sets", pool_.allocated()},
                     {"gradient_sets_dropped", counters.sets_dropped}};
  MutexLock lock(report_mutex_);
  report_ = std::move(report);
}

}  // namespace banyan::worker
