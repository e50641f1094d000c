#include "actors/kv_manager.hpp"

#include "actors/errors.hpp"

namespace nanoflow {
namespace {

struct KvManagerState {
  static inline const char* name = "kv_manager";
  std::unique_ptr<KvCache> cache;
};

KvManagerActor::behavior_type kv_manager(KvManagerActor::stateful_pointer<KvManagerState> self,
                                         KvCache::Options options) {
  end_on_exceptions(self);
  self->state.cache = std::make_unique<KvCache>(options);
  return {
      [self](const ProposalPtr& proposal) -> GrantsPtr {
        return std::make_shared<const Grants>(self->state.cache->reserve(*proposal));
      },
      [self](usage_atom) -> UsagePtr {
        return std::make_shared<const KvCache::Usage>(self->state.cache->usage());
      },
  };
}

}  // namespace

KvManagerActor spawn_kv_manager(caf::actor_system& system, KvCache::Options options) {
  return system.spawn(kv_manager, options);
}

}  // namespace nanoflow
