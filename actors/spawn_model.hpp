#pragma once
#include <memory>
#include <string>
#include <vector>

#include "actors/catalog.hpp"

namespace nanoflow {

/// Spawns the actors of a model whose parts are loaded, each after those that it talks to.
std::shared_ptr<const LoadedModel> spawn_model(caf::actor_system& system,
                                               const CatalogConfig& config, const LoadPlan& plan,
                                               const LoadedParts& parts,
                                               const std::vector<StreamActor>& streams);

/// One line for the log.
std::string summary(const LoadedModel& model);

}  // namespace nanoflow
