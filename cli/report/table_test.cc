#include "cli/report/table.h"

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

TEST(TableTest, AlignsColumns) {
  EXPECT_EQ(Table({{"ID", "NAME", "STATE"}, {"j1", "a long name", "RUNNING"}, {"j2", "b"}}),
            "ID  NAME         STATE\nj1  a long name  RUNNING\nj2  b\n");
}

TEST(TableTest, PassesNoControlCharactersOn) { EXPECT_EQ(Table({{"a\x1b[2J\n"}}), "a?[2J?\n"); }

TEST(TableTest, CutsBetweenCharacters) {
  EXPECT_EQ(Cut("step 1", 10), "step 1");
  EXPECT_EQ(Cut("step 1", 4), "step");
  EXPECT_EQ(Cut("\u00e4\u00f6\u00fc", 2), "\u00e4\u00f6");
  EXPECT_EQ(Cut("x", 0), "");
}

TEST(TableTest, NothingIsNothing) { EXPECT_EQ(Table({}), ""); }

}  // namespace
}  // namespace banyan::cli
