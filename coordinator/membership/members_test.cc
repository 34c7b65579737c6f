#include "coordinator/membership/members.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr Members::Leases kLease = {.server = absl::Seconds(10), .worker = absl::Seconds(2)};

Introduction Worker(const std::string& name, uint64_t incarnation) {
  return {.role = Role::kWorker, .name = name, .incarnation = Incarnation(incarnation)};
}

TEST(MembersTest, AnIdBelongsToANameForEver) {
  Members members(kLease);
  members.Restore(Role::kWorker, "a", 7);
  EXPECT_EQ(members.Hear(Worker("a", 1), false, absl::ZeroDuration()).id, 7);
  const Members::Arrival b = members.Hear(Worker("b", 1), false, absl::ZeroDuration());
  EXPECT_EQ(b.id, 8);
  EXPECT_TRUE(b.new_id);
  EXPECT_TRUE(members.Leave(Role::kWorker, 8, Incarnation(1)));
  EXPECT_EQ(members.Hear(Worker("b", 2), false, absl::ZeroDuration()).id, 8);
}

TEST(MembersTest, ANewLifeIsTheOldOnesDeath) {
  Members members(kLease);
  EXPECT_TRUE(members.Hear(Worker("a", 1), false, absl::ZeroDuration()).came);
  EXPECT_FALSE(members.Hear(Worker("a", 1), false, absl::ZeroDuration()).came);
  const Members::Arrival second = members.Hear(Worker("a", 2), false, absl::ZeroDuration());
  EXPECT_TRUE(second.came);
  EXPECT_EQ(second.died, Incarnation(1));
  // The old life's stream ends late and changes nothing.
  EXPECT_FALSE(members.Leave(Role::kWorker, second.id, Incarnation(1)));
  EXPECT_EQ(members.Alive(Role::kWorker).size(), 1);
}

TEST(MembersTest, ALeaseRunsOutOnceAndAWordRenewsIt) {
  Members members(kLease);
  members.Hear(Worker("a", 1), false, absl::ZeroDuration());
  members.Hear(Worker("b", 1), false, absl::ZeroDuration());
  members.Hear(Worker("a", 1), false, absl::Seconds(2));
  EXPECT_EQ(members.Expire(absl::Seconds(3)).size(), 1);
  EXPECT_EQ(members.Expire(absl::Seconds(3)).size(), 0);
  EXPECT_EQ(members.Alive(Role::kWorker).size(), 1);
  EXPECT_TRUE(members.Hear(Worker("b", 1), false, absl::Seconds(4)).came);
}

TEST(MembersTest, AServerThatWasWronglySuspectedIsGivenMorePatience) {
  Members members(kLease);
  const Introduction server = {.role = Role::kServer, .name = "s", .incarnation = Incarnation(1)};
  const uint64_t id = members.Hear(server, false, absl::ZeroDuration()).id;
  absl::Duration expected = absl::Milliseconds(500);
  for (int second = 1; second < 8; ++second) {
    EXPECT_EQ(members.Find(Role::kServer, id)->patience, expected);
    members.Suspect(id, absl::Seconds(second));
    EXPECT_TRUE(members.Find(Role::kServer, id)->suspected);
    members.Hear(server, false, absl::Seconds(second));
    EXPECT_FALSE(members.Find(Role::kServer, id)->suspected);
    expected = std::min(2 * expected, kLease.server);
  }
  members.Suspect(id, absl::Hours(1));
  EXPECT_EQ(members.Find(Role::kServer, id)->patience, absl::Milliseconds(500)) << "long ago";
  members.Hear(server, false, absl::Hours(1));
  const Introduction next = {.role = Role::kServer, .name = "s", .incarnation = Incarnation(2)};
  members.Hear(next, false, absl::Hours(1));
  EXPECT_EQ(members.Find(Role::kServer, id)->patience, absl::Milliseconds(500)) << "another life";
}

TEST(MembersTest, WhileNobodyListensNobodyIsSilent) {
  Members members(kLease);
  for (const char* name : {"a", "b"}) members.Hear(Worker(name, 1), false, absl::ZeroDuration());
  absl::Duration now;
  for (; now < absl::Seconds(1); now += absl::Milliseconds(100)) EXPECT_TRUE(members.Expire(now).empty());
  now += absl::Hours(1);
  EXPECT_TRUE(members.Expire(now).empty()) << "the caller was stopped";
  members.Hear(Worker("b", 1), false, now);
  const absl::Duration lost = now + absl::Milliseconds(1500);
  while (members.Expire(now).empty() && now < lost) now += absl::Milliseconds(100);
  EXPECT_EQ(members.Alive(Role::kWorker).size(), 1u) << "a second before, and now another";
}

TEST(MembersTest, ABarIsLongerEachTimeAndForgottenWithTheLife) {
  Members members(kLease);
  Introduction server = {.role = Role::kServer, .name = "s", .incarnation = Incarnation(1)};
  const uint64_t id = members.Hear(server, false, absl::ZeroDuration()).id;
  const auto bar = [&](int hour) {
    members.Bar(id, absl::Hours(hour));
    members.Hear(server, false, absl::Hours(hour));
    return members.Find(Role::kServer, id)->barred_until - absl::Hours(hour);
  };
  EXPECT_EQ(bar(1), absl::Minutes(1));
  EXPECT_EQ(bar(2), absl::Minutes(2));
  for (int hour = 3; hour < 9; ++hour) bar(hour);
  EXPECT_EQ(bar(9), absl::Minutes(16));
  server.incarnation = Incarnation(2);
  members.Hear(server, false, absl::Hours(9));
  EXPECT_LT(members.Find(Role::kServer, id)->barred_until, absl::Hours(9));
  EXPECT_EQ(bar(10), absl::Minutes(1));
}

}  // namespace
}  // namespace banyan::coordinator
