#include "common/model/initialize.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/random/random.h"

namespace banyan {
namespace {

template <typename T>
void FillAll(uint64_t seed, const Parameter& parameter, int64_t first_element, std::span<T> out) {
  CHECK_GE(first_element, 0);
  CHECK_LE(first_element + static_cast<int64_t>(out.size()), ElementsOf(parameter.shape));
  if (const auto* constant = std::get_if<ConstantInitializer>(&parameter.initializer)) {
    std::fill(out.begin(), out.end(), static_cast<T>(constant->value));
    return;
  }
  const RandomKey key = MakeRandomKey(seed, RandomPurpose::kInitialize, 0, NameHash(parameter.name));
  const auto* normal = std::get_if<NormalInitializer>(&parameter.initializer);
  const auto* uniform = std::get_if<UniformInitializer>(&parameter.initializer);
  std::array<float, 1024> buffer;
  for (size_t begin = 0; begin < out.size(); begin += buffer.size()) {
    const std::span<T> part = out.subspan(begin, std::min(buffer.size(), out.size() - begin));
    const std::span<float> random = std::span(buffer).first(part.size());
    const auto first = static_cast<uint64_t>(first_element) + begin;
    if (normal != nullptr) {
      FillNormal(key, first, random);
      for (size_t i = 0; i < part.size(); ++i) part[i] = static_cast<T>(normal->stddev * random[i]);
    } else {
      FillUniform(key, first, random);
      for (size_t i = 0; i < part.size(); ++i) part[i] = static_cast<T>(uniform->limit * (2.0 * random[i] - 1.0));
    }
  }
}

}  // namespace

void Initialize(uint64_t seed, const Parameter& parameter, int64_t first_element, std::span<float> out) {
  FillAll(seed, parameter, first_element, out);
}

void Initialize(uint64_t seed, const Parameter& parameter, int64_t first_element, std::span<double> out) {
  FillAll(seed, parameter, first_element, out);
}

}  // namespace banyan
