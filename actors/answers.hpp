// What the daemon's `ok` answers hold, as docs/protocol.md names the fields.
#pragma once
#include "actors/admissions.hpp"
#include "actors/loaded_model.hpp"
#include "actors/messages.hpp"

namespace nanoflow {

class Sessions;

wire::Json model_row(const LoadedModel& model);
wire::Json models_answer(const ModelTable& models);
/// The loaded ones and those in the model folder.
wire::Json models_answer(const ModelTable& models, const std::vector<AvailableModel>& available);
wire::Json hello_answer(const std::string& server, const ModelTable& models,
                        const AdmissionLimits& limits);
/// The monitor's report with each request's owner, and those that are still being tokenised.
wire::Json status_answer(wire::Json report, const Sessions& sessions);

}  // namespace nanoflow
