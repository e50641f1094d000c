// Fetches a file over HTTP: resumed where it stopped, checked for size, hash and disk space.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace nanoflow::cli {

struct Download {
  std::string url;
  std::filesystem::path target;             // beside it, target.part while it is not whole
  std::optional<std::string> sha256;        // 64 hex digits
  std::optional<std::uint64_t> size_bytes;  // that the file must have
  std::uint64_t reserve_bytes = 0;          // that must stay free on the disk
  double space_factor = 1;                  // 2 where the file is unpacked beside itself afterwards
};

/// Throws std::runtime_error that says what failed. What came so far stays in target.part, unless
/// it is wrong; the next call goes on there.
void download(const Download& what, const std::function<void(double done, double total)>& progress);

/// A small page, at most 16 MiB. `accept` is the header's value.
struct Page {
  std::string url, type, body;  // url after redirections
};
Page fetch_page(const std::string& url, const std::string& accept);

/// `reference` as seen from `base`, and without its fragment.
std::string resolve_url(const std::string& base, const std::string& reference);
/// Without user name and password: for messages.
std::string public_url(const std::string& url);

/// Throws when the folder's disk has not that many bytes free beyond the reserve.
void require_space(const std::filesystem::path& folder, double needed_bytes,
                   std::uint64_t reserve_bytes);

}  // namespace nanoflow::cli
