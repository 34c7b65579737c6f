// file     = length header data
// length   = u64, little-endian: bytes of `header`, at most 16 MiB
// header   = JSON object, UTF-8, starts with '{', may end in spaces:
//              {"<name>": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
//               "__metadata__": {"<key>": "<text>", ...}}              (may be absent)
// data     = the tensors' elements, little-endian, row-major; begin and end count from its first byte; the tensors
//            follow one another without gap or overlap from 0 to the end of the file
#include "common/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/checkpoint/strict_json.h"
#include "nlohmann/json.hpp"

namespace banyan {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr char kMetadata[] = "__metadata__";
constexpr size_t kMaxDepth = 4;  // object, tensor, list; one to spare

absl::Status Bad(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor '", absl::CHexEscape(name.substr(0, 200)), "' ", what));
}

// `text` as JSON. nlohmann would throw on what is not UTF-8; this puts U+FFFD there.
std::string Quote(const std::string& text) {
  return Json(text).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

bool IsUtf8(const std::string& text) {
  return Quote(text) == Json(text).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::ignore);
}

std::optional<std::vector<uint64_t>> Numbers(const Json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<uint64_t> numbers;
  for (const Json& item : list) {
    if (!item.is_number_unsigned()) return std::nullopt;
    const uint64_t number = item.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

absl::StatusOr<SafetensorsHeader::Tensor> ParseTensor(const std::string& name, const Json& value) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return Bad(name, "is not an object of dtype, shape and data_offsets");
  }
  const Json& dtype_name = value["dtype"];
  const std::optional<DType> dtype =
      dtype_name.is_string() ? ParseDType(dtype_name.get_ref<const std::string&>()) : std::nullopt;
  if (!dtype.has_value()) return Bad(name, "has an unknown dtype");
  const auto lengths = Numbers(value["shape"]);
  if (!lengths.has_value()) return Bad(name, "has a shape that is not a list of numbers in [0, 2^63)");
  const auto offsets = Numbers(value["data_offsets"]);
  if (!offsets.has_value() || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    return Bad(name, "has data_offsets that are not [begin, end]");
  }
  SafetensorsHeader::Tensor tensor{.name = name,
                                   .dtype = *dtype,
                                   .shape = Shape(lengths->begin(), lengths->end()),
                                   .begin = (*offsets)[0],
                                   .end = (*offsets)[1]};
  const absl::StatusOr<int64_t> bytes = ByteSize(tensor.shape, tensor.dtype);
  if (!bytes.ok()) return Bad(name, absl::StrCat("is refused: ", bytes.status().message()));
  if (static_cast<uint64_t>(*bytes) != tensor.end - tensor.begin) {
    return Bad(name, absl::StrCat("has ", tensor.end - tensor.begin, " bytes, but shape ", ShapeText(tensor.shape),
                                  " of ", std::string(DTypeName(tensor.dtype)), " takes ", *bytes));
  }
  return tensor;
}

absl::Status ParseMetadata(const Json& value, std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return absl::InvalidArgumentError("__metadata__ is not an object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return absl::InvalidArgumentError("__metadata__ has a value that is not a string");
    metadata[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

// Sorts the tensors by their bytes, turns offsets into the file's, and refuses gaps and overlaps.
absl::Status PlaceTensors(SafetensorsHeader& header) {
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t position = 0;
  for (SafetensorsHeader::Tensor& tensor : header.tensors) {
    if (tensor.begin != position) {
      return Bad(tensor.name, absl::StrCat("begins at byte ", tensor.begin, " of the data, expected ", position));
    }
    position = tensor.end;
    tensor.begin += header.data_begin;
    tensor.end += header.data_begin;
  }
  const uint64_t data_size = header.file_size - header.data_begin;
  if (position != data_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensors end at byte ", position, " of the data, which has ", data_size));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> EncodeSafetensorsHeader(const std::vector<SafetensorsTensor>& tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, text] : metadata) pairs.push_back(absl::StrCat(Quote(key), ":", Quote(text)));
    members.push_back(absl::StrCat(Quote(kMetadata), ":{", absl::StrJoin(pairs, ","), "}"));
  }
  std::set<std::string> names;
  uint64_t position = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == kMetadata || !names.insert(tensor.name).second ||
        !IsUtf8(tensor.name)) {
      return Bad(tensor.name, "has a name that is empty, reserved, used twice or not UTF-8");
    }
    const absl::StatusOr<int64_t> bytes = ByteSize(tensor.shape, tensor.dtype);
    if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat("tensor '", tensor.name, "'"));
    const uint64_t end = position + static_cast<uint64_t>(*bytes);
    if (end > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return Bad(tensor.name, "ends past 2^63");
    members.push_back(absl::StrCat(Quote(tensor.name), ":{\"dtype\":\"", std::string(DTypeName(tensor.dtype)),
                                   "\",\"shape\":[", absl::StrJoin(tensor.shape, ","), "],\"data_offsets\":[",
                                   position, ",", end, "]}"));
    position = end;
  }
  std::string text = absl::StrCat("{", absl::StrJoin(members, ","), "}");
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxSafetensorsHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("safetensors header of ", tensors.size(), " tensors has ",
                                                   text.size(), " bytes, at most ", kMaxSafetensorsHeaderBytes));
  }
  const uint64_t length = text.size();
  std::string header(kLengthBytes, '\0');
  std::memcpy(header.data(), &length, kLengthBytes);
  return header + text;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text, uint64_t file_size) {
  if (text.size() > kMaxSafetensorsHeaderBytes || file_size < kLengthBytes ||
      text.size() > file_size - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat("header of ", text.size(), " bytes in a file of ", file_size));
  }
  if (!text.starts_with('{')) return absl::InvalidArgumentError("header does not start with '{'");
  RETURN_IF_ERROR(CheckStrictJson(text, kMaxDepth));
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("header is not a JSON object");
  SafetensorsHeader header;
  header.data_begin = kLengthBytes + text.size();
  header.file_size = file_size;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadata) {
      RETURN_IF_ERROR(ParseMetadata(value, header.metadata));
    } else {
      ASSIGN_OR_RETURN(SafetensorsHeader::Tensor tensor, ParseTensor(name, value));
      header.tensors.push_back(std::move(tensor));
    }
  }
  RETURN_IF_ERROR(PlaceTensors(header));
  return header;
}

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(File& file) {
  const std::string context = absl::StrCat("safetensors file '", file.path(), "'");
  ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  std::array<std::byte, kLengthBytes> bytes;
  if (size < kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(context, ": ", size, " bytes are too few for a header"));
  }
  RETURN_IF_ERROR(file.ReadAt(0, bytes));
  const uint64_t length = LoadU64(bytes);
  if (length > kMaxSafetensorsHeaderBytes || length > size - kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(context, ": header of ", length, " bytes in a file of ", size, ", at most ",
                     kMaxSafetensorsHeaderBytes, " allowed"));
  }
  std::string text(length, '\0');
  RETURN_IF_ERROR(file.ReadAt(kLengthBytes, std::as_writable_bytes(std::span(text))));
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(text, size);
  if (!header.ok()) return Annotate(header.status(), context);
  return header;
}

}  // namespace banyan
