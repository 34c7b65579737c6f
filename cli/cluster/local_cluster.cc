#include "cli/cluster/local_cluster.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "common/rpc/token.h"

namespace banyan::cli {
namespace {

constexpr char kCoordinator[] = "coordinator";
constexpr char kServer[] = "server";
constexpr char kWorker[] = "worker";

// Of a cluster whose keeper was killed: they drain, but may not be done.
absl::Status EndOrphans(FileSystem& files, const LocalCluster::Options& options) {
  const absl::StatusOr<std::vector<LocalProcess>> processes = ReadProcesses(files, options.state_dir);
  if (absl::IsNotFound(processes.status())) return absl::OkStatus();
  RETURN_IF_ERROR(processes.status());
  std::vector<pid_t> orphans;
  for (const LocalProcess& process : *processes) {
    if (IsAlive(process, options.state_dir)) orphans.push_back(process.pid);
  }
  return EndProcesses(orphans, options.stop_timeout);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Start(FileSystem& files, Options options) {
  RETURN_IF_ERROR(CreateDirectories(files, JoinPath(options.state_dir, "logs")));
  ASSIGN_OR_RETURN(options.state_dir, files.RealPath(options.state_dir));
  ASSIGN_OR_RETURN(Descriptor lock, LockFolder(options.state_dir));
  RETURN_IF_ERROR(EndOrphans(files, options));
  std::unique_ptr<LocalCluster> cluster(new LocalCluster(files, std::move(options)));
  cluster->lock_ = std::move(lock);
  RETURN_IF_ERROR(ReadOrCreateToken(cluster->token_file()).status());
  ASSIGN_OR_RETURN(cluster->parent_pipe_, MakePipe());
  ASSIGN_OR_RETURN(cluster->stop_pipe_, MakePipe());
  ASSIGN_OR_RETURN(cluster->wake_pipe_, MakePipe());
  const absl::Status launched = cluster->Launch();
  if (!launched.ok()) {
    cluster->Stop().IgnoreError();  // the first error is the one to tell
    return launched;
  }
  cluster->supervisor_ = std::jthread([raw = cluster.get()] { raw->Supervise(); });
  return cluster;
}

LocalCluster::LocalCluster(FileSystem& files, Options options) : files_(files), options_(std::move(options)) {}

LocalCluster::~LocalCluster() {
  Stop().IgnoreError();  // who wants to know calls it
}

std::string LocalCluster::token_file() const { return JoinPath(options_.state_dir, "token"); }

std::vector<LocalProcess> LocalCluster::processes() const {
  MutexLock lock(mutex_);
  std::vector<LocalProcess> processes;
  for (const Member& member : members_) processes.push_back(member.process);
  return processes;
}

absl::Status LocalCluster::Launch() {
  members_.push_back({.process = {.role = kCoordinator}});
  for (uint64_t i = 0; i < options_.servers; ++i) {
    members_.push_back({.process = {.role = kServer, .index = static_cast<int>(i)}});
  }
  for (uint64_t i = 0; i < options_.workers; ++i) {
    members_.push_back({.process = {.role = kWorker, .index = static_cast<int>(i)}});
  }
  {
    MutexLock lock(mutex_);
    next_index_ = {{kServer, static_cast<int>(options_.servers)}, {kWorker, static_cast<int>(options_.workers)}};
  }
  // The others need the coordinator's address; they may then start side by side.
  RETURN_IF_ERROR(Spawn(members_.front()));
  RETURN_IF_ERROR(AwaitReady(members_.front()));
  coordinator_ = members_.front().process.endpoint;
  for (size_t i = 1; i < members_.size(); ++i) RETURN_IF_ERROR(Spawn(members_[i]));
  for (size_t i = 1; i < members_.size(); ++i) RETURN_IF_ERROR(AwaitReady(members_[i]));
  return SaveProcesses();
}

std::vector<std::string> LocalCluster::CommandOf(const LocalProcess& process) const {
  const std::string name = process.Name();
  std::vector<std::string> command = {
      JoinPath(options_.programs, absl::StrCat("banyan-", process.role)),
      absl::StrCat("--state-dir=", JoinPath(options_.state_dir, name)),
      absl::StrCat("--token-file=", token_file()),
      absl::StrCat("--parent-pipe=", ChildProcess::kParentPipe),
  };
  if (process.role == kCoordinator) {
    // Others know it by its first port.
    command.push_back(absl::StrCat("--listen=", coordinator_.empty() ? "127.0.0.1:0" : coordinator_));
    return command;
  }
  command.push_back(absl::StrCat("--coordinator=", coordinator_));
  command.push_back(absl::StrCat("--name=", name));
  if (!options_.roots.empty()) command.push_back(absl::StrCat("--root=", absl::StrJoin(options_.roots, ",")));
  if (process.role == kServer) command.push_back("--listen=127.0.0.1:0");
  if (process.role == kWorker) command.push_back(absl::StrCat("--threads=", options_.threads));
  return command;
}

absl::Status LocalCluster::Spawn(Member& member) {
  const std::string name = member.process.Name();
  RETURN_IF_ERROR(CreateDirectories(files_, JoinPath(options_.state_dir, name)));
  ASSIGN_OR_RETURN(ChildProcess child,
                   ChildProcess::Start({.command = CommandOf(member.process),
                                        .log_file = JoinPath(options_.state_dir, absl::StrCat("logs/", name, ".log")),
                                        .parent_pipe = parent_pipe_.read.get()}));
  member.child = std::make_unique<ChildProcess>(std::move(child));
  MutexLock lock(mutex_);
  member.process.pid = member.child->pid();
  return absl::OkStatus();
}

absl::Status LocalCluster::AwaitReady(Member& member) {
  const absl::StatusOr<ReadyLine> line = member.child->WaitUntilReady(options_.ready_timeout);
  if (!line.ok()) return Annotate(line.status(), member.process.Name());
  member.ready_since = absl::Now();
  MutexLock lock(mutex_);
  member.process.endpoint = line->endpoint;
  member.process.metrics = line->metrics_endpoint;
  return absl::OkStatus();
}

absl::Status LocalCluster::SaveProcesses() const { return WriteProcesses(files_, options_.state_dir, processes()); }

std::string LocalCluster::Add(const std::string& role) {
  LocalProcess process = {.role = role};
  {
    MutexLock lock(mutex_);
    process.index = next_index_[role]++;
  }
  Post([this, process] {
    {
      MutexLock lock(mutex_);
      members_.push_back({.process = process, .start_again = absl::InfinitePast()});
    }
    StartAgain();
  });
  return process.Name();
}

void LocalCluster::Remove(const std::string& name) {
  Post([this, name] {
    Member* const member = Find(name);
    if (member == nullptr) return;
    member->leaves = true;
    if (member->child == nullptr) return Forget(name);
    member->child->SignalGroup(SIGCONT);
    member->child->Signal(SIGTERM);
  });
}

void LocalCluster::Signal(const std::string& name, int signal) {
  Post([this, name, signal] {
    Member* const member = Find(name);
    if (member != nullptr && member->child != nullptr) member->child->SignalGroup(signal);
  });
}

LocalCluster::Member* LocalCluster::Find(const std::string& name) {
  const auto found = std::ranges::find_if(members_, [&](const Member& member) { return member.process.Name() == name; });
  return found == members_.end() ? nullptr : &*found;
}

void LocalCluster::Forget(const std::string& name) {
  {
    MutexLock lock(mutex_);
    std::erase_if(members_, [&](const Member& member) { return member.process.Name() == name; });
  }
  const absl::Status saved = SaveProcesses();
  options_.say(saved.ok() ? absl::StrCat(name, " has left") : std::string(saved.message()));
}

void LocalCluster::Post(std::function<void()> task) {
  MutexLock lock(mutex_);
  posted_.push_back(std::move(task));
  const char byte = 0;
  // A full pipe wakes it as well.
  [[maybe_unused]] const ssize_t size = write(wake_pipe_.write.get(), &byte, 1);
}

void LocalCluster::DoPosted() {
  std::vector<std::function<void()>> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (const std::function<void()>& task : posted) task();
}

absl::Status LocalCluster::Stop() {
  MutexLock lock(stop_mutex_);
  if (std::exchange(stopped_, true)) return absl::OkStatus();
  stop_pipe_.write.reset();
  if (supervisor_.joinable()) supervisor_.join();
  for (const char* role : {kWorker, kServer, kCoordinator}) EndRole(role);
  const absl::Status removed = files_.Remove(JoinPath(options_.state_dir, "processes.json"));
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

void LocalCluster::EndRole(const std::string& role) {
  const auto each = [&](const auto& act) {
    for (Member& member : members_) {
      if (member.process.role == role && member.child != nullptr) act(*member.child);
    }
  };
  each([](ChildProcess& child) {
    child.Signal(SIGTERM);
    child.SignalGroup(SIGCONT);  // one that stands still hears nothing
  });
  const absl::Time deadline = absl::Now() + options_.stop_timeout;
  each([&](ChildProcess& child) {
    if (child.WaitForEnd(std::max(deadline - absl::Now(), absl::ZeroDuration()))) return;
    child.SignalGroup(SIGKILL);
    child.WaitForEnd(absl::Seconds(5));
  });
  for (Member& member : members_) {
    if (member.process.role == role) member.child.reset();
  }
}

void LocalCluster::Supervise() {
  while (WaitForEvent()) {
    DoPosted();
    NoticeEnds();
    StartAgain();
  }
}

bool LocalCluster::WaitForEvent() {
  std::vector<pollfd> watched = {{.fd = stop_pipe_.read.get(), .events = POLLIN, .revents = 0},
                                 {.fd = wake_pipe_.read.get(), .events = POLLIN, .revents = 0}};
  absl::Time next = absl::InfiniteFuture();
  for (const Member& member : members_) {
    if (member.child != nullptr) {
      watched.push_back({.fd = member.child->descriptor(), .events = POLLIN, .revents = 0});
    }
    next = std::min(next, member.start_again);
  }
  int timeout = -1;
  if (next != absl::InfiniteFuture()) {
    timeout = static_cast<int>(std::max<int64_t>(0, absl::ToInt64Milliseconds(next - absl::Now()) + 1));
  }
  if (poll(watched.data(), watched.size(), timeout) < 0) return true;
  if (watched[1].revents != 0) {
    std::array<char, 64> bytes;
    [[maybe_unused]] const ssize_t size = read(wake_pipe_.read.get(), bytes.data(), bytes.size());
  }
  return watched.front().revents == 0;
}

void LocalCluster::NoticeEnds() {
  std::vector<std::string> left;
  for (Member& member : members_) {
    if (member.child == nullptr) continue;
    const std::optional<std::string> end = member.child->WaitForEnd(absl::ZeroDuration());
    if (!end) continue;
    member.child.reset();
    const std::string name = member.process.Name();
    if (member.leaves) {
      left.push_back(name);
      continue;
    }
    if (absl::Now() - member.ready_since > options_.steady) member.restarts = 0;
    member.ready_since = absl::InfiniteFuture();
    if (member.restarts++ == options_.most_restarts) {
      options_.say(absl::StrCat(name, " ", *end, "; it ended too often and is given up; its log: ",
                                JoinPath(options_.state_dir, absl::StrCat("logs/", name, ".log"))));
      continue;
    }
    const absl::Duration back_off =
        std::min(options_.first_back_off * (1 << (member.restarts - 1)), options_.most_back_off);
    member.start_again = absl::Now() + back_off;
    options_.say(absl::StrCat(name, " ", *end, "; starting it again in ", absl::FormatDuration(back_off)));
  }
  for (const std::string& name : left) Forget(name);
}

void LocalCluster::StartAgain() {
  for (Member& member : members_) {
    if (member.start_again > absl::Now()) continue;
    const bool first = std::exchange(member.start_again, absl::InfiniteFuture()) == absl::InfinitePast();
    absl::Status status = Spawn(member);
    // One that is not ready is ended, and then noticed like any other end.
    if (status.ok()) {
      status = AwaitReady(member);
      if (!status.ok()) member.child->SignalGroup(SIGKILL);
    }
    if (status.ok()) status = SaveProcesses();
    options_.say(status.ok() ? absl::StrCat(member.process.Name(), first ? " runs" : " runs again") : std::string(status.message()));
  }
}

}  // namespace banyan::cli
