#include "client/cli/download.hpp"

#include <curl/curl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "client/cli/http.hpp"
#include "client/cli/sha256.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_page_bytes = 16 << 20;
constexpr int max_attempts = 4;  // each goes on where the last one stopped

fs::path beside(const fs::path& target, const char* ending) {
  return target.string() + ending;
}

std::string read_small(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One attempt: what the server's answer means for the part that is there already.
class Transfer {
 public:
  Transfer(const Download& what, const std::function<void(double, double)>& progress)
      : what_(what),
        progress_(progress),
        part_(beside(what.target, ".part")),
        tag_(beside(what.target, ".part.tag")) {}

  /// True when the file is whole; false when another attempt may help. Throws when none can.
  bool run() {
    // The tag says of which version of the file the part is; without one the part is worth nothing.
    const std::string tag = read_small(tag_);
    std::error_code none;
    start_ = !tag.empty() && fs::exists(part_, none) ? fs::file_size(part_, none) : 0;
    HttpRequest request(what_.url);
    if (start_ > 0) {
      request.header("Range: bytes=" + std::to_string(start_) + "-");
      request.header("If-Range: " + tag);
    }
    request.on_body = [this, &request](const char* data, std::size_t size) {
      return write(request, data, size);
    };
    const HttpResult result = request.perform();
    const bool wrote = !file_ || std::fclose(file_.release()) == 0;
    if (!problem_.empty()) throw std::runtime_error(problem_);
    if (!wrote) throw std::runtime_error("cannot write " + part_.string());
    if (result.status == 416) {  // nothing beyond what is there: wrong, or already whole
      if (what_.sha256 && sha256_of_file(part_) == *what_.sha256) return true;
      discard();
      return false;
    }
    if (result.status >= 400)
      throw std::runtime_error(public_url(what_.url) + ": the server answers " +
                               std::to_string(result.status));
    error_ = result.error;
    if (error_.empty() && !opened_) open(request);  // an empty file has no body
    return error_.empty();
  }
  const std::string& error() const { return error_; }
  void discard() const {
    std::error_code none;
    fs::remove(part_, none);
    fs::remove(tag_, none);
  }
  void finish() const {
    fs::rename(part_, what_.target);
    std::error_code none;
    fs::remove(tag_, none);
  }
  const fs::path& part() const { return part_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  /// Once the headers are there, before the first byte is written.
  bool open(HttpRequest& request) {
    opened_ = true;
    if (request.status() == 200)
      start_ = 0;  // the server sends all of it: a new version, or no ranges
    const double length = request.content_length();
    total_ = length >= 0 ? double(start_) + length : double(what_.size_bytes.value_or(0));
    if (what_.size_bytes && length >= 0 && total_ != double(*what_.size_bytes))
      return fail("the file has " + std::to_string(std::uint64_t(total_)) +
                  " bytes at the server, but " + std::to_string(*what_.size_bytes) +
                  " were expected");
    try {
      require_space(what_.target.parent_path(),
                    (total_ - double(start_)) + total_ * (what_.space_factor - 1),
                    what_.reserve_bytes);
    } catch (const std::exception& error) {
      return fail(error.what());
    }
    std::string tag = request.response_header("etag");
    if (tag.empty() || tag.starts_with("W/")) tag = request.response_header("last-modified");
    std::ofstream(tag_) << tag;
    file_.reset(std::fopen(part_.c_str(), start_ ? "ab" : "wb"));
    if (!file_) return fail("cannot write " + part_.string());
    return true;
  }
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }
  bool write(HttpRequest& request, const char* data, std::size_t size) {
    if (request.status() >= 300) return true;  // an error's page
    if (!opened_ && !open(request)) return false;
    if (std::fwrite(data, 1, size, file_.get()) != size)
      return fail("cannot write " + part_.string() + " (is the disk full?)");
    done_ += double(size);
    if (progress_) progress_(double(start_) + done_, total_);
    return true;
  }

  const Download& what_;
  const std::function<void(double, double)>& progress_;
  fs::path part_, tag_;
  std::uint64_t start_ = 0;
  double done_ = 0, total_ = 0;
  bool opened_ = false;
  std::unique_ptr<std::FILE, Close> file_;
  std::string problem_, error_;
};

void check_result(const Download& what, const Transfer& transfer) {
  const std::uint64_t size = fs::file_size(transfer.part());
  if (what.size_bytes && size != *what.size_bytes) {
    transfer.discard();
    throw std::runtime_error("the file has " + std::to_string(size) + " bytes, but " +
                             std::to_string(*what.size_bytes) + " were expected");
  }
  if (!what.sha256) return;
  const std::string found = sha256_of_file(transfer.part());
  if (found == *what.sha256) return;
  transfer.discard();
  throw std::runtime_error("the file's sha256 is " + found + ", but " + *what.sha256 +
                           " was expected; it was thrown away");
}

}  // namespace

void download(const Download& what, const std::function<void(double, double)>& progress) {
  std::string error;
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    Transfer transfer(what, progress);
    if (transfer.run()) {
      check_result(what, transfer);
      transfer.finish();
      return;
    }
    error = transfer.error();
  }
  throw std::runtime_error(public_url(what.url) + ": " + error +
                           "; the same command goes on where it stopped");
}

Page fetch_page(const std::string& url, const std::string& accept) {
  HttpRequest request(url);
  request.header("Accept: " + accept);
  std::string body;
  request.on_body = [&](const char* data, std::size_t size) {
    body.append(data, size);
    return body.size() <= max_page_bytes;
  };
  const HttpResult result = request.perform();
  if (!result.error.empty()) throw std::runtime_error(public_url(url) + ": " + result.error);
  if (result.status != 200)
    throw std::runtime_error(public_url(url) + ": the server answers " +
                             std::to_string(result.status));
  return {request.final_url(), request.response_header("content-type"), std::move(body)};
}

void require_space(const fs::path& folder, double needed_bytes, std::uint64_t reserve_bytes) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return;
  const double free = double(disk.f_bavail) * double(disk.f_frsize);
  if (free - double(reserve_bytes) >= needed_bytes) return;
  throw std::runtime_error(
      "not enough space in " + folder.string() + ": " + human_bytes(needed_bytes) + " are needed" +
      (reserve_bytes ? " beside the " + human_bytes(double(reserve_bytes)) + " to be left free"
                     : "") +
      ", " + human_bytes(free) + " are free");
}

}  // namespace nanoflow::cli
