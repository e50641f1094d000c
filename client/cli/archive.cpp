#include "client/cli/archive.hpp"

#include <zip.h>

#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/cli/download.hpp"

namespace nanoflow::cli {
namespace {

using Archive = std::unique_ptr<zip_t, decltype(&zip_discard)>;
using Member = std::unique_ptr<zip_file_t, decltype(&zip_fclose)>;

zip_stat_t find_gguf(zip_t* archive, const std::string& path) {
  std::optional<zip_stat_t> found;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t entry;
    if (zip_stat_index(archive, zip_uint64_t(i), 0, &entry) != 0 || !entry.name) continue;
    if (!std::string_view(entry.name).ends_with(".gguf")) continue;
    if (found) throw std::runtime_error(path + " holds several .gguf files");
    found = entry;
  }
  if (!found) throw std::runtime_error(path + " holds no .gguf file");
  if (!(found->valid & ZIP_STAT_SIZE))
    throw std::runtime_error(path + " does not say how large its file is");
  return *found;
}

}  // namespace

void extract_gguf(const std::filesystem::path& path, const std::filesystem::path& target,
                  std::uint64_t reserve_bytes) {
  int error = 0;
  const Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &error), zip_discard);
  if (!archive) throw std::runtime_error(path.string() + " is no zip archive");
  const zip_stat_t entry = find_gguf(archive.get(), path.string());
  require_space(target.parent_path(), double(entry.size), reserve_bytes);
  const Member member(zip_fopen_index(archive.get(), entry.index, 0), zip_fclose);
  if (!member) throw std::runtime_error(path.string() + ": " + zip_strerror(archive.get()));
  const std::filesystem::path part = target.string() + ".unpacking";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  std::vector<char> block(1 << 20);
  std::uint64_t done = 0;
  zip_int64_t count = 0;
  // The size is an archive's claim: more than that is not written. libzip checks the CRC at the
  // end.
  while (file && (count = zip_fread(member.get(), block.data(), block.size())) > 0 &&
         done <= entry.size) {
    file.write(block.data(), count);
    done += std::uint64_t(count);
  }
  file.close();
  if (count < 0 || done != entry.size || !file) {
    std::filesystem::remove(part);
    throw std::runtime_error(path.string() + ": the .gguf inside is damaged, or the disk is full");
  }
  std::filesystem::rename(part, target);
}

}  // namespace nanoflow::cli
