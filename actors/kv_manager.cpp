#include "actors/kv_manager.hpp"

#include <map>
#include <utility>
#include <vector>

#include "actors/errors.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

constexpr int most_copies = 4;  // in flight

using PrivateKvManager = KvManagerActor::extend<
    // The answer to a proposal is on its way: time for copies.
    reacts_to<tick_atom>>;
using Buffer = std::shared_ptr<std::vector<std::byte>>;  // [page_bytes]

struct KvManagerState;
using KvManagerSelf = PrivateKvManager::stateful_pointer<KvManagerState>;

struct KvManagerState {
  static inline const char* name = "kv_manager";

  KvManagerSelf self = nullptr;
  KvManagerConfig config;
  std::unique_ptr<KvCache> cache;
  caf::actor_addr scheduler;
  std::vector<Buffer> buffers;              // that nobody uses
  std::map<std::uint64_t, Buffer> arrived;  // by copy: what has no page yet

  GrantsPtr reserve(const Proposal& proposal);
  void start_copies();
  void start_copy(const PageCopy& copy);
  void finish_copy(const PageCopy& copy, const Buffer& bytes, const CopyOutcome& outcome);
  void settle();
  void stop_spilling(const std::string& why);
  Buffer take_buffer();
};

GrantsPtr KvManagerState::reserve(const Proposal& proposal) {
  auto grants = std::make_shared<const Grants>(cache->reserve(proposal));
  if (config.copy) {
    scheduler = caf::actor_cast<caf::actor_addr>(self->current_sender());
    settle();
    self->send(self, tick_atom_v);
  }
  return grants;
}

void KvManagerState::start_copies() {
  if (!config.copy) return;
  for (const auto& copy : cache->start_copies(most_copies)) start_copy(copy);
}

void KvManagerState::start_copy(const PageCopy& copy) {
  const auto bytes = take_buffer();
  if (copy.out) config.device_model->copy_out(copy.page, *bytes);
  const auto job =
      std::make_shared<const CopyJob>(CopyJob{.out = copy.out, .slot = copy.slot, .bytes = bytes});
  self->request(config.copy, caf::infinite, CopyJobPtr(job))
      .then([this, copy,
             bytes](const CopyOutcomePtr& outcome) { finish_copy(copy, bytes, *outcome); },
            [](const caf::error&) {});  // it went down, which is seen
}

void KvManagerState::finish_copy(const PageCopy& copy, const Buffer& bytes,
                                 const CopyOutcome& outcome) {
  if (!config.copy) return;
  if (!outcome.error.empty())
    return stop_spilling(std::string(copy.out ? "writing" : "reading") + ": " + outcome.error);
  if (copy.out)
    buffers.push_back(bytes);
  else
    arrived[copy.id] = bytes;
  cache->copied(copy.id, outcome.ms);
  settle();
  start_copies();
}

/// Before anything else is asked of the cache: what has arrived goes to its page.
void KvManagerState::settle() {
  for (const auto& arrival : cache->take_arrivals()) {
    const auto found = arrived.find(arrival.copy);
    if (found == arrived.end()) continue;
    if (arrival.page) config.device_model->copy_in(*arrival.page, *found->second);
    buffers.push_back(found->second);
    arrived.erase(found);
  }
  const auto listener = caf::actor_cast<PagesListenerActor>(scheduler);
  if (cache->take_ask_again() && listener) self->send(listener, ready_atom_v);
}

void KvManagerState::stop_spilling(const std::string& why) {
  if (!config.copy) return;
  log(LogLevel::warning, "'" + config.model + "': pages are not spilled any more: " + why);
  self->send_exit(std::exchange(config.copy, nullptr), caf::exit_reason::user_shutdown);
  cache->stop_spilling();
  settle();
  arrived.clear();
  buffers.clear();
}

Buffer KvManagerState::take_buffer() {
  if (buffers.empty())
    return std::make_shared<std::vector<std::byte>>(config.device_model->page_bytes());
  auto buffer = std::move(buffers.back());
  buffers.pop_back();
  return buffer;
}

PrivateKvManager::behavior_type kv_manager(KvManagerSelf self, const KvManagerConfig& config) {
  end_on_exceptions(self);
  auto& state = self->state;
  state.self = self;
  state.config = config;
  if (!config.copy) state.config.cache.n_spilled = 0;
  state.cache = std::make_unique<KvCache>(state.config.cache);
  if (config.copy) {
    self->monitor(config.copy);
    self->set_down_handler(
        [&state](const caf::down_msg& down) { state.stop_spilling(explain(down.reason)); });
    self->attach_functor(
        [copy = config.copy] { caf::anon_send_exit(copy, caf::exit_reason::user_shutdown); });
  }
  return {
      [&state](const ProposalPtr& proposal) { return state.reserve(*proposal); },
      [&state](usage_atom) -> UsagePtr {
        return std::make_shared<const KvCache::Usage>(state.cache->usage());
      },
      [&state](tick_atom) { state.start_copies(); },
  };
}

}  // namespace

KvManagerActor spawn_kv_manager(caf::actor_system& system, KvManagerConfig config) {
  return system.spawn(kv_manager, std::move(config));
}

}  // namespace nanoflow
