#pragma once
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

/// Which of the device's slots are free. A slot may be given to the next sequence while steps with
/// the last one's rows are in flight: steps run one after the other, and the next one begins it
/// anew.
class Slots {
 public:
  explicit Slots(int n_slots) : n_slots_(n_slots) { give_all(); }

  int free() const { return static_cast<int>(free_.size()); }
  SlotId take() {
    const SlotId slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give(SlotId slot) { free_.push_back(slot); }
  void give_all() {
    free_.clear();
    for (SlotId slot = n_slots_ - 1; slot >= 0; --slot) free_.push_back(slot);
  }

 private:
  int n_slots_;
  std::vector<SlotId> free_;
};

}  // namespace nanoflow
