#include "common/metrics/metrics_page.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What the page answers. `authorization` is a header's line or empty.
std::string Get(const std::string& endpoint, const std::string& authorization) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(endpoint.substr(endpoint.rfind(':') + 1).c_str())));
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n" + authorization + "\r\n";
  EXPECT_EQ(send(connection, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string answer;
  char part[4096];
  for (ssize_t got; (got = recv(connection, part, sizeof(part), 0)) > 0;) answer.append(part, static_cast<size_t>(got));
  close(connection);
  return answer;
}

TEST(MetricsPageTest, ShowsSamplesByNameAndLabelsToWhoHasTheToken) {
  const auto page = MetricsPage::Start("127.0.0.1:0", "secret", [] {
    return std::vector<MetricSample>{{.name = "steps", .value = 12, .labels = {{"job_id", "j1"}}},
                                     {.name = "jobs", .value = 2},
                                     {.name = "steps", .value = 3.5, .labels = {{"job_id", "j2"}}}};
  });
  ASSERT_TRUE(page.ok()) << page.status();

  const std::string answer = Get((*page)->endpoint(), "Authorization: Basic YmFueWFuOnNlY3JldA==\r\n");
  EXPECT_THAT(answer, AllOf(HasSubstr("jobs 2"), HasSubstr("steps{job_id=\"j1\"} 12"),
                            HasSubstr("steps{job_id=\"j2\"} 3.5")));
  for (const char* wrong : {"", "Authorization: Basic YmFueWFuOndyb25n\r\n"}) {
    EXPECT_THAT(Get((*page)->endpoint(), wrong), AllOf(StartsWith("HTTP/1.1 401"), Not(HasSubstr("jobs"))));
  }
}

TEST(MetricsPageTest, APortInUseIsTold) {
  const auto none = [] { return std::vector<MetricSample>(); };
  const auto first = MetricsPage::Start("127.0.0.1:0", "secret", none);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = MetricsPage::Start((*first)->endpoint(), "secret", none);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr((*first)->endpoint()));
}

}  // namespace
}  // namespace banyan
