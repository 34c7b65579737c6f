#include "tests/architecture/source_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::architecture {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Finding> Including(const std::string& path, const std::string& included) {
  return CheckSource(path, "// What it is.\n#include \"" + included + "\"\n");
}

// One finding in the second line, with this text in it.
auto OneFinding(const std::string& text) {
  return ElementsAre(testing::AllOf(Field(&Finding::line, 2), Field(&Finding::text, HasSubstr(text))));
}

TEST(CheckSourceTest, LayersPointDownwards) {
  EXPECT_THAT(Including("tests/simulator/a.cc", "cli/run.h"), IsEmpty());
  EXPECT_THAT(Including("cli/run.cc", "worker/compute/lane.h"), IsEmpty());
  EXPECT_THAT(Including("server/main.cc", "server/service/service.h"), IsEmpty());
  EXPECT_THAT(Including("server/shard/a.cc", "common/tree/tree.h"), IsEmpty());
  EXPECT_THAT(Including("common/config/a.cc", "proto/job.pb.h"), IsEmpty());
  EXPECT_THAT(CheckSource("proto/cluster.proto", "// What.\nimport \"proto/job.proto\";\n"), IsEmpty());

  EXPECT_THAT(Including("common/tree/a.cc", "server/shard/shard.h"), OneFinding("higher layer"));
  EXPECT_THAT(Including("server/shard/a_test.cc", "tests/simulator/cluster.h"), OneFinding("higher layer"));
  EXPECT_THAT(Including("worker/main.cc", "cli/run.h"), OneFinding("higher layer"));
  EXPECT_THAT(CheckSource("proto/job.proto", "// What.\nimport \"common/config/a.proto\";\n"), OneFinding("higher"));
}

TEST(CheckSourceTest, RolesNeverIncludeEachOther) {
  EXPECT_THAT(Including("worker/client/a.cc", "server/shard/shard.h"), OneFinding("another role's"));
  EXPECT_THAT(Including("coordinator/main.cc", "worker/client/step_machine.h"), OneFinding("another role's"));
  EXPECT_THAT(Including("server/shard/a_test.cc", "worker/client/step_machine.h"), OneFinding("another role's"));
}

TEST(CheckSourceTest, DomainKnowsNoService) {
  EXPECT_THAT(Including("server/service/a.cc", "server/service/b.h"), IsEmpty());
  EXPECT_THAT(Including("server/shard/a.cc", "server/service/b.h"), OneFinding("only main.cc knows the service"));
}

TEST(CheckSourceTest, LibrariesStayWhereTheyAreWrapped) {
  EXPECT_THAT(Including("server/service/a.cc", "grpcpp/server.h"), IsEmpty());
  EXPECT_THAT(Including("server/shard/a.cc", "proto/job.pb.h"), IsEmpty());
  EXPECT_THAT(CheckSource("worker/device/cuda/a.cc", "// What.\n#include <cuda_runtime.h>\n"), IsEmpty());

  EXPECT_THAT(Including("server/shard/a.cc", "grpcpp/server.h"), OneFinding("gRPC"));
  EXPECT_THAT(Including("coordinator/jobs/a.h", "proto/cluster.grpc.pb.h").front().text, HasSubstr("services"));
  EXPECT_THAT(Including("worker/training/a.cc", "proto/parameter_server.pb.h"), OneFinding("services"));
  EXPECT_THAT(Including("common/tree/a.cc", "google/protobuf/message.h"), OneFinding("protobuf"));
  EXPECT_THAT(CheckSource("worker/layers/cpu/a.cc", "// What.\n#include <cuda_runtime.h>\n"), OneFinding("CUDA"));
  EXPECT_THAT(Including("common/base/a.cc", "absl/synchronization/mutex.h"), OneFinding("absl::Mutex"));
}

TEST(CheckSourceTest, GuardsFollowThePath) {
  EXPECT_THAT(CheckSource("common/a_b.h", "#ifndef BANYAN_COMMON_A_B_H_\n#define BANYAN_COMMON_A_B_H_\n#endif\n"),
              IsEmpty());
  EXPECT_THAT(CheckSource("common/a.h", "#ifndef A_H\n#define A_H\n#endif\n"),
              ElementsAre(Field(&Finding::text, HasSubstr("BANYAN_COMMON_A_H_"))));
  EXPECT_THAT(CheckSource("common/a.h", "// What. No include guard: why.\nint a;\n"), IsEmpty());
  EXPECT_THAT(CheckSource("common/a.h", "int a;\n"), ElementsAre(Field(&Finding::text, HasSubstr("no include guard"))));
}

TEST(CheckSourceTest, RefusesWords) {
  EXPECT_THAT(CheckSource("docs/a.md", "\nTO" "DO: more\n"), OneFinding("says"));
  EXPECT_THAT(CheckSource("common/a.cc", "\nint FIX" "ME;\n"), OneFinding("says"));
  EXPECT_THAT(CheckSource("common/a.cc", "\nint FIX" "MEUP;\n"), IsEmpty());
  EXPECT_THAT(CheckSource("common/a_test.cc", "\nstd::this_thread::sleep" "_for(1s);\n"), OneFinding("sleeps"));
  EXPECT_THAT(CheckSource("tests/a.cc", "\nabsl::Sleep" "For(x);\n"), OneFinding("sleeps"));
  EXPECT_THAT(CheckSource("common/a.cc", "\nstd::get" "env(\"A\");\n"), OneFinding("environment"));
  EXPECT_THAT(CheckSource("worker/main.cc", "\nstd::get" "env(\"A\");\n"), IsEmpty());
}

TEST(CheckSizesTest, WarnsAboveTheLimitOnly) {
  EXPECT_THAT(CheckSizes("common/a.h", std::string(150, '\n')), IsEmpty());
  EXPECT_THAT(CheckSizes("common/a.h", std::string(151, '\n')), ElementsAre(Field(&Finding::line, 0)));
  EXPECT_THAT(CheckSizes("common/a.cc", std::string(300, '\n')), IsEmpty());
  EXPECT_THAT(CheckSizes("common/a_test.cc", std::string(500, '\n')), IsEmpty());
  EXPECT_THAT(CheckSizes("README.md", std::string(200, '\n')), IsEmpty());
  EXPECT_THAT(CheckSizes("proto/README.md", std::string(61, '\n')).size(), 1);
  EXPECT_THAT(CheckSizes("common/a.cc", std::string(121, 'a')), ElementsAre(Field(&Finding::line, 1)));
}

TEST(FindMutualFoldersTest, FindsAPair) {
  const std::pair<std::string, std::string> there{"common/a/x.h", "#include \"common/b/y.h\"\n"};
  const std::pair<std::string, std::string> back{"common/b/z.cc", "#include \"common/a/x.h\"\n"};
  const std::pair<std::string, std::string> test{"common/b/z_test.cc", "#include \"common/a/x.h\"\n"};
  EXPECT_THAT(FindMutualFolders({there, test}), IsEmpty());
  EXPECT_THAT(FindMutualFolders({there, back}), ElementsAre(Field(&Finding::text, HasSubstr("common/b/z.cc"))));
}

TEST(RelativeLinksTest, LeavesOutAnchorsAddressesAndCode) {
  EXPECT_THAT(RelativeLinks("a.md", "[x](b.md#c) [y](#d)\n[z](https://e.org/)\n```\n[w](f.md)\n```\n[v](g/)\n"),
              ElementsAre(Finding{"a.md", 1, "b.md"}, Finding{"a.md", 6, "g/"}));
}

}  // namespace
}  // namespace banyan::architecture
