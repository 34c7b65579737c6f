#include "worker/data/open_dataset.h"

#include <string>

#include "google/protobuf/text_format.h"
#include "proto/job.pb.h"
#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

class OpenDatasetTest : public DataTest {
 protected:
  absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& recipe_text) {
    v1::Recipe recipe;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(recipe_text, &recipe));
    return OpenDataset(recipe, {.files = files_, .roots = roots_, .index_directory = JoinPath(directory_, "index")});
  }
};

constexpr char kText[] =
    R"(model { gpt { context: 4 } } data { text { path: "data:a.txt" tokenizer: BYTES held_out: 0.5 } })";

TEST_F(OpenDatasetTest, OpensText) {
  Write("a.txt", "abcdefghijklmnopqrst");
  const auto data = Open(kText);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);
  EXPECT_EQ((*data)->facts().held_out_samples, 2u);
  EXPECT_EQ((*data)->input_bytes(), 16u);
}

TEST_F(OpenDatasetTest, OpensATable) {
  Write("a.csv", "1,2,3\n4,5,6\n7,8,9\n");
  const auto data = Open(R"(model { linear {} } data { table { path: "data:a.csv" targets: 2 held_out: 0.3 } })");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);
  EXPECT_EQ((*data)->facts().features, 1u);
  EXPECT_EQ((*data)->facts().targets, 2u);
}

TEST_F(OpenDatasetTest, MakesASyntheticRegressionFromTheJobsSeed) {
  const std::string recipe = R"( model { linear {} }
    data { synthetic_regression { features: 3 samples: 10 targets: 2 noise: 0.1 held_out: 0.2 } })";
  const auto data = Open("seed: 1" + recipe);
  const auto other = Open("seed: 2" + recipe);
  ASSERT_TRUE(data.ok() && other.ok());
  EXPECT_EQ((*data)->facts().samples, 8u);
  EXPECT_EQ((*data)->facts().features, 3u);
  EXPECT_EQ((*data)->facts().targets, 2u);
  EXPECT_NE((*data)->facts().hash, (*other)->facts().hash);
}

TEST_F(OpenDatasetTest, WhatIsMissingIsNamed) {
  EXPECT_EQ(Open(kText).status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(Open(kText).status().message().find("'data:a.txt'"), std::string::npos);
  EXPECT_EQ(Open("").status().message(), "recipe.data: absent, expected one of text, table, synthetic_regression");
}

TEST_F(OpenDatasetTest, OnlyGptReadsText) {
  EXPECT_EQ(Open(R"(model { linear {} } data { text { path: "data:a.txt" tokenizer: BYTES } })").status().message(),
            "recipe.data.text: the model reads numbers, not tokens; use gpt, or a table");
}

}  // namespace
}  // namespace banyan::worker
