// Who may be told what: every actor's typed interface. messages.hpp has what is said.
#pragma once
#include <caf/all.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "engine/plan/profile.hpp"

namespace nanoflow {

using StepPtr = std::shared_ptr<const Step>;
using ProgramPtr = std::shared_ptr<const Program>;
using ProposalPtr = std::shared_ptr<const Proposal>;
using GrantsPtr = std::shared_ptr<const Grants>;
using StepOutcomePtr = std::shared_ptr<const StepOutcome>;
struct StepPrograms;
using StepProgramsPtr = std::shared_ptr<const StepPrograms>;
using ProbePtr = std::shared_ptr<const Probe>;
using ProfilePtr = std::shared_ptr<const Profile>;
using SearchOutcomePtr = std::shared_ptr<const SearchOutcome>;
using TimelinesPtr = std::shared_ptr<const std::vector<ProgramTimeline>>;
using ClientMessagePtr = std::shared_ptr<const ClientMessage>;
using GenerateJobPtr = std::shared_ptr<const GenerateJob>;
using TokenizeJobPtr = std::shared_ptr<const TokenizeJob>;
using TextAnswerPtr = std::shared_ptr<const TextAnswer>;
using RequestEventsPtr = std::shared_ptr<const RequestEvents>;
using SchedulerEventsPtr = std::shared_ptr<const SchedulerEvents>;
using BatchRequestPtr = std::shared_ptr<const BatchRequest>;
using AdmissionPtr = std::shared_ptr<const Admission>;
using SnapshotPtr = std::shared_ptr<const BatchSnapshot>;
using CopyJobPtr = std::shared_ptr<const CopyJob>;
using CopyOutcomePtr = std::shared_ptr<const CopyOutcome>;
using UsagePtr = std::shared_ptr<const KvCache::Usage>;
using ModelTablePtr = std::shared_ptr<const ModelTable>;
using LoadJobPtr = std::shared_ptr<const LoadJob>;
using LoadOutcomePtr = std::shared_ptr<const LoadOutcome>;
using AvailablePtr = std::shared_ptr<const std::vector<AvailableModel>>;
using RequestRecordPtr = std::shared_ptr<const RequestRecord>;
using StreamTimelinesPtr = std::shared_ptr<const StreamTimelines>;
using StatusReportPtr = std::shared_ptr<const StatusReport>;
using JsonPtr = std::shared_ptr<const wire::Json>;

}  // namespace nanoflow

CAF_BEGIN_TYPE_ID_BLOCK(nanoflow, caf::first_custom_type_id)
CAF_ADD_ATOM(nanoflow, nanoflow, admit_atom, "admit")
CAF_ADD_ATOM(nanoflow, nanoflow, cancel_atom, "cancel")
CAF_ADD_ATOM(nanoflow, nanoflow, stop_atom, "stop")
CAF_ADD_ATOM(nanoflow, nanoflow, run_atom, "run")
CAF_ADD_ATOM(nanoflow, nanoflow, ping_atom, "ping")
CAF_ADD_ATOM(nanoflow, nanoflow, pong_atom, "pong")
CAF_ADD_ATOM(nanoflow, nanoflow, tick_atom, "tick")
CAF_ADD_ATOM(nanoflow, nanoflow, snapshot_atom, "snapshot")
CAF_ADD_ATOM(nanoflow, nanoflow, usage_atom, "usage")
CAF_ADD_ATOM(nanoflow, nanoflow, plan_atom, "plan")
CAF_ADD_ATOM(nanoflow, nanoflow, streams_atom, "streams")
CAF_ADD_ATOM(nanoflow, nanoflow, load_atom, "load")
CAF_ADD_ATOM(nanoflow, nanoflow, unload_atom, "unload")
CAF_ADD_ATOM(nanoflow, nanoflow, list_atom, "list")
CAF_ADD_ATOM(nanoflow, nanoflow, progress_atom, "progress")
CAF_ADD_ATOM(nanoflow, nanoflow, subscribe_atom, "subscribe")
CAF_ADD_ATOM(nanoflow, nanoflow, status_atom, "status")
CAF_ADD_ATOM(nanoflow, nanoflow, metrics_atom, "metrics")
CAF_ADD_ATOM(nanoflow, nanoflow, trace_atom, "trace")
CAF_ADD_ATOM(nanoflow, nanoflow, drain_atom, "drain")
CAF_ADD_ATOM(nanoflow, nanoflow, reload_atom, "reload")
CAF_ADD_ATOM(nanoflow, nanoflow, recover_atom, "recover")
CAF_ADD_ATOM(nanoflow, nanoflow, idle_atom, "idle")
CAF_ADD_ATOM(nanoflow, nanoflow, ready_atom, "ready")
CAF_ADD_ATOM(nanoflow, nanoflow, tell_atom, "tell")
CAF_END_TYPE_ID_BLOCK(nanoflow)

