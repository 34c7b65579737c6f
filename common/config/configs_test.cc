// Every job under configs/ is valid as it stands.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/config/defaults.h"
#include "common/config/job_file.h"
#include "common/config/print.h"
#include "gtest/gtest.h"

namespace banyan::config {
namespace {

TEST(ConfigsTest, AreValid) {
  int jobs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("configs")) {
    if (entry.path().extension() != ".yaml") continue;
    std::ifstream in(entry.path());
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const ReadJobResult read = ReadJob(entry.path().string(), text);
    EXPECT_EQ(read.diagnostics.Format(), "");
    const std::string full = PrintYaml(WithDefaults(read.job));
    EXPECT_EQ(PrintYaml(WithDefaults(ReadJob("full", full).job)), full);
    ++jobs;
  }
  EXPECT_GE(jobs, 2);
}

}  // namespace
}  // namespace banyan::config
