#include "actors/plan_load.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "actors/model_folder.hpp"
#include "client/suggest.hpp"

namespace nanoflow {
namespace {

using LoadedModelPtr = std::shared_ptr<const LoadedModel>;

wire::Error bad_field(std::string message) {
  return {wire::ErrorCode::bad_field, std::move(message), {}, {}};
}

LoadedModelPtr find_by_name(const ModelTable& loaded, const std::string& name) {
  const auto found = std::find_if(loaded.begin(), loaded.end(),
                                  [&](const auto& model) { return model->name == name; });
  return found == loaded.end() ? nullptr : *found;
}

LoadedModelPtr find_by_path(const ModelTable& loaded, const std::filesystem::path& path) {
  const auto found = std::find_if(loaded.begin(), loaded.end(),
                                  [&](const auto& model) { return model->path == path; });
  return found == loaded.end() ? nullptr : *found;
}

/// Nothing is to be done, unless it should be loaded in another way.
LoadDecision already_loaded(const wire::Load& request, const LoadedModelPtr& model) {
  if (!request.context && !request.kv_memory && !request.weights) return model;
  return wire::Error{
      wire::ErrorCode::load_failed,
      "'" + model->name + "' is loaded already: unload it to change how it is loaded",
      {},
      {}};
}

/// The file's name; with a number where another file of that name is loaded.
std::string unused_name(const std::filesystem::path& path, const ModelTable& loaded) {
  const std::string stem = model_name(path);
  std::string name = stem;
  for (int i = 2; find_by_name(loaded, name); ++i) name = stem + "-" + std::to_string(i);
  return name;
}

}  // namespace

LoadDecision plan_load(const wire::Load& request, const ModelTable& loaded,
                       const CatalogConfig& config, const KvBudget& budget,
                       const KvBudget& spill_budget) {
  if (request.path.empty())
    if (const auto model = find_by_name(loaded, request.name))
      return already_loaded(request, model);
  auto found = find_model(request, config.model_dir);
  if (auto* error = std::get_if<wire::Error>(&found)) return std::move(*error);
  const auto path = std::get<std::filesystem::path>(std::move(found));
  if (const auto model = find_by_path(loaded, path)) return already_loaded(request, model);

  LoadPlan plan{.name = unused_name(path, loaded),
                .path = path,
                .context = request.context ? request.context : config.context,
                .kv_memory = {},
                .weights = config.weights,
                .kv = config.kv,
                .n_slots = config.max_sequences,
                .max_step_tokens = config.max_step_tokens,
                .budget = budget,
                .spill_bytes = spill_budget.share(),
                .free_bytes = config.available_memory()};
  if (request.kv_memory) {
    plan.kv_memory = MemoryAmount::parse(*request.kv_memory);
    if (!plan.kv_memory)
      return bad_field("kv_memory: " + in_quotes(*request.kv_memory) +
                       " is neither a size (4GiB) nor a part (50%)");
  }
  if (request.weights) {
    const auto weights = parse_weight_format(*request.weights);
    if (!weights) {
      return bad_field("weights: " + in_quotes(*request.weights) + " is none of " +
                       std::string(weight_formats));
    }
    plan.weights = *weights;
  }
  return plan;
}

}  // namespace nanoflow
