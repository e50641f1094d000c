#include "client/cli/http.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "client/cli/download.hpp"

namespace nanoflow::cli {

struct HttpRequest::Impl {
  CURL* curl = curl_easy_init();
  curl_slist* headers = nullptr;
  std::map<std::string, std::string> response;  // lower-case names
  char error[CURL_ERROR_SIZE] = "";
  ~Impl() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
};

namespace {

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* target) {
  auto& headers = *static_cast<std::map<std::string, std::string>*>(target);
  const std::string line(data, size * count);
  if (line.starts_with("HTTP/")) headers.clear();  // of the answer before a redirection
  const std::size_t colon = line.find(':');
  if (colon != std::string::npos) {
    std::string name = line.substr(0, colon), value = line.substr(colon + 1);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    value.erase(0, value.find_first_not_of(" \t"));
    value.erase(value.find_last_not_of(" \t\r\n") + 1);
    headers[name] = value;
  }
  return size * count;
}

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* target) {
  const auto& on_body = static_cast<HttpRequest*>(target)->on_body;
  return !on_body || on_body(data, size * count) ? size * count : 0;
}

std::string take(char* text) {
  const std::string copy = text ? text : "";
  curl_free(text);
  return copy;
}

}  // namespace

HttpRequest::HttpRequest(const std::string& url) : impl_(std::make_unique<Impl>()) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK || !impl_->curl) throw std::runtime_error("libcurl does not start");
  CURL* curl = impl_->curl;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, impl_->error);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "nanoflow");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  // What began encrypted must not be led astray.
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   url.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes/s, over this many seconds:
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &impl_->response);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
}

HttpRequest::~HttpRequest() = default;

void HttpRequest::header(const std::string& line) {
  impl_->headers = curl_slist_append(impl_->headers, line.c_str());
}

HttpResult HttpRequest::perform() {
  curl_easy_setopt(impl_->curl, CURLOPT_HTTPHEADER, impl_->headers);
  const CURLcode code = curl_easy_perform(impl_->curl);
  HttpResult result;
  result.status = status();
  if (code != CURLE_OK) result.error = *impl_->error ? impl_->error : curl_easy_strerror(code);
  return result;
}

long HttpRequest::status() const {
  long status = 0;
  curl_easy_getinfo(impl_->curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

double HttpRequest::content_length() const {
  curl_off_t length = -1;
  curl_easy_getinfo(impl_->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return double(length);
}

std::string HttpRequest::response_header(const std::string& name) const {
  const auto found = impl_->response.find(name);
  return found == impl_->response.end() ? "" : found->second;
}

std::string HttpRequest::final_url() const {
  char* url = nullptr;
  curl_easy_getinfo(impl_->curl, CURLINFO_EFFECTIVE_URL, &url);
  return url ? url : "";
}

std::string resolve_url(const std::string& base, const std::string& reference) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0);
  if (curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), 0) != CURLUE_OK)
    throw std::runtime_error("no URL: " + reference);
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  char* text = nullptr;
  curl_url_get(url.get(), CURLUPART_URL, &text, 0);
  return take(text);
}

std::string public_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "the URL";
  curl_url_set(parsed.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(parsed.get(), CURLUPART_PASSWORD, nullptr, 0);
  curl_url_set(parsed.get(), CURLUPART_QUERY, nullptr, 0);  // may hold a token
  char* text = nullptr;
  curl_url_get(parsed.get(), CURLUPART_URL, &text, 0);
  return take(text);
}

}  // namespace nanoflow::cli
