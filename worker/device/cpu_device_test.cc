#include "worker/device/cpu_device.h"

#include <omp.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CpuDeviceTest, KindNamesLevelLibraryAndKernels) {
  auto device = CpuDevice::Create();
  ASSERT_TRUE(device.ok()) << device.status();

  EXPECT_THAT((*device)->kind(), StartsWith(absl::StrCat("cpu:", std::string(CpuLevelName(DetectCpuLevel())), ":onednn-")));
  EXPECT_THAT((*device)->kind(), HasSubstr(":kernels-" + std::to_string(kKernelTableVersion)));
}

TEST(CpuDeviceTest, PinsTheLevelOncePerProcess) {
  ASSERT_TRUE(CpuDevice::Create().ok());
  EXPECT_TRUE(CpuDevice::Create(DetectCpuLevel()).ok());

  if (DetectCpuLevel() != CpuLevel::kSse2) {
    EXPECT_EQ(CpuDevice::Create(CpuLevel::kSse2).status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(CpuDeviceTest, RefusesALevelThatTheProcessorLacks) {
  if (DetectCpuLevel() == CpuLevel::kAvx512) GTEST_SKIP() << "this processor has every level";
  const absl::Status status = CpuDevice::Create(CpuLevel::kAvx512).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(CpuLevelName(DetectCpuLevel()))));
}

TEST(CpuDeviceTest, ComputeThreadsHaveTeamsOfOne) {
  auto device = CpuDevice::Create();
  ASSERT_TRUE(device.ok());
  int threads = 0;
  std::thread([&] {
    (*device)->EnterComputeThread();
    threads = omp_get_max_threads();
  }).join();
  EXPECT_EQ(threads, 1);
}

TEST(CpuDeviceTest, WorkIsDoneWhenItIsRecorded) {
  auto device = CpuDevice::Create();
  ASSERT_TRUE(device.ok());
  auto stream = (*device)->NewStream();
  ASSERT_TRUE(stream.ok());
  EXPECT_TRUE((*stream)->Record().Happened());
  EXPECT_TRUE((*stream)->Synchronize().ok());
}

TEST(BufferTest, ViewsAreTypedAndBounded) {
  auto device = CpuDevice::Create();
  ASSERT_TRUE(device.ok());
  auto buffer = (*device)->Allocate(64);
  ASSERT_TRUE(buffer.ok());

  const View view = buffer->view(DType::kF32, 16, 12);
  EXPECT_EQ(view.size_bytes(), 48);
  EXPECT_EQ(view.Slice(2, 3).as<float>(), view.as<float>() + 2);
  EXPECT_DEATH(view.as<double>(), "check failed");
  EXPECT_DEATH(buffer->view(DType::kF32, 16, 13), "check failed");
}

}  // namespace
}  // namespace banyan::worker
