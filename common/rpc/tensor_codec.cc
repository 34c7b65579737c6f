#include "common/rpc/tensor_codec.h"

#include "absl/strings/str_cat.h"

namespace banyan {

void DescribePayload(const Payload& payload, v1::TensorKind kind, v1::TensorHeader* header) {
  header->set_dtype(v1::F32);
  header->set_kind(kind);
  header->set_codec(v1::RAW);
  header->set_element_count(payload.size() / sizeof(float));
  header->set_byte_size(payload.size());
  if (!payload.empty()) header->set_checksum(payload.Checksum());
}

absl::Status CheckPayload(const v1::TensorHeader& header, const Payload& payload, absl::string_view what) {
  if (header.byte_size() != payload.size()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " announces ", header.byte_size(), " bytes and has ",
                                                   payload.size()));
  }
  if (payload.empty()) return absl::OkStatus();
  if (header.dtype() != v1::F32 || header.codec() != v1::RAW || header.kind() != v1::DENSE) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has dtype ", header.dtype(), ", codec ", header.codec(), ", kind ", header.kind(),
                     "; only raw dense fp32 is known here"));
  }
  if (header.first_element() != 0 || header.element_count() * sizeof(float) != payload.size()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " has elements ", header.first_element(), " + ",
                                                   header.element_count(), " in ", payload.size(),
                                                   " bytes; expected a whole chunk"));
  }
  if (const uint64_t checksum = payload.Checksum(); checksum != header.checksum()) {
    return absl::DataLossError(absl::StrCat(what, " has checksum ", absl::Hex(checksum), ", expected ",
                                            absl::Hex(header.checksum()), ": the bytes were damaged on the way"));
  }
  return absl::OkStatus();
}

v1::Ledger EncodeLedger(const Ledger& ledger) {
  v1::Ledger message;
  message.set_step(ledger.step);
  message.set_weight(ledger.weight);
  message.set_loss(ledger.loss);
  if (ledger.norm.has_value()) message.set_norm(*ledger.norm);
  message.set_finite(ledger.finite);
  message.set_loss_scale(ledger.loss_scale);
  message.set_learning_rate(ledger.learning_rate);
  return message;
}

Ledger DecodeLedger(const v1::Ledger& message) {
  Ledger ledger = {.step = message.step(),
                   .weight = message.weight(),
                   .loss = message.loss(),
                   .finite = message.finite(),
                   .loss_scale = message.loss_scale(),
                   .learning_rate = message.learning_rate()};
  if (message.has_norm()) ledger.norm = message.norm();
  return ledger;
}

}  // namespace banyan
