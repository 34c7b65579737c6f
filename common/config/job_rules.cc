#include "common/config/job_rules.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/schema.h"
#include "google/protobuf/descriptor.h"

namespace banyan::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class JobChecker {
 public:
  JobChecker(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics)
      : job_(job), recipe_(job.recipe()), locations_(locations), diagnostics_(diagnostics) {}

  void Check() {
    CheckName();
    CheckBatch();
    CheckGpt();
    CheckModelMeetsData();
    CheckLayers();
    CheckRun();
    CheckEvaluate();
  }

 private:
  void Add(Code code, const std::string& path, std::string message, std::string expected) {
    diagnostics_->Add({code, locations_.OfValue(path), path, std::move(message), std::move(expected)});
  }
  void Inconsistent(const std::string& path, std::string message, std::string expected) {
    Add(Code::kInconsistent, path, std::move(message), std::move(expected));
  }

  void CheckName() {
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    if (!std::all_of(job_.name().begin(), job_.name().end(), allowed)) {
      Add(Code::kBadValue, "name", "name is " + Quote(job_.name()), "lower-case letters, digits, '.', '_' and '-'");
    }
  }

  void CheckBatch() {
    const v1::Batch& batch = recipe_.batch();
    if (!batch.has_samples() || !batch.has_leaf() || batch.leaf() == 0) return;
    const std::string samples = std::to_string(batch.samples());
    const std::string leaf = std::to_string(batch.leaf());
    if (batch.leaf() > batch.samples()) {
      Inconsistent("recipe.batch.leaf", "a leaf of " + leaf + " samples is larger than the batch of " + samples,
                   "at most " + samples);
    } else if (const uint64_t leaves = (batch.samples() - 1) / batch.leaf() + 1; leaves > kMaxLeaves) {
      Inconsistent("recipe.batch.leaf",
                   samples + " samples in leaves of " + leaf + " are " + std::to_string(leaves) + " leaves a step",
                   "at most " + std::to_string(kMaxLeaves) + " leaves: a larger leaf");
    }
    if (batch.has_micro() && batch.micro() > batch.leaf()) {
      Inconsistent("recipe.batch.micro",
                   "pieces of " + std::to_string(batch.micro()) + " samples are larger than the leaf of " + leaf,
                   "at most " + leaf);
    }
  }

  void CheckGpt() {
    if (!recipe_.model().has_gpt()) return;
    const v1::Gpt& gpt = recipe_.model().gpt();
    if (gpt.heads() > 0 && gpt.width() % gpt.heads() != 0) {
      Inconsistent("recipe.model.gpt.heads",
                   std::to_string(gpt.heads()) + " heads do not divide a width of " + std::to_string(gpt.width()),
                   "a divisor of the width");
    }
    const bool bytes = recipe_.data().has_text() && recipe_.data().text().tokenizer() == v1::BYTES;
    if (bytes && gpt.has_vocabulary() && gpt.vocabulary() < 256) {
      Inconsistent("recipe.model.gpt.vocabulary",
                   "a vocabulary of " + std::to_string(gpt.vocabulary()) + " cannot hold the 256 byte tokens",
                   "at least 256, or no vocabulary at all (it is then the tokenizer's)");
    }
  }

  void CheckModelMeetsData() {
    const v1::Model& model = recipe_.model();
    const v1::Data& data = recipe_.data();
    const bool known = model.kind_case() != v1::Model::KIND_NOT_SET && data.kind_case() != v1::Data::KIND_NOT_SET;
    if (known && model.has_gpt() != data.has_text()) {
      Inconsistent("recipe.data",
                   model.has_gpt() ? "a gpt model cannot learn from samples of numbers"
                                   : "this model takes samples of numbers and cannot learn from text",
                   model.has_gpt() ? "data: {text: ...}" : "data: {table: ...} or {synthetic_regression: ...}");
    }
    if (!model.has_linear() || !(data.has_table() || data.has_synthetic_regression())) return;
    const uint32_t targets = data.has_table() ? data.table().targets() : data.synthetic_regression().targets();
    if (model.linear().outputs() != targets) {
      Inconsistent("recipe.model.linear.outputs",
                   std::to_string(model.linear().outputs()) + " outputs cannot meet the data's " +
                       std::to_string(targets) + (targets == 1 ? " target" : " targets"),
                   std::to_string(targets));
    }
  }

