#include "actors/sessions.hpp"

#include <algorithm>

namespace nanoflow {

bool Sessions::is_free(ClientId client, const wire::RequestId& id) const {
  const auto found = ids_.find(client);
  return found == ids_.end() || !found->second.contains(id);
}

LiveRequest& Sessions::add(LiveRequest request) {
  ids_[request.owner.client][request.id] = request.number;
  const RequestId number = request.number;
  return live_.emplace(number, std::move(request)).first->second;
}

LiveRequest* Sessions::find(RequestId number) {
  const auto found = live_.find(number);
  return found == live_.end() ? nullptr : &found->second;
}

const LiveRequest* Sessions::find(RequestId number) const {
  const auto found = live_.find(number);
  return found == live_.end() ? nullptr : &found->second;
}

LiveRequest* Sessions::find_target(const ClientInfo& client, const wire::RequestId& target) {
  if (const auto own = ids_.find(client.client); own != ids_.end())
    if (const auto found = own->second.find(target); found != own->second.end())
      return find(found->second);
  const auto* number = std::get_if<std::uint64_t>(&target);
  LiveRequest* request = number ? find(*number) : nullptr;
  const bool same_user = request && client.uid != unknown_uid && request->owner.uid == client.uid;
  return same_user ? request : nullptr;
}

void Sessions::erase(RequestId number) {
  const auto found = live_.find(number);
  if (found == live_.end()) return;
  free_id(found->second.owner.client, found->second.id);
  live_.erase(found);
}

void Sessions::free_id(ClientId client, const wire::RequestId& id) {
  const auto found = ids_.find(client);
  if (found == ids_.end()) return;
  found->second.erase(id);
  if (found->second.empty()) ids_.erase(found);
}

std::vector<RequestId> Sessions::of_client(ClientId client) const {
  std::vector<RequestId> numbers;
  if (const auto found = ids_.find(client); found != ids_.end())
    for (const auto& [id, number] : found->second)
      if (number != 0) numbers.push_back(number);
  return numbers;
}

std::vector<RequestId> Sessions::all() const {
  std::vector<RequestId> numbers;
  for (const auto& [number, request] : live_) numbers.push_back(number);
  return numbers;
}

std::size_t Sessions::least_busy_tokenizer(const LoadedModel& model) const {
  std::vector<int> busy(model.tokenizers.size());
  for (const auto& [number, request] : live_)
    if (request.model->name == model.name && request.tokenizer < busy.size())
      ++busy[request.tokenizer];
  return std::size_t(std::min_element(busy.begin(), busy.end()) - busy.begin());
}

std::optional<std::uint64_t> Sessions::ask(ClientId client, const wire::RequestId& id) {
  if (questions_.size() >= max_questions) return {};
  ids_[client][id] = 0;
  questions_.emplace(next_question_, Question{client, id});
  return next_question_++;
}

std::optional<Sessions::Question> Sessions::question(std::uint64_t number) const {
  const auto found = questions_.find(number);
  if (found == questions_.end()) return {};
  return found->second;
}

std::optional<Sessions::Question> Sessions::answered(std::uint64_t number) {
  const auto found = questions_.find(number);
  if (found == questions_.end()) return {};
  const Question question = std::move(found->second);
  questions_.erase(found);
  free_id(question.client, question.id);
  return question;
}

void Sessions::client_gone(ClientId client) {
  std::erase_if(questions_, [&](const auto& entry) { return entry.second.client == client; });
  const auto found = ids_.find(client);
  if (found == ids_.end()) return;
  std::erase_if(found->second, [](const auto& entry) { return entry.second == 0; });
  if (found->second.empty()) ids_.erase(found);
}

}  // namespace nanoflow
