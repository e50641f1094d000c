#include "actors/errors.hpp"

namespace nanoflow {

caf::error as_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return caf::make_error(ActorError::internal, std::string(error.what()));
  } catch (...) {
    return caf::make_error(ActorError::internal, std::string("an exception of an unknown type"));
  }
}

std::string explain(const caf::error& error) {
  const auto& context = error.context();
  if (error.category() == caf::atom("nanoflow") && context.match_elements<std::string>())
    return context.get_as<std::string>(0);
  return caf::to_string(error);
}

}  // namespace nanoflow
