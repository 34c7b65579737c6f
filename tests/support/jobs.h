#ifndef BANYAN_TESTS_SUPPORT_JOBS_H_
#define BANYAN_TESTS_SUPPORT_JOBS_H_

#include <string>

namespace banyan::testing {

// Job files whose answer is known to stay whatever happens to the cluster: 13 leaves a step, chunks of 16 KiB. `run` is
// the rest of their section `run`, lines indented by two.

// A linear model with momentum; its data are made from its seed.
std::string LinearJob(int steps, const std::string& run);
// A GPT of two layers with dropout, AdamW and clipping, on `data:text`; see SomeText.
std::string GptJob(int steps, const std::string& run);

// A few thousand bytes of text.
std::string SomeText();

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_JOBS_H_
