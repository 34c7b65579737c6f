#include "cli/cluster/folder_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

// What `act` says in a process of its own, as an exit status.
template <typename Act>
int InAnotherProcess(const Act& act) {
  const pid_t child = fork();
  if (child == 0) _exit(act());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WEXITSTATUS(status);
}

TEST(FolderLockTest, IsOneProcesssAndEndsWithItsDescriptor) {
  const std::string folder = testing::TempDir() + "/folder-lock";
  std::filesystem::create_directories(folder);
  EXPECT_FALSE(FolderOwner(folder).has_value());
  {
    const Descriptor lock = LockFolder(folder).value();
    EXPECT_EQ(InAnotherProcess([&] { return FolderOwner(folder) == getppid() ? 7 : 1; }), 7);
    EXPECT_EQ(InAnotherProcess([&] { return absl::IsFailedPrecondition(LockFolder(folder).status()) ? 7 : 1; }), 7);
  }
  EXPECT_EQ(InAnotherProcess([&] { return LockFolder(folder).ok() ? 7 : 1; }), 7);
}

TEST(FolderLockTest, AFolderThatIsNotThereIsNobodys) {
  EXPECT_FALSE(FolderOwner("/no/such/folder").has_value());
  EXPECT_TRUE(absl::IsNotFound(LockFolder("/no/such/folder").status()));
}

}  // namespace
}  // namespace banyan::cli