namespace nanoflow {

using caf::reacts_to;
using caf::replies_to;

// ---- The pieces that others are told of --------------------------------------------------------

/// Where a tokenizer's events go.
using EventSinkActor = caf::typed_actor<reacts_to<RequestEventsPtr>>;
/// Where a scheduler's events go: at most one message a step, with what concerns the listener's
/// requests.
using SchedulerListenerActor = caf::typed_actor<reacts_to<SchedulerEventsPtr>>;
/// Is told whenever a model was loaded or unloaded, and at once when it subscribes.
using ModelListenerActor = caf::typed_actor<reacts_to<ModelTablePtr>>;
/// A scheduler: pages that it was deferred for may be there, and it should ask again.
using PagesListenerActor = caf::typed_actor<reacts_to<ready_atom>>;

// ---- The actors, in the order of a request's life ----------------------------------------------

using GatewayActor = caf::typed_actor<
    // From the socket thread, in the order in which they happened.
    reacts_to<ClientMessagePtr>, reacts_to<ClientGone>, reacts_to<ClientStalled>,
    // From the tokenizers: events to send.
    reacts_to<RequestEventsPtr>,
    // From the catalog.
    reacts_to<ModelTablePtr>,
    // Refuses new requests from now on; answers when the last one ended. What still runs after so
    // many milliseconds ends with the error `shutdown`.
    replies_to<drain_atom, std::int64_t>::with<pong_atom>,
    // What a client's ping is: a round trip through every model's scheduler and streams.
    replies_to<ping_atom>::with<pong_atom>,
    // The configuration was read again: max_sequences and max_waiting.
    reacts_to<reload_atom, int, int>>;

using TokenizerActor = caf::typed_actor<
    // A new request, and where its events go: exactly one Done or Error at last.
    reacts_to<GenerateJobPtr, EventSinkActor>,
    // Nothing happens where the request has ended already.
    reacts_to<cancel_atom, RequestId, FinishReason>,
    // From the scheduler.
    reacts_to<SchedulerEventsPtr>,
    // tokenize, detokenize, apply_template.
    replies_to<TokenizeJobPtr>::with<TextAnswerPtr>>;

using SchedulerActor = caf::typed_actor<
    // Events of the request go to the listener, after the answer. Only an admitted one has any.
    replies_to<BatchRequestPtr, SchedulerListenerActor>::with<AdmissionPtr>,
    reacts_to<cancel_atom, RequestId, FinishReason>,
    // A stop string was found: request, choice, tokens to keep.
    reacts_to<stop_atom, RequestId, int, int>, replies_to<snapshot_atom>::with<SnapshotPtr>,
    // A round trip through executor and streams.
    replies_to<ping_atom>::with<pong_atom>>;

using KvManagerActor = caf::typed_actor<
    // From a PagesListenerActor.
    replies_to<ProposalPtr>::with<GrantsPtr>, replies_to<usage_atom>::with<UsagePtr>>;

using CopyActor = caf::typed_actor<
    // Copies beside all that runs; answers when it is done.
    replies_to<CopyJobPtr>::with<CopyOutcomePtr>>;

using StreamActor = caf::typed_actor<
    // The leader, a device's first stream: hands each follower its program, and answers when all
    // have run, with every stream's timeline; with an error where the device failed.
    replies_to<StepProgramsPtr>::with<TimelinesPtr>,
    // A follower, from the leader: so all streams run steps in the same order, whatever models
    // they are of, and none ever waits for one that waits for it.
    reacts_to<ProgramPtr>, replies_to<ping_atom>::with<pong_atom>>;

/// A step's programs, by stream, and who runs them, but for the leader.
struct StepPrograms {
  std::vector<ProgramPtr> programs;
  std::vector<StreamActor> followers;
};

using ExecutorActor = caf::typed_actor<
    // At most two steps at a time; answers in order. A failed device is an outcome, not an error;
    // after it every step fails, since it may have been formed before the failure was known,
    replies_to<StepPtr>::with<StepOutcomePtr>,
    // until the scheduler says that its steps start anew from here.
    reacts_to<recover_atom>,
    // From the catalog: the streams to use from now on, in the device's order.
    reacts_to<streams_atom, std::vector<StreamActor>>, replies_to<ping_atom>::with<pong_atom>,
    // From the planner: measures something, or answers null where a step is in flight; answers when
    // none is; what was measured.
    replies_to<ProbePtr>::with<TimelinesPtr>, replies_to<idle_atom>::with<pong_atom>,
    reacts_to<ProfilePtr>,
    // From a search that it started.
    reacts_to<SearchOutcomePtr>,
    // The schedule table; true: explained.
    replies_to<plan_atom, bool>::with<JsonPtr>>;

/// How far a load is: bytes done, and in all.
using LoadProgressActor = caf::typed_actor<reacts_to<progress_atom, std::uint64_t, std::uint64_t>>;

using CatalogActor = caf::typed_actor<
    // Answers when the model is loaded, or says why not; until then tells how far it is.
    replies_to<LoadJobPtr, LoadProgressActor>::with<LoadOutcomePtr>,
    // By name; answers with an error text, empty where it was unloaded. Its requests end first.
    replies_to<unload_atom, std::string>::with<std::string>,
    replies_to<list_atom>::with<AvailablePtr>, reacts_to<subscribe_atom, ModelListenerActor>>;

using MonitorActor =
    caf::typed_actor<reacts_to<RequestRecordPtr>, reacts_to<StreamTimelinesPtr>,
                     reacts_to<ModelTablePtr>, replies_to<status_atom>::with<StatusReportPtr>,
                     // Prometheus' exposition format.
                     replies_to<metrics_atom>::with<std::string>,
                     // What the streams do in the next so many seconds, in the trace-event format.
                     replies_to<trace_atom, double>::with<JsonPtr>>;

using SupervisorActor = caf::typed_actor<
    // The models to have, by name or absolute path: loads what is new since the last such message,
    // and unloads what is no longer there.
    reacts_to<reload_atom, std::vector<std::string>>,
    // Drain: what still runs after so many milliseconds ends with `shutdown`; then everything ends.
    reacts_to<drain_atom, std::int64_t>,
    // The watchdog's round trip through every actor.
    reacts_to<ping_atom>>;

}  // namespace nanoflow

// Actors live in one process: nothing here is ever written to a network.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::StepPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ProgramPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ProposalPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::GrantsPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::CopyJobPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::CopyOutcomePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::StepOutcomePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::StepProgramsPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::TimelinesPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ProbePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ProfilePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::SearchOutcomePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ClientMessagePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::GenerateJobPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::TokenizeJobPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::TextAnswerPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::RequestEventsPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::SchedulerEventsPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::BatchRequestPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::AdmissionPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::SnapshotPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::UsagePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ModelTablePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::LoadJobPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::LoadOutcomePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::AvailablePtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::RequestRecordPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::StreamTimelinesPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::StatusReportPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::JsonPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ClientGone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::ClientStalled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::FinishReason)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<nanoflow::StreamActor>)
