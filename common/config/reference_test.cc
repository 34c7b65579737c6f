#include "common/config/reference.h"

#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace banyan::config {
namespace {

TEST(JobReferenceTest, IsWhatTheDocumentSays) {
  google::protobuf::FileDescriptorSet files;
  std::ifstream set("common/config/job_descriptors.pb", std::ios::binary);
  ASSERT_TRUE(files.ParseFromIstream(&set));
  std::ifstream in("docs/job_file.md");
  const std::string document((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::string reference = JobReference(files);
  EXPECT_TRUE(document.ends_with(reference)) << "docs/job_file.md must end with:\n" << reference;
}

}  // namespace
}  // namespace banyan::config