  // The graph itself is checked where it is built; here only what a name means.
  void CheckLayers() {
    const auto& layers = recipe_.model().layers().layer();
    std::map<std::string, int> first;
    for (int i = 0; i < layers.size(); ++i) {
      const std::string path = ItemPath("recipe.model.layers", i);
      const std::string name = LayerName(layers[i], i);
      for (int k = 0; k < layers[i].inputs_size(); ++k) CheckInput(first, layers[i].inputs(k), path, k);
      if (name == "features") {
        Inconsistent(path + ".name", "'features' names the data's features", "another name");
      } else if (const auto [at, added] = first.emplace(name, i); !added) {
        Inconsistent(path + ".name",
                     "layer " + std::to_string(i) + " has the name " + Quote(name) + " of layer " +
                         std::to_string(at->second),
                     "each name once");
      }
    }
  }

  void CheckInput(const std::map<std::string, int>& before, const std::string& input, const std::string& layer, int k) {
    if (input == "features" || before.contains(input)) return;
    std::vector<std::string> names = {"features"};
    for (const auto& [name, unused] : before) names.push_back(name);
    Inconsistent(ItemPath(layer + ".inputs", k),
                 "no layer before this one has the name " + Quote(input) + DidYouMean(input, names),
                 "'features' or the name of a layer above");
  }

  static std::string LayerName(const v1::Layer& layer, int index) {
    if (layer.has_name()) return layer.name();
    const FieldDescriptor* type = layer.GetReflection()->GetOneofFieldDescriptor(
        layer, v1::Layer::descriptor()->FindOneofByName("type"));
    return (type == nullptr ? "layer" : type->name()) + std::to_string(index);
  }

  void CheckRun() {
    const v1::Workers& workers = job_.run().workers();
    if (workers.max() > 0 && workers.max() < workers.min()) {
      Inconsistent("run.workers.max",
                   "max is " + std::to_string(workers.max()) + ", less than min, which is " +
                       std::to_string(workers.min()),
                   "at least " + std::to_string(workers.min()));
    }
    const v1::Servers& servers = job_.run().servers();
    // The default of `count` is 1.
    const uint32_t count = std::max(1u, servers.count());
    if (servers.replicas() > 0 && servers.replicas() >= count) {
      Inconsistent("run.servers.replicas",
                   "replicas is " + std::to_string(servers.replicas()) + ", which takes " +
                       std::to_string(servers.replicas() + 1) + " servers, and count is " + std::to_string(count),
                   "at most " + std::to_string(count - 1) + ", or a higher run.servers.count");
    }
    const uint64_t chunk = servers.chunk_bytes();
    // Its bounds are powers of two themselves; below them it has been reported.
    if (chunk > 16384 && !std::has_single_bit(chunk)) {
      Inconsistent("run.servers.chunk_bytes", "chunk_bytes is " + std::to_string(chunk),
                   "16384 times a power of two, such as " + std::to_string(std::bit_floor(chunk)));
    }
  }

  void CheckEvaluate() {
    const FieldDescriptor* kind = recipe_.data().GetReflection()->GetOneofFieldDescriptor(
        recipe_.data(), v1::Data::descriptor()->FindOneofByName("kind"));
    if (!job_.run().has_evaluate() || kind == nullptr) return;
    const Message& data = recipe_.data().GetReflection()->GetMessage(recipe_.data(), kind);
    const FieldDescriptor* held_out = kind->message_type()->FindFieldByName("held_out");
    if (held_out != nullptr && data.GetReflection()->GetDouble(data, held_out) > 0) return;
    diagnostics_->Add({Code::kInconsistent, locations_.OfKey("run.evaluate"), "run.evaluate",
                       "there is no held-out data to evaluate on",
                       "recipe.data." + kind->name() + ".held_out above 0, or no run.evaluate"});
  }

  const v1::Job& job_;
  const v1::Recipe& recipe_;
  const Locations& locations_;
  Diagnostics* const diagnostics_;
};

}  // namespace

void CheckJob(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics) {
  JobChecker(job, locations, diagnostics).Check();
}

}  // namespace banyan::config
