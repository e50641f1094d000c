#include "daemon/endpoint.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "client/protocol.hpp"
#include "daemon/config.hpp"

namespace nanoflow {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::strerror(error);
}

/// The folder of the user's default socket in /tmp: private, and really the user's.
void make_private_folder(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw std::runtime_error("cannot make the folder " + folder.string() + ": " + reason(errno));
  struct stat info = {};
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
      (info.st_mode & 077) != 0)
    throw std::runtime_error("the folder " + folder.string() +
                             " must belong to this user and be closed to others (mode 0700)");
}

void open_to_group(const std::string& path, const std::string& group) {
  const ::group* entry = getgrnam(group.c_str());
  if (!entry) {
    log(LogLevel::warning,
        "there is no group '" + group + "': only root and this user may connect");
    return;
  }
  struct stat now = {};
  // The unit's Group= has given it the group already, and its sandbox allows no chown.
  const bool owned = stat(path.c_str(), &now) == 0 && now.st_gid == entry->gr_gid;
  if ((!owned && chown(path.c_str(), uid_t(-1), entry->gr_gid) != 0) ||
      chmod(path.c_str(), 0660) != 0)
    log(LogLevel::warning, "cannot open " + path + " to group '" + group + "': " + reason(errno));
}

bool is_loopback(const std::string& uri) {
  const std::string host = uri.substr(sizeof "tcp://" - 1);
  return host.starts_with("127.") || host.starts_with("localhost:") || host.starts_with("[::1]:");
}

void prepare_tcp(zmq::socket_t& router, const std::string& uri, const std::string& secret_key) {
  if (secret_key.empty() && !is_loopback(uri))
    throw ConfigError("endpoint: " + uri +
                      " is open to other machines: that needs a CURVE key in "
                      "NANOFLOWD_SECRET_KEY; without one use tcp://127.0.0.1:PORT");
  // A machine that vanishes closes no connection.
  router.set(zmq::sockopt::heartbeat_ivl, 1000);
  router.set(zmq::sockopt::heartbeat_timeout, 4000);
  router.set(zmq::sockopt::heartbeat_ttl, 5000);
  router.set(zmq::sockopt::ipv6, 1);
  if (secret_key.empty()) return;
  router.set(zmq::sockopt::curve_server, 1);
  router.set(zmq::sockopt::curve_secretkey, secret_key);
}

}  // namespace

EndpointLock::EndpointLock(const std::string& path) : path_(path) {
  const std::string file = path + ".lock";
  fd_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) throw std::runtime_error("cannot open " + file + ": " + reason(errno));
  if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  close(fd_);
  throw std::runtime_error(error == EWOULDBLOCK
                               ? "address in use: another daemon listens on ipc://" + path
                               : "cannot lock " + file + ": " + reason(error));
}

EndpointLock::~EndpointLock() {
  if (fd_ < 0) return;
  unlink(path_.c_str());  // nobody else can listen there while the lock is held
  close(fd_);
}

std::string resolve_endpoint(const EndpointOptions& options) {
  if (!options.uri.empty()) return options.uri;
  if (options.service)
    return "ipc://" + std::string(std::getenv("RUNTIME_DIRECTORY")) + "/nanoflowd.sock";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string uri = wire::user_endpoint();
  if (!runtime || !*runtime)
    make_private_folder(fs::path(uri.substr(sizeof "ipc://" - 1)).parent_path());
  return uri;
}

std::optional<EndpointLock> bind_endpoint(zmq::socket_t& router, const std::string& uri,
                                          const EndpointOptions& options) {
  const bool ipc = uri.starts_with("ipc://");
  const std::string path = ipc ? uri.substr(sizeof "ipc://" - 1) : "";
  std::optional<EndpointLock> lock;
  if (ipc)
    lock.emplace(path);
  else
    prepare_tcp(router, uri, options.secret_key);
  const mode_t before = umask(0077);
  try {
    router.bind(uri);
  } catch (const zmq::error_t& error) {
    umask(before);
    throw std::runtime_error(error.num() == EADDRINUSE
                                 ? "address in use: something else listens on " + uri
                                 : "cannot listen on " + uri + ": " + error.what());
  }
  umask(before);
  if (ipc && options.service) open_to_group(path, options.group);
  return lock;
}

}  // namespace nanoflow
