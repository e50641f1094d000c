#pragma once
#include "client/protocol.hpp"
#include "engine/plan/schedule_table.hpp"

namespace nanoflow {

/// As the wire's `plan` says it: the schedules, and for each kind of batch that has run the one
/// that was chosen and how it compares with sequential. explained: every candidate's times too, and
/// each schedule's launches in their order.
wire::Json describe_plan(const Graph& graph, const ScheduleTable& table, bool explained);

}  // namespace nanoflow
