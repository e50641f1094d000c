// Serves one file over HTTP/1.1 on a thread, with ranges, and with the faults a test asks for.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace nanoflow::test {

class HttpServer {
 public:
  struct File {
    std::string body, type = "application/octet-stream", etag = "\"v1\"";
  };

  explicit HttpServer(std::map<std::string, File> files) : files_(std::move(files)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 16) != 0)
      throw std::runtime_error("cannot listen");
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this] { serve(); });
  }
  ~HttpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  File& file(const std::string& path) { return files_.at(path); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  std::string url;
  std::atomic<long> cut_after = -1;  // bytes of a body, after which the connection breaks, once
  std::atomic<bool> ranges = true;

 private:
  void serve() {
    for (int client; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
      std::string request;
      char block[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = recv(client, block, sizeof block, 0);
        if (count <= 0) break;
        request.append(block, std::size_t(count));
      }
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      answer(client, request);
    }
  }
  static std::string header(const std::string& request, const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
  }
  void answer(int client, const std::string& request) {
    const std::size_t space = request.find(' ');
    const std::string path = request.substr(space + 1, request.find(' ', space + 1) - space - 1);
    const auto found = files_.find(path);
    if (found == files_.end())
      return say(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    const File& file = found->second;
    std::size_t start = 0;
    const std::string range = header(request, "Range"), condition = header(request, "If-Range");
    if (ranges && range.starts_with("bytes=") && (condition.empty() || condition == file.etag))
      start = std::stoul(range.substr(6));
    if (start > 0 && start >= file.body.size())
      return say(client, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
    std::string body = file.body.substr(start);
    say(client, std::string("HTTP/1.1 ") + (start ? "206 Partial Content" : "200 OK") +
                    "\r\nContent-Type: " + file.type + "\r\nETag: " + file.etag +
                    "\r\nContent-Length: " + std::to_string(body.size()) +
                    (start ? "\r\nContent-Range: bytes " + std::to_string(start) + "-" +
                                 std::to_string(file.body.size() - 1) + "/" +
                                 std::to_string(file.body.size())
                           : "") +
                    "\r\nConnection: close\r\n\r\n");
    if (cut_after >= 0)
      body.resize(std::min<std::size_t>(body.size(), std::size_t(cut_after.exchange(-1))));
    say(client, body);
  }
  static void say(int client, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t count = send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += std::size_t(count);
    }
  }

  std::map<std::string, File> files_;
  int listener_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::jthread thread_;
};

}  // namespace nanoflow::test
