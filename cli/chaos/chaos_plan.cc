#include "cli/chaos/chaos_plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace banyan::cli {
namespace {

using Kind = ChaosPlan::Kind;

const char* Word(Kind kind) {
  switch (kind) {
    case Kind::kKill: return "killed";
    case Kind::kFreeze: return "stopped for a while";
    case Kind::kAdd: return "added";
    case Kind::kRemove: return "taken away";
  }
  return "";
}

}  // namespace

uint64_t ChaosPlan::Draw(uint64_t choices) { return random_() % choices; }

absl::Duration ChaosPlan::Pause() {
  // From half to one and a half.
  return options_.every * (0.5 + static_cast<double>(Draw(1000)) / 1000);
}

bool ChaosPlan::ServersMayGo(const View& view) const {
  if (!hit_) return true;
  return view.step > hit_step_ && (options_.replicas || view.checkpoint > hit_checkpoint_);
}

std::vector<std::string> ChaosPlan::WhoStays(const View& view, std::string_view role) const {
  std::vector<std::string> found;
  for (const std::string& name : view.names) {
    if (name.starts_with(role) && !removed_.contains(name)) found.push_back(name);
  }
  return found;
}

std::optional<ChaosPlan::Act> ChaosPlan::Next(const View& view) {
  if (!view.running || view.step == 0) return std::nullopt;
  const std::vector<std::string> workers = WhoStays(view, "worker-");
  const std::vector<std::string> servers = WhoStays(view, "server-");
  std::vector<Act> acts;
  const auto offer = [&](int weight, Kind kind, const std::string& who, absl::Duration lasts = absl::ZeroDuration()) {
    for (int i = 0; i < weight; ++i) acts.push_back({.kind = kind, .who = who, .lasts = lasts});
  };
  const auto any = [&](const std::vector<std::string>& names) { return names[Draw(names.size())]; };
  const absl::Duration lasts = absl::Milliseconds(500 + static_cast<int64_t>(Draw(3000)));
  if (!workers.empty()) {
    const std::string worker = any(workers);
    offer(4, Kind::kKill, worker);
    offer(2, Kind::kFreeze, worker, lasts);
    if (workers.size() > 1) offer(1, Kind::kRemove, worker);
  }
  if (workers.size() < options_.most_workers) offer(workers.size() < 2 ? 4 : 2, Kind::kAdd, "worker");
  if (!servers.empty() && ServersMayGo(view)) {
    const std::string server = any(servers);
    offer(4, Kind::kKill, server);
    offer(1, Kind::kFreeze, server, lasts);
    if (servers.size() > options_.least_servers) offer(3, Kind::kRemove, server);
  }
  if (servers.size() <= options_.least_servers) offer(1, Kind::kAdd, "server");
  offer(2, Kind::kKill, "coordinator");
  Act act = acts[Draw(acts.size())];
  if (act.who.starts_with("server-")) {
    hit_ = true;
    hit_step_ = view.step;
    hit_checkpoint_ = view.checkpoint;
  }
  if (act.kind == Kind::kRemove) removed_.insert(act.who);
  ++counts_[Word(act.kind)];
  return act;
}

std::string Describe(const ChaosPlan::Act& act) {
  switch (act.kind) {
    case Kind::kKill: return absl::StrCat("killing ", act.who);
    case Kind::kFreeze: return absl::StrFormat("stopping %s for %.1fs", act.who, absl::ToDoubleSeconds(act.lasts));
    case Kind::kAdd: return absl::StrCat("adding a ", act.who);
    case Kind::kRemove: return absl::StrCat("taking ", act.who, " away");
  }
  return "";
}

}  // namespace banyan::cli
