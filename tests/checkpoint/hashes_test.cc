#include "common/checkpoint/hashes.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

std::string OutputOf(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  ::pclose(pipe);
  return output;
}

TEST(HashesTest, PythonComputesTheSameFromTheFiles) {
  PosixFileSystem files;
  std::string job = JoinPath(testing::TempDir(), "hashes_XXXXXX");
  ASSERT_NE(::mkdtemp(job.data()), nullptr);
  const CheckpointName name{.term = 2, .step = 300};
  ASSERT_TRUE(fixture::WriteAndPublish(files, fixture::SmallLayout(), job, name, 3).ok());
  const std::string directory = JoinPath(job, name.Directory());
  const auto hashes = ComputeHashes(CheckpointReader::Open(files, directory).value()).value();
  EXPECT_EQ(OutputOf("/usr/bin/python3 tests/checkpoint/hashes.py '" + directory + "'"),
            "weights_hash " + hashes.weights + "\nstate_hash " + hashes.state + "\n");
  EXPECT_EQ(OutputOf("cd '" + directory + "' && sha256sum -c manifest.json.sha256"), "manifest.json: OK\n");
  EXPECT_TRUE(RemoveTree(files, job).ok());
}

}  // namespace
}  // namespace banyan
