#include "daemon/peers.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace nanoflow {
namespace {

struct Account {
  std::string name;
  gid_t group = 0;
};

std::optional<Account> find_account(uid_t uid) {
  std::vector<char> buffer(16384);
  passwd entry = {}, *found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return {};
  return Account{entry.pw_name, entry.pw_gid};
}

bool is_member(const Account& account, const std::string& group) {
  std::vector<char> buffer(65536);
  ::group entry = {}, *found = nullptr;
  if (getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
    return false;
  int count = 64;
  std::vector<gid_t> groups(std::size_t(count), 0);
  if (getgrouplist(account.name.c_str(), account.group, groups.data(), &count) < 0) {
    groups.resize(std::size_t(count));
    getgrouplist(account.name.c_str(), account.group, groups.data(), &count);
  }
  groups.resize(std::size_t(count));
  return std::find(groups.begin(), groups.end(), entry.gr_gid) != groups.end();
}

}  // namespace

ClientInfo identify(std::string_view address, const std::string& admin_group) {
  ClientInfo info;
  info.user = "tcp";
  // From the end: ":uid:gid:pid", which only a unix socket's address has.
  std::size_t begin = address.size();
  for (int colons = 0; colons < 3; ++colons) {
    begin = address.substr(0, begin).rfind(':');
    if (begin == std::string_view::npos) return info;
  }
  std::uint32_t uid = unknown_uid;
  const char* end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + begin + 1, end, uid);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ':') return info;
  info.uid = uid;
  const auto account = find_account(uid);
  info.user = account ? account->name : "uid " + std::to_string(uid);
  info.admin = uid == 0 || uid == geteuid() || (account && is_member(*account, admin_group));
  return info;
}

bool is_automatic_routing_id(std::string_view routing_id) {
  return routing_id.size() == 5 && routing_id[0] == '\0';
}

Peer* Peers::find(const std::string& routing_id) {
  const auto found = by_routing_id_.find(routing_id);
  return found == by_routing_id_.end() ? nullptr : find(found->second);
}

Peer* Peers::find(ClientId client) {
  const auto found = peers_.find(client);
  return found == peers_.end() ? nullptr : &found->second;
}

Peer& Peers::add(std::string routing_id, int fd, ClientInfo info) {
  info.client = next_++;
  by_routing_id_[routing_id] = info.client;
  by_fd_.emplace(fd, info.client);
  const ClientId client = info.client;
  Peer& peer = peers_[client];
  peer.info = std::move(info);
  peer.routing_id = std::move(routing_id);
  peer.fd = fd;
  return peer;
}

void Peers::remove(ClientId client) {
  const auto found = peers_.find(client);
  if (found == peers_.end()) return;
  const Peer& peer = found->second;
  const auto [first, last] = by_fd_.equal_range(peer.fd);
  by_fd_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == client; }));
  by_routing_id_.erase(peer.routing_id);
  if (dead_.insert(peer.routing_id).second) dead_in_order_.push_back(peer.routing_id);
  if (dead_in_order_.size() > max_dead) {
    dead_.erase(dead_in_order_.front());
    dead_in_order_.pop_front();
  }
  peers_.erase(found);
}

std::vector<ClientId> Peers::with_fd(int fd) const {
  std::vector<ClientId> clients;
  const auto [first, last] = by_fd_.equal_range(fd);
  for (auto entry = first; entry != last; ++entry) clients.push_back(entry->second);
  return clients;
}

}  // namespace nanoflow
