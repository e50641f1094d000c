// A listener of a scheduler that writes down all it is told.
#pragma once
#include <algorithm>
#include <map>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "actors/interfaces.hpp"

namespace nanoflow::test {

struct Recorded {
  struct Answer {
    std::vector<std::vector<TokenId>> tokens;  // [n]
    std::vector<Finished> ends;
  };
  std::map<RequestId, Answer> answers;  // of admitted requests
  std::map<RequestId, Refusal> refused;
  std::vector<std::size_t> tokens_in_message;  // of messages that had some
  std::vector<Progress> progress;
};

using RecorderActor = SchedulerListenerActor::extend<
    // Asks the scheduler to admit the request.
    reacts_to<admit_atom, BatchRequestPtr>>;

inline void record(Recorded& recorded, const SchedulerEvents& events) {
  if (!events.step.tokens.empty()) recorded.tokens_in_message.push_back(events.step.tokens.size());
  for (const auto& token : events.step.tokens) {
    BOOST_REQUIRE(recorded.answers.contains(token.request));  // after the admission
    auto& answer = recorded.answers.at(token.request);
    BOOST_TEST(answer.ends.empty());
    auto& tokens = answer.tokens.at(static_cast<std::size_t>(token.choice));
    BOOST_TEST(token.index == std::ssize(tokens));
    tokens.push_back(token.token);
  }
  for (const auto& end : events.step.finished) recorded.answers.at(end.request).ends.push_back(end);
  recorded.progress.insert(recorded.progress.end(), events.progress.begin(), events.progress.end());
}

inline RecorderActor spawn_recorder(caf::actor_system& system, const SchedulerActor& scheduler,
                                    const std::shared_ptr<Recorded>& recorded) {
  return system.spawn([=](RecorderActor::pointer self) -> RecorderActor::behavior_type {
    return {
        [=](const SchedulerEventsPtr& events) { record(*recorded, *events); },
        [=](admit_atom, const BatchRequestPtr& request) {
          self->request(scheduler, caf::infinite, request,
                        SchedulerListenerActor(RecorderActor(self)))
              .then(
                  [=](const AdmissionPtr& admission) {
                    if (admission->refusal == Refusal::none)
                      recorded->answers[request->id].tokens.resize(
                          static_cast<std::size_t>(request->n));
                    else
                      recorded->refused[request->id] = admission->refusal;
                  },
                  [](const caf::error&) {});
        },
    };
  });
}

}  // namespace nanoflow::test
