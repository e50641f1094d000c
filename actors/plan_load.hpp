#pragma once
#include <memory>
#include <variant>

#include "actors/catalog.hpp"

namespace nanoflow {

/// What is done about a load: a plan for the loader; or at once the model, where it is loaded
/// already, or why it cannot be loaded.
using LoadDecision = std::variant<LoadPlan, std::shared_ptr<const LoadedModel>, wire::Error>;
LoadDecision plan_load(const wire::Load& request, const ModelTable& loaded,
                       const CatalogConfig& config, const KvBudget& budget,
                       const KvBudget& spill_budget);

}  // namespace nanoflow
