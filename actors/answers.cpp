#include "actors/answers.hpp"

#include <set>

#include "actors/sessions.hpp"

namespace nanoflow {
namespace {

wire::Json model_rows(const ModelTable& models) {
  auto rows = wire::Json::array();
  for (const auto& model : models) rows.push_back(model_row(*model));
  return rows;
}

}  // namespace

wire::Json model_row(const LoadedModel& model) {
  return {{"name", model.name},
          {"architecture", model.architecture},
          {"parameters", model.n_parameters},
          {"dtype", model.dtype},
          {"context", model.context},
          {"pages", model.n_pages},
          {"bytes", model.bytes},
          {"path", model.path}};
}

wire::Json models_answer(const ModelTable& models) {
  return {{"models", model_rows(models)}};
}

wire::Json models_answer(const ModelTable& models, const std::vector<AvailableModel>& available) {
  auto rows = model_rows(models);
  for (auto& row : rows) row["loaded"] = true;
  for (const AvailableModel& model : available)
    if (!model.loaded)
      rows.push_back(
          {{"name", model.name}, {"bytes", model.bytes}, {"path", model.path}, {"loaded", false}});
  return {{"models", rows}};
}

wire::Json hello_answer(const std::string& server, const ModelTable& models,
                        const AdmissionLimits& limits) {
  return {{"version", wire::version},
          {"server", server},
          {"models", model_rows(models)},
          {"limits",
           {{"max_message_bytes", wire::max_message_bytes},
            {"max_sequences", limits.max_sequences},
            {"max_waiting", limits.max_waiting}}}};
}

wire::Json status_answer(wire::Json report, const Sessions& sessions) {
  std::set<RequestId> listed;
  wire::Json& rows = report["requests"];
  for (auto& row : rows) {
    const auto number = row.at("number").get<RequestId>();
    listed.insert(number);
    if (const LiveRequest* request = sessions.find(number)) row["user"] = request->owner.user;
  }
  int tokenising = 0;
  for (const RequestId number : sessions.all()) {
    if (listed.contains(number)) continue;
    const LiveRequest& request = *sessions.find(number);
    rows.push_back({{"number", number},
                    {"model", request.model->name},
                    {"state", "tokenising"},
                    {"user", request.owner.user}});
    ++tokenising;
  }
  report["waiting"] = report.value("waiting", 0) + tokenising;
  return report;
}

}  // namespace nanoflow
