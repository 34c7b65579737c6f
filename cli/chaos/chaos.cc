#include "cli/chaos/chaos.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/cluster/processes_file.h"

namespace banyan::cli {

Chaos::Chaos(Environment& environment, LocalCluster& cluster, JobsClient& client, std::string job,
             const ChaosPlan::Options& options)
    : environment_(environment),
      cluster_(cluster),
      client_(client),
      job_(std::move(job)),
      plan_(options),
      thread_([this] { Run(); }) {}

Chaos::~Chaos() { Stop(); }

std::map<std::string, int> Chaos::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  return plan_.counts();
}

void Chaos::Run() {
  absl::Duration next = environment_.clock.Monotonic() + plan_.Pause();
  while (true) {
    absl::Duration wake = next;
    for (const auto& [name, until] : frozen_) wake = std::min(wake, until);
    if (!WaitUntil(wake)) break;
    Thaw(/*all=*/false);
    if (environment_.clock.Monotonic() < next) continue;
    if (const std::optional<ChaosPlan::Act> act = plan_.Next(Look())) Do(*act);
    next = environment_.clock.Monotonic() + plan_.Pause();
  }
  Thaw(/*all=*/true);
}

bool Chaos::WaitUntil(absl::Duration time) {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration left = time - environment_.clock.Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(mutex_, left);
  }
  return false;
}

ChaosPlan::View Chaos::Look() {
  ChaosPlan::View view;
  const absl::StatusOr<v1::JobDescription> job = client_.Describe(job_);
  if (!job.ok()) return view;  // the coordinator is away
  view.running = job->summary().state() == v1::RUNNING;
  view.step = job->summary().step();
  for (const uint64_t step : job->checkpoints()) view.checkpoint = std::max(view.checkpoint, step);
  for (const LocalProcess& process : cluster_.processes()) {
    if (IsAlive(process, cluster_.state_dir()) && !frozen_.contains(process.Name())) {
      view.names.push_back(process.Name());
    }
  }
  return view;
}

void Chaos::Do(const ChaosPlan::Act& act) {
  switch (act.kind) {
    case ChaosPlan::Kind::kKill: cluster_.Signal(act.who, SIGKILL); break;
    case ChaosPlan::Kind::kFreeze:
      frozen_[act.who] = environment_.clock.Monotonic() + act.lasts;
      cluster_.Signal(act.who, SIGSTOP);
      break;
    case ChaosPlan::Kind::kAdd: cluster_.Add(act.who); break;
    case ChaosPlan::Kind::kRemove: cluster_.Remove(act.who); break;
  }
  environment_.Say(absl::StrCat("chaos: ", Describe(act)));
}

void Chaos::Thaw(bool all) {
  const absl::Duration now = environment_.clock.Monotonic();
  for (auto it = frozen_.begin(); it != frozen_.end();) {
    const auto frozen = it++;
    if (!all && frozen->second > now) continue;
    cluster_.Signal(frozen->first, SIGCONT);
    frozen_.erase(frozen);
  }
}

}  // namespace banyan::cli
