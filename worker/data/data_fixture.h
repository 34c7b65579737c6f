#ifndef BANYAN_WORKER_DATA_DATA_FIXTURE_H_
#define BANYAN_WORKER_DATA_DATA_FIXTURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/data/data_file.h"
#include "worker/data/dataset.h"

namespace banyan::worker {

// A folder of the test's own, which jobs know as `data:`.
class DataTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RemoveTree(files_, directory_).ok());
    ASSERT_TRUE(CreateDirectories(files_, directory_).ok());
    absl::StatusOr<Roots> roots = Roots::Parse(files_, {"data=" + directory_});
    ASSERT_TRUE(roots.ok()) << roots.status();
    roots_ = *std::move(roots);
  }

  // Returns its path on disk.
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = JoinPath(directory_, name);
    EXPECT_TRUE(WriteFileAtomically(files_, path, content).ok());
    return path;
  }
  absl::StatusOr<DataFile> OpenFile(const std::string& name) { return DataFile::Open(files_, roots_, "data:" + name); }

  PosixFileSystem files_;
  const std::string directory_ = testing::TempDir() + "/" +
                                 testing::UnitTest::GetInstance()->current_test_info()->test_suite_name() + "." +
                                 testing::UnitTest::GetInstance()->current_test_info()->name();
  Roots roots_;
};

// A sample's elements: the input's, then the target's.
template <typename T>
std::vector<T> ReadSample(const Dataset& data, DataPart part, uint64_t sample) {
  std::vector<T> values((data.input_bytes() + data.target_bytes()) / sizeof(T));
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(values));
  data.Read(part, sample, bytes.first(data.input_bytes()), bytes.subspan(data.input_bytes()));
  return values;
}

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_DATA_FIXTURE_H_
