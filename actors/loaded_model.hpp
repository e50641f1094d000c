#pragma once
#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "engine/device/device.hpp"
#include "engine/model/checkpoint.hpp"
#include "engine/text/chat_template.hpp"
#include "engine/text/tokenizer.hpp"

namespace nanoflow {

/// One loaded model: what is known of it, and the actors that serve it. Immutable.
struct LoadedModel {
  std::string name;  // unique among the loaded ones
  std::string path;  // absolute
  std::string architecture, dtype;
  std::int64_t n_parameters = 0;
  int vocab_size = 0;
  int context = 0;  // longest sequence, tokens
  int n_pages = 0;
  int n_spilled = 0;                        // pages that its spill file may hold
  std::uint64_t spill_bytes = 0;            // that file at most
  std::uint64_t page_bytes = 0, bytes = 0;  // one page; all that the model holds in memory
  GenerationDefaults defaults;
  Graph graph;              // what a request costs is counted by it
  std::string weights;      // as they are kept: "int4 and int8"
  double weight_bytes = 2;  // of one weight, on average
  KvFormat kv = KvFormat::bf16;
  double kv_bytes = 2;  // of one number of K or V
  int max_waiting = 0;  // requests

  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  // null: the model has none

  std::vector<TokenizerActor> tokenizers;  // a pool: one request stays with one
  SchedulerActor scheduler;
  KvManagerActor kv_manager;
  ExecutorActor executor;
};

}  // namespace nanoflow
