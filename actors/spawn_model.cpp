#include "actors/spawn_model.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

#include "actors/copy.hpp"
#include "actors/executor.hpp"
#include "actors/kv_manager.hpp"
#include "actors/planner.hpp"
#include "actors/scheduler.hpp"
#include "engine/plan/candidates.hpp"

namespace nanoflow {
namespace {

constexpr std::uint64_t most_spilled = 1 << 24;  // pages: each takes some 200 bytes of memory

/// What ends an answer: by the model's files, and by its vocabulary. Some files name ids that the
/// model has no row for.
std::vector<TokenId> end_tokens(const ModelFiles& files) {
  auto ends = files.checkpoint->generation().end_tokens;
  const auto named = files.tokenizer->end_tokens();
  ends.insert(ends.end(), named.begin(), named.end());
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase_if(ends, [&](TokenId token) {
    return token < 0 || token >= files.checkpoint->config().vocab_size;
  });
  return ends;
}

LoadedModel describe(const CatalogConfig& config, const LoadPlan& plan, const LoadedParts& parts) {
  const Checkpoint& checkpoint = *parts.files.checkpoint;
  LoadedModel model;
  model.name = plan.name;
  model.path = plan.path.string();
  model.architecture = checkpoint.config().architecture;
  model.dtype = to_string(checkpoint.main_dtype());
  model.n_parameters = checkpoint.n_parameters();
  model.vocab_size = checkpoint.config().vocab_size;
  model.context = parts.pool.context;
  model.n_pages = parts.pool.n_pages;
  model.page_bytes = parts.page_bytes;
  model.bytes = parts.device_model->bytes();
  model.defaults = checkpoint.generation();
  model.defaults.end_tokens = end_tokens(parts.files);
  model.graph = parts.device_model->graph();
  model.weights = parts.device_model->weights();
  model.weight_bytes = parts.device_model->weight_bytes();
  model.kv = resolve(plan.kv, plan.weights);
  model.kv_bytes = kv_number_bytes(model.kv, checkpoint.config().head_dim);
  model.max_waiting = config.max_waiting;
  model.tokenizer = parts.files.tokenizer;
  model.chat_template = parts.files.chat_template;
  return model;
}

std::vector<std::string> stream_names(Device& device) {
  std::vector<std::string> names;
  for (const auto& stream : device.streams()) names.push_back(stream->name());
  return names;
}

/// What the times of a model's operations depend on.
std::string profile_key(const CatalogConfig& config, const LoadedModel& model, int n_threads) {
  return std::string(NANOFLOW_VERSION) + ", " + config.device->description() + ", " +
         std::to_string(n_threads) + " threads, " + model.architecture + ", " +
         std::to_string(model.n_parameters) + " parameters, " + model.weights + ", " +
         std::string(to_string(model.kv)) + " pages" + (config.overlap ? "" : ", peaks only");
}

std::filesystem::path profile_file(const CatalogConfig& config, const std::string& key) {
  if (config.cache_dir.empty()) return {};
  std::ostringstream name;
  name << "profile-" << std::hex << std::hash<std::string>()(key) << ".json";
  return config.cache_dir / name.str();
}

/// Null where nothing is to be spilled: model.n_spilled says how many pages may be.
CopyActor spawn_copy_if_wanted(caf::actor_system& system, const CatalogConfig& config,
                               const LoadPlan& plan, LoadedModel& model,
                               const DeviceModel& device_model) {
  const auto page_bytes = device_model.page_bytes();
  if (plan.spill_bytes == 0 || !config.prefix_cache || page_bytes == 0) return {};
  model.n_spilled =
      static_cast<int>(std::min<std::uint64_t>(plan.spill_bytes / page_bytes, most_spilled));
  if (model.n_spilled == 0) return {};
  model.spill_bytes = static_cast<std::uint64_t>(model.n_spilled) * page_bytes;
  return spawn_copy(
      system,
      {.model = model.name,
       .file = {.folder = config.spill_dir, .page_bytes = page_bytes, .n_slots = model.n_spilled}});
}

}  // namespace

std::shared_ptr<const LoadedModel> spawn_model(caf::actor_system& system,
                                               const CatalogConfig& config, const LoadPlan& plan,
                                               const LoadedParts& parts,
                                               const std::vector<StreamActor>& streams) {
  LoadedModel model = describe(config, plan, parts);
  const auto names = stream_names(*config.device);
  const auto& leader = *config.device->streams().front();
  const int n_shared = config.overlap ? leader.n_workers() : 1;  // processors, by two streams
  model.executor =
      spawn_executor(system, {.model = model.name,
                              .device_model = parts.device_model,
                              .kv_bytes = model.kv_bytes,
                              .streams = streams,
                              .stream_names = names,
                              .candidates = candidate_schedules(model.graph, names, n_shared),
                              .monitor = config.monitor,
                              .n_cpus = n_shared,
                              .threads = config.threads});
  if (parts.device_model->probe_limits().n_streams > 0) {
    const auto key = profile_key(config, model, leader.n_workers());
    spawn_planner(system, {.model = model.name,
                           .executor = model.executor,
                           .device_model = parts.device_model,
                           .file = profile_file(config, key),
                           .key = key,
                           .n_cpus = leader.n_workers(),
                           .overlap = config.overlap,
                           .threads = config.threads});
  }
  const CopyActor copy = spawn_copy_if_wanted(system, config, plan, model, *parts.device_model);
  model.kv_manager = spawn_kv_manager(system, {.model = model.name,
                                               .cache = {.n_pages = model.n_pages,
                                                         .prefix_cache = config.prefix_cache,
                                                         .n_spilled = model.n_spilled},
                                               .device_model = parts.device_model,
                                               .copy = copy});
  model.scheduler = spawn_scheduler(system, {.batcher = {.context = model.context,
                                                         .n_pages = model.n_pages,
                                                         .max_sequences = config.max_sequences,
                                                         .max_step_tokens = config.max_step_tokens,
                                                         .max_waiting = config.max_waiting,
                                                         .speculation = config.speculation},
                                             .vocab_size = model.vocab_size,
                                             .kv_manager = model.kv_manager,
                                             .executor = model.executor,
                                             .event_pause = config.event_pause});
  if (config.spawn_tokenizers)
    model.tokenizers = config.spawn_tokenizers(system, std::make_shared<const LoadedModel>(model));
  return std::make_shared<const LoadedModel>(std::move(model));
}

std::string summary(const LoadedModel& model) {
  const auto tokens = static_cast<std::int64_t>(model.n_pages) * page_size;
  return "loaded '" + model.name + "': " + model.architecture + ", " +
         std::to_string((model.n_parameters + 500'000) / 1'000'000) + "M parameters, " +
         model.dtype + " kept as " + model.weights + ", context " + std::to_string(model.context) +
         ", " + std::string(to_string(model.kv)) + " pages for " + std::to_string(tokens) +
         " tokens (" + format_bytes(static_cast<std::uint64_t>(model.n_pages) * model.page_bytes) +
         ")";
}

}  // namespace nanoflow
