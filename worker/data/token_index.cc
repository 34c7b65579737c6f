// index  = header token*
// header = magic:8 token_bytes:u64 tokens:u64 checksum:u64
// token  = u16
//
// All little-endian. The magic is "banyan1\n", token_bytes is 2, tokens counts them, and the checksum is XXH3-64 of the
// tokens' bytes. Nothing follows the last token.
#include "worker/data/token_index.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/digest/xxh3.h"
#include "common/file/file_util.h"

namespace banyan::worker {
namespace {

struct Header {
  char magic[8] = {'b', 'a', 'n', 'y', 'a', 'n', '1', '\n'};
  uint64_t token_bytes = sizeof(uint16_t);
  uint64_t tokens = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Header) == 32);

absl::Status WriteTo(File& file, absl::FunctionRef<absl::Status(TokenIndex::Sink)> produce) {
  Header header;
  Xxh3Stream checksum;
  RETURN_IF_ERROR(produce([&](std::span<const uint16_t> tokens) {
    const std::span<const std::byte> bytes = std::as_bytes(tokens);
    checksum.Update(bytes);
    const uint64_t offset = sizeof(Header) + header.tokens * sizeof(uint16_t);
    header.tokens += tokens.size();
    return file.WriteAt(offset, bytes);
  }));
  header.checksum = checksum.Digest();
  RETURN_IF_ERROR(file.WriteAt(0, std::as_bytes(std::span(&header, 1))));
  RETURN_IF_ERROR(file.Truncate(sizeof(Header) + header.tokens * sizeof(uint16_t)));
  return file.Sync();
}

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(absl::StrCat("index '", path, "' is damaged: ", what.data()));
}

}  // namespace

absl::Status TokenIndex::Write(FileSystem& files, const std::string& path,
                               absl::FunctionRef<absl::Status(Sink)> produce) {
  // Everyone writes the same bytes to the same places, so nobody's half is cut short by a writer that begins.
  const std::string temporary = path + ".tmp";
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(temporary, OpenMode::kOpenOrCreate));
    if (const absl::Status written = WriteTo(*file, produce); !written.ok()) {
      files.Remove(temporary).IgnoreError();  // what is left of it may fill the disk
      return written;
    }
  }
  const absl::Status renamed = files.Rename(temporary, path);
  // Another writer was done first and took our file for its own.
  if (!renamed.ok() && !absl::IsNotFound(renamed)) return renamed;
  return files.SyncDirectory(ParentPath(path));
}

absl::StatusOr<TokenIndex> TokenIndex::InMemory(absl::FunctionRef<absl::Status(Sink)> produce) {
  std::vector<uint16_t> all;
  RETURN_IF_ERROR(produce([&](std::span<const uint16_t> tokens) {
    all.insert(all.end(), tokens.begin(), tokens.end());
    return absl::OkStatus();
  }));
  return TokenIndex(std::move(all));
}

absl::StatusOr<TokenIndex> TokenIndex::Open(const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  const std::span<const std::byte> bytes = file.bytes();
  if (bytes.size() < sizeof(Header)) return Damaged(path, "it ends inside its header");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const Header expected;
  if (std::memcmp(header.magic, expected.magic, sizeof(header.magic)) != 0 ||
      header.token_bytes != expected.token_bytes) {
    return Damaged(path, "it does not begin as an index does");
  }
  const std::span<const std::byte> data = bytes.subspan(sizeof(Header));
  if (data.size() % sizeof(uint16_t) != 0 || data.size() / sizeof(uint16_t) != header.tokens) {
    return Damaged(path, "its length is not what its header says");
  }
  if (Xxh3(data) != header.checksum) return Damaged(path, "its checksum is wrong");
  const std::span tokens(reinterpret_cast<const uint16_t*>(data.data()), header.tokens);
  return TokenIndex(std::move(file), tokens);
}

}  // namespace banyan::worker
