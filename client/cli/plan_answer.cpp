#include "client/cli/plan_answer.hpp"

namespace nanoflow::cli {

std::vector<std::pair<std::string, wire::Json>> plans_by_model(const wire::Json& answer) {
  if (answer.empty() || answer.contains("schedules")) return {{"", answer}};
  std::vector<std::pair<std::string, wire::Json>> plans;
  for (const auto& [name, plan] : answer.items()) plans.emplace_back(name, plan);
  return plans;
}

}  // namespace nanoflow::cli
