#include "cli/report/table.h"

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

TEST(TableTest, AlignsColumns) {
  EXPECT_EQ(Table({{"ID", "NAME", "STATE"}, {"j1", "a long name", "RUNNING"}, {"j2", "b"}}),
            "ID  NAME         STATE\nj1  a long name  RUNNING\nj2  b\n");
}

TEST(TableTest, PassesNoControlCharactersOn) { EXPECT_EQ(Table({{"a\x1b[2J\n"}}), "a?[2J?\n"); }

TEST(TableTest, NothingIsNothing) { EXPECT_EQ(Table({}), ""); }

}  // namespace
}  // namespace banyan::cli
