// One GET by libcurl.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace nanoflow::cli {

struct HttpResult {
  long status = 0;
  std::string error;  // empty: the transfer was whole
};

class HttpRequest {
 public:
  explicit HttpRequest(const std::string& url);
  ~HttpRequest();
  void header(const std::string& line);
  /// False ends the transfer.
  std::function<bool(const char* data, std::size_t size)> on_body;
  HttpResult perform();

  // From the first byte of the body on:
  long status() const;
  double content_length() const;  // -1: not said
  std::string response_header(const std::string& lower_case_name) const;
  std::string final_url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow::cli
