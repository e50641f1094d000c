// Who asked what, and has not been answered yet.
#pragma once
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/loaded_model.hpp"
#include "actors/messages.hpp"

namespace nanoflow {

/// A generate request that was let in.
struct LiveRequest {
  RequestId number = 0;
  ClientInfo owner;
  wire::RequestId id;
  std::shared_ptr<const LoadedModel> model;
  std::size_t tokenizer = 0;  // index into the model's pool
  bool stream = true;
  std::size_t text_bytes = 0;  // of the prompt, until it is tokenised
  Clock::time_point begin;
  std::optional<Clock::time_point> first_token;
  int prompt_tokens = 0;
  bool cancelled = false;  // remembered until it ends: then it ends as cancelled
  bool gone = false;       // nobody listens any more
};

class Sessions {
 public:
  /// False where the client has a live request of that id.
  bool is_free(ClientId client, const wire::RequestId& id) const;

  // Requests with a stream of events. References stay valid until the request is erased.
  LiveRequest& add(LiveRequest request);
  LiveRequest* find(RequestId number);
  const LiveRequest* find(RequestId number) const;
  /// An id of the client's own, or else the daemon-wide number of a request of the same user.
  LiveRequest* find_target(const ClientInfo& client, const wire::RequestId& target);
  void erase(RequestId number);
  std::vector<RequestId> of_client(ClientId client) const;
  std::vector<RequestId> all() const;
  bool empty() const { return live_.empty(); }
  /// Of the model's pool, the one with the fewest live requests.
  std::size_t least_busy_tokenizer(const LoadedModel& model) const;

  // Questions that other actors are asked first: load, status, ...
  static constexpr std::size_t max_questions = 1024;
  /// A number for it; none where too many wait for an answer.
  std::optional<std::uint64_t> ask(ClientId client, const wire::RequestId& id);
  struct Question {
    ClientId client = 0;
    wire::RequestId id;
  };
  /// Who asked; none where the client is gone.
  std::optional<Question> question(std::uint64_t number) const;
  std::optional<Question> answered(std::uint64_t number);

  /// Its questions are forgotten; its requests stay, for their cancels to end them.
  void client_gone(ClientId client);

 private:
  std::map<ClientId, std::map<wire::RequestId, RequestId>> ids_;  // 0: a question
  std::unordered_map<RequestId, LiveRequest> live_;
  std::unordered_map<std::uint64_t, Question> questions_;
  std::uint64_t next_question_ = 1;
  void free_id(ClientId client, const wire::RequestId& id);
};

}  // namespace nanoflow
