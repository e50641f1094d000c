#include "actors/loader.hpp"

#include <new>
#include <stdexcept>
#include <utility>

#include "actors/errors.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

struct LoaderState {
  static inline const char* name = "loader";
};

/// One message for each per cent, not one for each tensor. Throws where the load was cancelled.
auto throttled(const LoadProgressActor& listener,
               const std::shared_ptr<const std::atomic<bool>>& cancelled) {
  return [listener, cancelled, told = std::uint64_t(0)](std::uint64_t done,
                                                        std::uint64_t total) mutable {
    if (*cancelled) throw std::runtime_error("the load was cancelled");
    const auto per_cent = total == 0 ? 100 : done * 100 / total;
    if (!listener || per_cent <= told) return;
    told = per_cent;
    caf::anon_send(listener, progress_atom_v, done, total);
  };
}

LoadedParts load(Device& device, const OpenModelFiles& open, const LoadPlan& plan,
                 const LoadProgressActor& listener) {
  LoadedParts parts;
  parts.files = open(plan.path);
  const auto& checkpoint = parts.files.checkpoint;
  parts.page_bytes = device.page_bytes(checkpoint->config(), plan.weights, plan.kv);
  auto size = plan.budget.size({.model = plan.name,
                                .page_bytes = parts.page_bytes,
                                .weight_bytes = device.weight_bytes(*checkpoint, plan.weights),
                                .model_context = checkpoint->config().context,
                                .context = plan.context,
                                .memory = plan.kv_memory},
                               plan.free_bytes);
  if (auto* error = std::get_if<wire::Error>(&size)) return {.error = std::move(*error)};
  parts.pool = std::get<PoolSize>(size);
  parts.device_model = device.load(checkpoint, {.weights = plan.weights,
                                                .kv = plan.kv,
                                                .context = parts.pool.context,
                                                .n_pages = parts.pool.n_pages,
                                                .n_slots = plan.n_slots,
                                                .max_step_tokens = plan.max_step_tokens,
                                                .progress = throttled(listener, plan.cancelled)});
  return parts;
}

LoadedParts failed(const std::string& message) {
  return {.error = wire::Error{wire::ErrorCode::load_failed, message, {}, {}}};
}

LoadedParts load_or_say_why(Device& device, const OpenModelFiles& open, const LoadPlan& plan,
                            const LoadProgressActor& listener) {
  try {
    return load(device, open, plan, listener);
  } catch (const std::bad_alloc&) {
    return failed("'" + plan.name + "': not enough memory for its weights; " +
                  format_bytes(plan.free_bytes) + " were free");
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}

LoaderActor::behavior_type loader(LoaderActor::stateful_pointer<LoaderState> self,
                                  const std::shared_ptr<Device>& device,
                                  const OpenModelFiles& open) {
  return {
      [self, device, open](const LoadPlanPtr& plan,
                           const LoadProgressActor& listener) -> LoadedPartsPtr {
        self->quit();
        return std::make_shared<const LoadedParts>(load_or_say_why(*device, open, *plan, listener));
      },
  };
}

}  // namespace

ModelFiles open_model_files(const std::filesystem::path& path) {
  ModelFiles files;
  files.checkpoint = Checkpoint::open(path);
  files.tokenizer = load_tokenizer(path);
  try {
    if (const auto source = find_chat_template(path))
      files.chat_template = std::make_shared<const ChatTemplate>(*source);
  } catch (const TemplateError& error) {
    log(LogLevel::warning, path.string() + ": its chat template cannot be used, so that it takes " +
                               "prompts but no messages: " + error.what());
  }
  return files;
}

LoaderActor spawn_loader(caf::actor_system& system, std::shared_ptr<Device> device,
                         OpenModelFiles open, Threads threads) {
  if (threads == Threads::own)
    return system.spawn<caf::detached>(loader, std::move(device), std::move(open));
  return system.spawn(loader, std::move(device), std::move(open));
}

}  // namespace nanoflow
