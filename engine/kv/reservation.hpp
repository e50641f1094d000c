// What a scheduler and a KV cache say to each other, once per step: one Proposal, answered by
// Grants.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

using SequenceId = std::uint64_t;  // one start of a sequence, never used twice by a batcher
using Tokens = std::shared_ptr<const std::vector<TokenId>>;

/// Rows that one sequence wants to compute in the next step.
struct Reservation {
  SequenceId sequence = 0;
  int n_rows = 0;      // at most; a sequence's first reservation counts them after what was cached
  bool chunk = false;  // fewer rows will do: rows of a prompt. Otherwise all or nothing
  int n_draft = 0;  // but for these of them, which are guesses: fewer, and none for want of pages
  int n_again = 0;  // rows that it was granted before, the last ones, which are to be computed
                    // again: guesses that were wrong. The rows asked for begin there
  Tokens prompt;  // its known tokens, with its first reservation only: looked up in the prefix tree
  std::string salt;  // with prompt: shares pages only with prompts of the same salt
};

struct Grant {
  SequenceId sequence = 0;
  int n_rows = 0;  // to compute in the step; 0: deferred, ask again; nothing was taken
  bool exhausted =
      false;  // deferred because no page is left, not for want of rows or to share a prefix
  int cached_tokens = 0;  // with the first grant: the sequence's first cached_tokens need no
                          // computing (whole pages, at least one token short of the prompt)
  std::vector<PageId> new_pages;  // to append to the sequence's page table
};

/// The end of a sequence, after the last step that has a row of it. computed is what its pages
/// hold: its full pages enter the prefix tree.
struct Release {
  SequenceId sequence = 0;
  Tokens computed;  // null: its pages are just freed
};

/// Everything about one step, applied in the order of the fields.
struct Proposal {
  std::uint64_t round = 0;  // names this proposal, never used twice
  bool clear = false;       // the device lost its pages: forget all sequences and the prefix tree
  std::vector<Release> releases;
  std::uint64_t step = 0;      // the step that the rows are for
  std::uint64_t finished = 0;  // steps up to this one have ended: what they wrote is there
  double row_ms = 0;           // what a row of a prompt takes, by the latest steps; 0: not known
  int max_rows = 0;            // granted in all
  int keep_free = 0;  // pages that a first grant leaves free, for those that run already to grow
  std::vector<Reservation> reservations;  // in rank order
};

struct Grants {
  std::uint64_t round = 0;
  std::vector<Grant> grants;  // [reservations]
};

}  // namespace nanoflow
