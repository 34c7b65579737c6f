#include "server/service/shard_host.h"

#include <iterator>
#include <utility>

#include "common/rpc/exchange_codec.h"

namespace banyan::server {

ShardHost::ShardHost(Options options)
    : options_(std::move(options)),
      source_({.files = options_.files,
               .plan = &options_.facts->plan,
               .slots = options_.facts->slots,
               .initial_weights = options_.facts->initial_weights}),
      writer_({.files = options_.files,
               .plan = &options_.facts->plan,
               .layout = &options_.facts->layout,
               .slots = options_.facts->slots}),
      shard_(options_.shard, *this) {}

void ShardHost::Post(absl::AnyInvocable<void(Shard& shard)> input) {
  options_.executor->Post([self = shared_from_this(), input = std::move(input)]() mutable {
    if (self->stopped_) return;
    input(self->shard_);
    self->AfterInput();
  });
}

void ShardHost::AfterInput() {
  memory_bytes_.store(shard_.memory().total_bytes(), std::memory_order_relaxed);
  if (shard_.done_through() == told_done_) return;
  told_done_ = shard_.done_through();
  Publish();
  if (options_.on_step_done) options_.on_step_done();
}

void ShardHost::Publish() {
  JobReport report = shard_.Report();
  MutexLock lock(mutex_);
  std::move(report.entries.begin(), report.entries.end(), std::back_inserter(report_.entries));
  std::move(report.parts.begin(), report.parts.end(), std::back_inserter(report_.parts));
  report.entries = std::move(report_.entries);
  report.parts = std::move(report_.parts);
  report_ = std::move(report);
}

void ShardHost::AddStream(StreamId id, std::shared_ptr<FrameStream> stream, Hello hello) {
  options_.executor->Post([self = shared_from_this(), id, stream = std::move(stream), hello = std::move(hello)] {
    if (self->stopped_) return stream->Close(absl::UnavailableError("the job has left this server"));
    self->streams_[id] = stream;
    self->open_streams_.store(self->streams_.size(), std::memory_order_relaxed);
    self->shard_.OnHello(id, hello);
  });
}

void ShardHost::RemoveStream(StreamId id) {
  options_.executor->Post([self = shared_from_this(), id] {
    if (self->streams_.erase(id) == 0) return;
    self->open_streams_.store(self->streams_.size(), std::memory_order_relaxed);
    self->shard_.OnClosed(id);
  });
}

void ShardHost::Stop() {
  options_.executor->Post([self = shared_from_this()] {
    self->stopped_ = true;
    for (const auto& [id, stream] : self->streams_) {
      stream->Close(absl::UnavailableError("the job has left this server"));
    }
    self->streams_.clear();
    self->open_streams_.store(0, std::memory_order_relaxed);
  });
}

JobReport ShardHost::TakeReport() {
  // What the shard says now comes with the next report: nobody waits for a busy executor.
  Post([self = shared_from_this()](Shard&) { self->Publish(); });
  MutexLock lock(mutex_);
  JobReport report = report_;
  report_.entries.clear();
  report_.parts.clear();
  return report;
}

void ShardHost::Send(StreamId stream, ToWorker message) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) found->second->Send(EncodeToWorker(message));
}

void ShardHost::Close(StreamId stream, const absl::Status& why) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->Close(why);
  streams_.erase(found);
  open_streams_.store(streams_.size(), std::memory_order_relaxed);
}

void ShardHost::Restore(RestoreWork work) {
  options_.disk->Post([self = shared_from_this(), work = std::move(work)] {
    const absl::Status status = self->source_.Restore(work);
    self->Post([term = work.term, status](Shard& shard) { shard.OnRestored(term, status); });
  });
}

void ShardHost::Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                          double loss) {
  options_.on_committed(term, step, chunk, std::move(parts), weight, loss);
}

void ShardHost::WriteCheckpoint(CheckpointWork work) {
  options_.disk->Post([self = shared_from_this(), work = std::move(work)] {
    const std::optional<absl::StatusOr<PartWriter::Ranges>> part = self->writer_.Write(work);
    if (!part.has_value()) return;
    self->Post([term = work.term, step = work.step, part](Shard& shard) {
      shard.OnCheckpointWritten(term, step, *part);
    });
  });
}

}  // namespace banyan::server
