#ifndef BANYAN_WORKER_LAYERS_REFERENCE_FORMULAS_H_
#define BANYAN_WORKER_LAYERS_REFERENCE_FORMULAS_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "common/model/layer_types.h"

// The layers' formulas over plain row-major arrays of T. Every backward adds to its gradients; whoever wants them
// overwritten clears them first.
namespace banyan::worker::reference {

template <typename T>
struct ValueAndDerivative {
  T value;
  T derivative;
};

template <typename T>
ValueAndDerivative<T> Activate(Activation activation, T x) {
  switch (activation) {
    case Activation::kNone:
      return {x, T{1}};
    case Activation::kRelu:
      return x > 0 ? ValueAndDerivative<T>{x, T{1}} : ValueAndDerivative<T>{T{0}, T{0}};
    case Activation::kGeluTanh: {
      const T root = std::sqrt(T{2} / T{3.14159265358979323846});
      const T t = std::tanh(root * (x + T{0.044715} * x * x * x));
      const T inner = root * (1 + 3 * T{0.044715} * x * x);
      return {T{0.5} * x * (1 + t), T{0.5} * (1 + t) + T{0.5} * x * (1 - t * t) * inner};
    }
    case Activation::kTanh: {
      const T t = std::tanh(x);
      return {t, 1 - t * t};
    }
    case Activation::kSigmoid: {
      const T s = 1 / (1 + std::exp(-x));
      return {s, s * (1 - s)};
    }
  }
  return {};
}

struct LinearShape {
  int64_t rows;
  int64_t in;
  int64_t out;
  bool out_in;  // weight [out, in]; else [in, out]

  int64_t weight(int64_t i, int64_t o) const { return out_in ? o * in + i : i * out + o; }
};

// z = x W + b; b may be null.
template <typename T>
void Linear(const LinearShape& s, const T* x, const T* w, const T* b, T* z) {
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      T sum = b != nullptr ? b[o] : T{0};
      for (int64_t i = 0; i < s.in; ++i) sum += x[r * s.in + i] * w[s.weight(i, o)];
      z[r * s.out + o] = sum;
    }
  }
}

// Gradients that are null are left out.
template <typename T>
void LinearBackward(const LinearShape& s, const T* x, const T* w, const T* dz, T* dx, T* dw, T* db) {
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      const T g = dz[r * s.out + o];
      for (int64_t i = 0; i < s.in; ++i) {
        if (dx != nullptr) dx[r * s.in + i] += g * w[s.weight(i, o)];
        if (dw != nullptr) dw[s.weight(i, o)] += g * x[r * s.in + i];
      }
      if (db != nullptr) db[o] += g;
    }
  }
}

// One row; mean and 1 / deviation.
template <typename T>
struct Moments {
  T mean;
  T inverse;
};

template <typename T>
Moments<T> RowMoments(const T* x, int64_t width, T epsilon) {
  T mean = 0;
  for (int64_t i = 0; i < width; ++i) mean += x[i];
  mean /= static_cast<T>(width);
  T variance = 0;
  for (int64_t i = 0; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= static_cast<T>(width);
  return {mean, 1 / std::sqrt(variance + epsilon)};
}

template <typename T>
void LayerNorm(const T* x, const T* weight, const T* bias, T epsilon, int64_t width, T* y) {
  const Moments<T> m = RowMoments(x, width, epsilon);
  for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - m.mean) * m.inverse * weight[i] + bias[i];
}

