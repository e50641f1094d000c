// What runs now, as `status` and `metrics` say it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/activity.hpp"
#include "actors/loaded_model.hpp"
#include "actors/metrics.hpp"

namespace nanoflow {

struct ModelState {
  std::shared_ptr<const LoadedModel> model;
  BatchSnapshot snapshot;
  KvCache::Usage usage;
};

struct Report {
  std::string server, device;
  int threads = 0;
  double uptime_s = 0;
  std::uint64_t resident_bytes = 0;
  std::vector<ModelState> models;
  std::vector<StreamActivity::Rates> streams;
  std::map<std::string, StreamActivity::Totals> stream_totals;
  TokenRate::Rate tokens;
};

wire::Json status_fields(const Report& report);
void write_metrics(MetricsText& out, const Report& report);

}  // namespace nanoflow
