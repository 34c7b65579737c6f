#include "coordinator/service/job_logs.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using ::testing::EndsWith;

TEST(JobLogsTest, SaysHowManyLinesAreMissingAsSoonAsItCanWrite) {
  const std::string directory = testing::TempDir() + "/job_logs";
  std::filesystem::create_directories(directory);
  JobLogs logs(directory);
  v1::LogLine line;
  line.set_severity("warning");
  line.set_process("worker-0");
  line.set_text("it rains");
  const auto read = [&] {
    std::stringstream text;
    text << std::ifstream(directory + "/j1/log").rdbuf();
    return text.str();
  };
  for (int i = 0; i < 2; ++i) logs.Add("j1", line);
  logs.OnTick();
  EXPECT_EQ(read(), "") << "its folder is not there";
  std::filesystem::create_directories(directory + "/j1");
  logs.OnTick();
  EXPECT_EQ(read(), "2 lines could not be written here\n");
  logs.OnTick();
  logs.Add("j1", line);
  EXPECT_THAT(read(), EndsWith("could not be written here\n1970-01-01 00:00:00.000 W worker-0 it rains\n"));
  EXPECT_EQ(logs.After("j1", 0, 10).size(), 3) << "people see them";
}

}  // namespace
}  // namespace banyan::coordinator