template <typename T>
void LayerNormBackward(const T* x, const T* dy, const T* weight, T epsilon, int64_t width, T* dx, T* dweight,
                       T* dbias) {
  const Moments<T> m = RowMoments(x, width, epsilon);
  T mean_gradient = 0;
  T mean_dot = 0;
  for (int64_t i = 0; i < width; ++i) {
    const T normal = (x[i] - m.mean) * m.inverse;
    mean_gradient += dy[i] * weight[i] / static_cast<T>(width);
    mean_dot += dy[i] * weight[i] * normal / static_cast<T>(width);
    dweight[i] += dy[i] * normal;
    dbias[i] += dy[i];
  }
  for (int64_t i = 0; i < width; ++i) {
    const T normal = (x[i] - m.mean) * m.inverse;
    dx[i] += (dy[i] * weight[i] - mean_gradient - normal * mean_dot) * m.inverse;
  }
}

struct HeadShape {
  int64_t context;
  int64_t width;     // of the head
  int64_t stride;    // between rows of q, k, v
  int64_t y_stride;  // between rows of y
};

// Row i of softmax(q k' / sqrt(width)), positions 0 .. i.
template <typename T>
std::vector<T> AttentionWeights(const HeadShape& s, const T* q, const T* k, int64_t i) {
  std::vector<T> weights(static_cast<size_t>(i + 1));
  T sum = 0;
  for (int64_t j = 0; j <= i; ++j) {
    T score = 0;
    for (int64_t d = 0; d < s.width; ++d) score += q[i * s.stride + d] * k[j * s.stride + d];
    weights[j] = std::exp(score / std::sqrt(static_cast<T>(s.width)));
    sum += weights[j];
  }
  for (T& weight : weights) weight /= sum;
  return weights;
}

// `keep(i, j)` is what dropout multiplies weight (i, j) by: 0 or 1 / (1 - rate).
template <typename T, typename Keep>
void Attention(const HeadShape& s, const T* q, const T* k, const T* v, Keep keep, T* y) {
  for (int64_t i = 0; i < s.context; ++i) {
    const std::vector<T> weights = AttentionWeights(s, q, k, i);
    for (int64_t d = 0; d < s.width; ++d) {
      T sum = 0;
      for (int64_t j = 0; j <= i; ++j) sum += weights[j] * keep(i, j) * v[j * s.stride + d];
      y[i * s.y_stride + d] = sum;
    }
  }
}

template <typename T, typename Keep>
void AttentionBackward(const HeadShape& s, const T* q, const T* k, const T* v, const T* dy, Keep keep, T* dq, T* dk,
                       T* dv) {
  const T scale = 1 / std::sqrt(static_cast<T>(s.width));
  for (int64_t i = 0; i < s.context; ++i) {
    const std::vector<T> weights = AttentionWeights(s, q, k, i);
    std::vector<T> dweights(weights.size());
    T dot = 0;
    for (int64_t j = 0; j <= i; ++j) {
      for (int64_t d = 0; d < s.width; ++d) {
        dweights[j] += dy[i * s.y_stride + d] * v[j * s.stride + d] * keep(i, j);
        dv[j * s.stride + d] += weights[j] * keep(i, j) * dy[i * s.y_stride + d];
      }
      dot += weights[j] * dweights[j];
    }
    for (int64_t j = 0; j <= i; ++j) {
      const T dscore = weights[j] * (dweights[j] - dot) * scale;
      for (int64_t d = 0; d < s.width; ++d) {
        dq[i * s.stride + d] += dscore * k[j * s.stride + d];
        dk[j * s.stride + d] += dscore * q[i * s.stride + d];
      }
    }
  }
}

// One row's -log softmax(logits)[target].
template <typename T>
T CrossEntropy(const T* logits, int64_t classes, int64_t target) {
  T sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - logits[target]);
  return std::log(sum);
}

template <typename T>
void CrossEntropyBackward(const T* logits, int64_t classes, int64_t target, T* dlogits) {
  T sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - logits[target]);
  for (int64_t c = 0; c < classes; ++c) {
    dlogits[c] += std::exp(logits[c] - logits[target]) / sum - (c == target ? T{1} : T{0});
  }
}

}  // namespace banyan::worker::reference

#endif  // BANYAN_WORKER_LAYERS_REFERENCE_FORMULAS_H_
