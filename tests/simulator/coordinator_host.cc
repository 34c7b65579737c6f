#include "tests/simulator/coordinator_host.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/checkpoint/hashes.h"
#include "common/checkpoint/publisher.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_util.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/service/publish.h"
#include "coordinator/service/restore_points.h"

namespace banyan::simulator {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

absl::StatusOr<std::string> StateHash(FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, directory));
  ASSIGN_OR_RETURN(const CheckpointHashes hashes, ComputeHashes(reader));
  return hashes.state;
}

}  // namespace

using coordinator::Decider;
using coordinator::JobEffects;
using coordinator::JobRecord;
using coordinator::SessionId;

CoordinatorHost::CoordinatorHost(Options options) : options_(std::move(options)), disk_free_(options_.events->now()) {
  coordinator::StoreEffects::Work work = {
      .publish = [this](const JobRecord& record,
                        JobEffects::PublishRequest request) { Publish(record, std::move(request)); },
      .remove_old = [this](const std::string& job, uint32_t keep, std::set<CheckpointName> protect) {
        PostToDisk([this, job, keep, protect = std::move(protect)] {
          // On a full disk it is done the next time.
          RemoveOldCheckpoints(*options_.files, JoinPath(options_.jobs_directory, job), keep, protect).IgnoreError();
        });
      },
      .find_restore_point = [this](const JobRecord& record) {
        PostToDisk([this, record] {
          const auto found = coordinator::FindGoodRestorePoint(*options_.files, options_.jobs_directory, record);
          Post([this, id = record.id, term = record.term, found] {
            decider_->cluster().OnRestorePoint(id, term, found, Now());
          });
        });
      }};
  absl::StatusOr<std::unique_ptr<Decider>> decider = Decider::Open(
      {.jobs_directory = options_.jobs_directory, .leases = options_.leases, .stall_limit = options_.stall_limit},
      *options_.store, std::move(work), Now());
  CHECK(decider.ok());
  decider_ = *std::move(decider);
  Tick();
}

void CoordinatorHost::Tick() {
  tick_due_ = true;
  Wake();
  options_.life->After(kTick, [this] { Tick(); });
}

void CoordinatorHost::Post(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  Wake();
}

void CoordinatorHost::Wake() {
  if (std::exchange(awake_, true)) return;
  options_.life->After(options_.events->Delay(absl::Milliseconds(2)), [this] { Run(); });
}

SessionId CoordinatorHost::Accept(Send send, Close close) {
  const SessionId session(next_session_++);
  sessions_[session] = {.send = std::move(send), .close = std::move(close)};
  return session;
}

void CoordinatorHost::OnReport(SessionId session, coordinator::Cluster::Heard heard) {
  Post([this, session, heard = std::move(heard)] {
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || decider_->OnReport(session, heard, Now()).ok()) return;
    const Close close = found->second.close;
    sessions_.erase(found);
    close();
    decider_->OnSessionEnded(session, Now());
  });
}

void CoordinatorHost::OnClosed(SessionId session) {
  Post([this, session] {
    sessions_.erase(session);
    decider_->OnSessionEnded(session, Now());
  });
}

void CoordinatorHost::Ask(Question question, std::function<void()> answered) {
  Post([this, question = std::move(question), answered = std::move(answered)] {
    question(*decider_, Now());
    if (answered) answers_.push_back(answered);
  });
}

void CoordinatorHost::Run() {
  awake_ = false;
  const std::vector<std::function<void()>> tasks = std::exchange(tasks_, {});
  for (const std::function<void()>& task : tasks) task();
  if (std::exchange(tick_due_, false)) decider_->cluster().Tick(Now());
  if (CrashesHere(CrashPoint::kBeforeCommit)) return;
  bool wrote = false;
  CHECK(decider_->Commit(&wrote).ok());
  if (wrote && CrashesHere(CrashPoint::kAfterCommit)) return;
  options_.on_decided(decider_->cluster());
  for (const std::function<void()>& answered : std::exchange(answers_, {})) answered();
  if (wrote || !tasks.empty()) SendCommands();
}

bool CoordinatorHost::CrashesHere(CrashPoint point) {
  if (crash_at_ != point || (point == CrashPoint::kBeforeCommit && !options_.store->dirty())) return false;
  options_.on_crash();
  return true;
}

// As coordinator/store/record_codec's ResolvedJob.
Command CoordinatorHost::CommandFor(SessionId session) const {
  Command command = {.decided = decider_->CommandFor(session)};
  for (const auto& [id, order] : command.decided.jobs) {
    const JobRecord& record = decider_->cluster().Job(id)->record();
    command.jobs[id] = {
        .life = record.life, .replays = coordinator::Replays(record), .audit = record.job.run().audit()};
  }
  return command;
}

void CoordinatorHost::SendCommands() {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const auto session = it++;
    if (decider_->ProcessOf(session->first) == nullptr) {
      session->second.close();
      sessions_.erase(session);
      continue;
    }
    Command command = CommandFor(session->first);
    if (command == session->second.told) continue;
    const MessageKind kind = KindOf(session->second.told.decided, command.decided);
    session->second.told = std::move(command);
    session->second.send(kind, session->second.told);
  }
}

void CoordinatorHost::PostToDisk(std::function<void()> task) {
  disk_free_ = std::max(disk_free_, options_.events->now()) + options_.events->Delay(options_.disk_time);
  options_.life->At(disk_free_, std::move(task));
}

void CoordinatorHost::Publish(const JobRecord& record, JobEffects::PublishRequest request) {
  PostToDisk([this, record, request = std::move(request)] {
    const std::string directory = JoinPath(options_.jobs_directory, record.id);
    absl::Status status =
        coordinator::PublishParts(*options_.files, directory, record, request, options_.life->Wall());
    const CheckpointName name = {.term = request.term, .step = request.step};
    const RestorePoint point = {.step = request.step, .directory = JoinPath(directory, name.Directory())};
    std::string hash;
    if (status.ok() && coordinator::Replays(record)) {
      const absl::StatusOr<std::string> computed = StateHash(*options_.files, point.directory);
      status = computed.status();
      hash = computed.value_or("");
    }
    Post([this, id = record.id, term = request.term, step = request.step, point, status, hash] {
      decider_->cluster().OnPublished(id, term, step, point, status, Now(), hash);
    });
  });
}

}  // namespace banyan::simulator
