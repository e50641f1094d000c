#include "engine/model/weight_source.hpp"

#include <algorithm>
#include <utility>

#include "engine/model/error.hpp"

namespace nanoflow {

namespace {

using Shape = std::vector<std::int64_t>;

std::string to_text(const Shape& shape) {
  std::string out;
  for (const std::int64_t size : shape) {
    out += out.empty() ? "[" : ", ";
    out += std::to_string(size);
  }
  return out + "]";
}

}  // namespace

WeightSource::WeightSource(std::string file, std::span<const TensorView> tensors)
    : file_(std::move(file)) {
  for (const TensorView& tensor : tensors) tensors_.emplace(tensor.name, &tensor);
}

TensorView WeightSource::take(const std::string& name, const Shape& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw ModelError(file_ + ": tensor " + name + ": expected " + to_text(shape) + ", found none");
  }
  TensorView tensor = *found->second;
  if (tensor.shape != shape) {
    throw ModelError(file_ + ": tensor " + name + ": expected " + to_text(shape) + ", found " +
                     to_text(tensor.shape));
  }
  tensors_.erase(found);
  taken_[tensor.dtype] += tensor.elements();
  return tensor;
}

void WeightSource::ignore_if(bool (*unused)(std::string_view name)) {
  std::erase_if(tensors_, [&](const auto& entry) { return unused(entry.first); });
}

void WeightSource::rename(std::string_view from, std::string_view to) {
  std::unordered_map<std::string, const TensorView*> renamed;
  for (const auto& [name, tensor] : tensors_) {
    std::string now = name;
    if (now.starts_with(from)) now.replace(0, from.size(), to);
    if (!renamed.emplace(std::move(now), tensor).second) {
      throw ModelError(file_ + ": tensor " + printable(name) + " is there under two names");
    }
  }
  tensors_ = std::move(renamed);
}

std::int64_t WeightSource::rows(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() || found->second->shape.empty() ? 0 : found->second->shape.front();
}

void WeightSource::expect_all_taken() const {
  if (tensors_.empty()) return;
  const auto first =
      std::ranges::min_element(tensors_, {}, [](const auto& entry) { return entry.first; });
  throw ModelError(file_ + ": tensor " + printable(first->first) + to_text(first->second->shape) +
                   " has no place in this architecture (" + std::to_string(tensors_.size()) +
                   " such tensors)");
}

std::int64_t WeightSource::n_parameters() const {
  std::int64_t n = 0;
  for (const auto& [dtype, count] : taken_) n += count;
  return n;
}

DType WeightSource::main_dtype() const {
  return std::ranges::max_element(taken_, {}, [](const auto& entry) { return entry.second; })
      ->first;
}

}  // namespace nanoflow
