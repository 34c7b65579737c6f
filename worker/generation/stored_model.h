#ifndef BANYAN_WORKER_GENERATION_STORED_MODEL_H_
#define BANYAN_WORKER_GENERATION_STORED_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "common/model/graph.h"

namespace banyan::worker {

// A text model read from disk.
struct StoredModel {
  Graph graph;
  std::vector<std::vector<float>> weights;  // by ParameterId
  // Tokens that there are; the model may have room for more. 256: taken for bytes.
  int64_t tokenizer_vocabulary = 0;

  int64_t context() const { return graph.tensor(graph.input).shape[0]; }
  int64_t vocabulary() const { return graph.tensor(graph.prediction).shape[1]; }
};

// Reads `directory`: a checkpoint of a job (its recipe says what the model is), the newest one of a job's directory, or
// a directory with weights and the config.json of Hugging Face's GPT-2. Weights are F32, named as the graph's
// parameters or with `transformer.` in front.
// NOT_FOUND where there is no model, DATA_LOSS where it is damaged, INVALID_ARGUMENT where it is none that reads text,
// or weights and description differ; messages name directory and tensor.
absl::StatusOr<std::unique_ptr<StoredModel>> ReadStoredModel(FileSystem& files, const std::string& directory);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_GENERATION_STORED_MODEL_H_
