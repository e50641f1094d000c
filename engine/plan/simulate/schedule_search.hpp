// Which schedule a layer runs fastest by: nano-batches, streams, order and shares.
#pragma once
#include "engine/plan/simulate/virtual_time.hpp"

namespace nanoflow::simulate {

struct SearchResult {
  LayerSchedule schedule;
  double seconds = 0;  // of all the layers
  int n_tried = 0;     // schedules run in virtual time
};

/// The fastest schedule of two nano-batches on three streams. The search is bounded: every place of
/// the cut that fills whole tiles, every interleaving of the two nano-batches' segments on the
/// compute stream (the second one also up to a layer behind), element-wise operations between the
/// products or beside them, a few shares; then the best few get every share, launch by launch,
/// until nothing improves, and the fastest over all the model's layers is taken.
SearchResult search_overlap(const DeviceLayer& layer, const DeviceProfile& profile,
                            const SteadyBatch& batch);

/// Seconds that no schedule of this model can beat: products performed at the share they have, and
/// everything else bought at the cheapest share that its curve offers.
double lower_bound(const DeviceLayer& layer, const DeviceProfile& profile,
                   const SteadyBatch& batch);

}  // namespace nanoflow::simulate
