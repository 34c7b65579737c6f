#include "coordinator/membership/members.h"

#include <algorithm>

namespace banyan::coordinator {
namespace {

// A server that was not suspected for so long begins anew.
constexpr absl::Duration kForgiven = absl::Minutes(10);
constexpr absl::Duration kFirstBar = absl::Minutes(1);
constexpr absl::Duration kLongestBar = absl::Minutes(16);

}  // namespace

void Members::Restore(Role role, const std::string& name, uint64_t id) {
  ids_[{role, name}] = id;
  next_id_ = std::max(next_id_, id + 1);
}

Members::Arrival Members::Hear(const Introduction& introduction, bool draining, absl::Duration now) {
  const auto [found, inserted] = ids_.try_emplace({introduction.role, introduction.name}, next_id_);
  if (inserted) ++next_id_;
  Arrival arrival = {.id = found->second, .new_id = inserted};
  Member& member = members_[{introduction.role, arrival.id}];
  const bool same_life = member.introduction.incarnation == introduction.incarnation;
  if (member.alive && !same_life) arrival.died = member.introduction.incarnation;
  arrival.came = !member.alive || !same_life;
  const Member before = arrival.came ? Member{.patience = leases_.patience} : member;
  member = {.id = arrival.id,
            .introduction = introduction,
            .alive = true,
            .draining = draining,
            .last_heard = now,
            .patience = before.suspected ? std::min(2 * before.patience, leases_.server) : before.patience,
            .suspected_at = before.suspected_at,
            .barred_until = before.barred_until,
            .bar = before.bar};
  return arrival;
}

void Members::Suspect(uint64_t server, absl::Duration now) {
  const auto found = members_.find({Role::kServer, server});
  if (found == members_.end() || found->second.suspected) return;
  Member& member = found->second;
  if (now - member.suspected_at > kForgiven) member.patience = leases_.patience;
  member.suspected = true;
  member.suspected_at = now;
}

void Members::Bar(uint64_t server, absl::Duration now) {
  const auto found = members_.find({Role::kServer, server});
  if (found == members_.end()) return;
  Member& member = found->second;
  member.bar = std::clamp(2 * member.bar, kFirstBar, kLongestBar);
  member.barred_until = now + member.bar;
}

bool Members::Leave(Role role, uint64_t id, Incarnation incarnation) {
  const auto found = members_.find({role, id});
  if (found == members_.end() || found->second.introduction.incarnation != incarnation) return false;
  return std::exchange(found->second.alive, false);
}

std::vector<std::pair<Role, uint64_t>> Members::Expire(absl::Duration now) {
  std::vector<std::pair<Role, uint64_t>> expired;
  const absl::Duration since = now - looked_.value_or(now);
  looked_ = now;
  const absl::Duration deaf = since > kLook ? since : absl::ZeroDuration();
  for (auto& [key, member] : members_) {
    member.last_heard = std::min(now, member.last_heard + deaf);
    const absl::Duration lease = key.first == Role::kServer ? leases_.server : leases_.worker;
    if (!member.alive || now - member.last_heard <= lease) continue;
    member.alive = false;
    expired.push_back(key);
  }
  return expired;
}

const Members::Member* Members::Find(Role role, uint64_t id) const {
  const auto found = members_.find({role, id});
  return found == members_.end() ? nullptr : &found->second;
}

std::vector<const Members::Member*> Members::Alive(Role role) const {
  std::vector<const Member*> alive;
  for (const auto& [key, member] : members_) {
    if (key.first == role && member.alive) alive.push_back(&member);
  }
  return alive;
}

std::vector<const Members::Member*> Members::All() const {
  std::vector<const Member*> all;
  for (const auto& [key, member] : members_) all.push_back(&member);
  return all;
}

}  // namespace banyan::coordinator
