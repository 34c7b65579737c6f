#include "server/service/shard_host.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging/logging.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/replica_codec.h"

namespace banyan::server {
namespace {

constexpr char kReplicateMethod[] = "/banyan.v1.ParameterServer/Replicate";

}  // namespace

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
  // While nobody takes them, entries stay where they are counted.
  size_t room = options_.report_bytes;
  {
    MutexLock lock(mutex_);
    for (const Entry& entry : report_.entries) room -= std::min(room, EntryLog::BytesOf(entry));
  }
  JobReport report = shard_.Report(room);
  for (const auto& [id, link] : links_) {
    if (link.broken) report.broken_peers.push_back(id.server.value());
  }
  MutexLock lock(mutex_);
  std::move(report.entries.begin(), report.entries.end(), std::back_inserter(report_.entries));
  std::move(report.parts.begin(), report.parts.end(), std::back_inserter(report_.parts));
  report_.in_sync.insert(report_.in_sync.end(), report.in_sync.begin(), report.in_sync.end());
  report.entries = std::move(report_.entries);
  report.parts = std::move(report_.parts);
  report.in_sync = std::move(report_.in_sync);
  report_ = std::move(report);
}

void ShardHost::AddStream(StreamId id, std::shared_ptr<FrameStream> stream, std::variant<Hello, Greeting> first) {
  options_.executor->Post([self = shared_from_this(), id, stream = std::move(stream), first = std::move(first)] {
    if (self->stopped_) return stream->Close(absl::UnavailableError("the job has left this server"));
    self->streams_[id] = stream;
    self->open_streams_.store(self->streams_.size(), std::memory_order_relaxed);
    if (const auto* hello = std::get_if<Hello>(&first)) {
      self->shard_.OnHello(id, *hello);
    } else {
      self->shard_.OnToBackup(id, std::get<Greeting>(first));
    }
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
    for (const auto& [id, link] : self->links_) {
      if (link.stream != nullptr) link.stream->Close(absl::OkStatus());
    }
    self->links_.clear();
    self->open_streams_.store(0, std::memory_order_relaxed);
  });
}

JobReport ShardHost::TakeReport(bool with_entries) {
  // What the shard says now comes with the next report: nobody waits for a busy executor.
  Post([self = shared_from_this()](Shard&) { self->Publish(); });
  MutexLock lock(mutex_);
  std::vector<Entry> later = with_entries ? std::vector<Entry>() : std::exchange(report_.entries, {});
  JobReport report = report_;
  report_.entries = std::move(later);
  report_.parts.clear();
  report_.in_sync.clear();
  // What it last said is old then, its waits too.
  if (const std::optional<absl::Time> since = options_.executor->behind_since()) {
    report.waits = {{.what = "executor",
                     .detail = absl::StrCat("shard ", options_.shard.shard, " is behind: ",
                                            options_.executor->queued(), " tasks are waiting"),
                     .since = absl::ToDoubleSeconds(*since - absl::UnixEpoch())}};
  }
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
    self->Post([term = work.term, epoch = work.epoch, step = work.step, part](Shard& shard) {
      shard.OnCheckpointWritten(term, epoch, step, *part);
    });
  });
}

// ---- Backups.

void ShardHost::OnTick(absl::Time now) {
  Post([self = shared_from_this(), now](Shard& shard) {
    shard.OnTick(now);
    self->OpenLinks();
    if (shard.waits_for_lines() == std::exchange(self->told_wait_, shard.waits_for_lines())) return;
    if (self->told_wait_) {
      log::Warning("job {}: shard {} keeps all the ledger entries that it may; it waits for the coordinator",
                   self->options_.facts->id, self->options_.shard.shard);
    } else {
      log::Info("job {}: shard {} goes on, the coordinator has written lines", self->options_.facts->id,
                self->options_.shard.shard);
    }
  });
}

void ShardHost::Connect(const std::vector<Followers::Link>& links) {
  std::map<FollowerId, Link> wanted;
  for (const Followers::Link& link : links) {
    const auto known = links_.find(link.id);
    if (known != links_.end() && known->second.endpoint == link.endpoint) {
      wanted.insert(links_.extract(known));
    } else {
      wanted[link.id].endpoint = link.endpoint;
    }
  }
  for (const auto& [id, link] : links_) {
    if (link.stream != nullptr) link.stream->Close(absl::OkStatus());
  }
  links_ = std::move(wanted);
  // Not within an input of the shard.
  Post([self = shared_from_this()](Shard&) { self->OpenLinks(); });
}

void ShardHost::OpenLinks() {
  for (auto& [id, link] : links_) {
    if (link.stream == nullptr) OpenLink(id, link);
  }
}

void ShardHost::OpenLink(const FollowerId& id, Link& link) {
  // Who the handlers speak of; a closed stream's late word must not meet its successor.
  const auto stream = std::make_shared<std::weak_ptr<FrameStream>>();
  const auto post = [weak = weak_from_this(), id, stream](absl::AnyInvocable<void(Link& link, Shard& shard)> input) {
    const std::shared_ptr<ShardHost> self = weak.lock();
    if (self == nullptr) return;
    self->Post([self, id, stream, input = std::move(input)](Shard& shard) mutable {
      const auto found = self->links_.find(id);
      if (found != self->links_.end() && found->second.stream == stream->lock()) input(found->second, shard);
    });
  };
  link.stream = options_.connector->Open(
      link.endpoint, kReplicateMethod, options_.facts->id,
      {.on_frame =
           [post, id](const Frame& frame) {
             post([id, held = DecodeHeld(frame)](Link& link, Shard& shard) {
               if (link.stream == nullptr) return;
               if (!held.ok()) return link.stream->Close(held.status());
               link.broken = false;
               shard.OnHeld(id, *held);
               link.stream->Consumed();
             });
           },
       .on_closed =
           [post, id](const absl::Status&) {
             post([id](Link& link, Shard& shard) {
               if (link.stream == nullptr) return;
               link.stream = nullptr;
               link.broken = true;
               shard.OnFollowerClosed(id);
             });
           }});
  *stream = link.stream;
  shard_.OnFollowerOpened(id);
}

void ShardHost::SendToFollower(const FollowerId& to, ToBackup message) {
  const auto found = links_.find(to);
  if (found == links_.end() || found->second.stream == nullptr) return;
  for (Frame& frame : EncodeToBackup(message)) found->second.stream->Send(std::move(frame));
}

void ShardHost::SendHeld(StreamId stream, Held held) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) found->second->Send(EncodeHeld(held));
}

}  // namespace banyan::server
