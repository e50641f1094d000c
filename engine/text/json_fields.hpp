#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/model/error.hpp"

namespace nanoflow::text {

/// An object of a tokenizer.json, and where it stands in the file, for errors.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, std::string where);

  /// Null when the key is missing or its value is null.
  const nlohmann::json* find(const char* key) const;
  const nlohmann::json& at(const char* key) const;  // must be there
  std::string text(const char* key) const;
  std::string text(const char* key, std::string_view otherwise) const;
  bool flag(const char* key, bool otherwise) const;
  JsonObject object(const char* key) const;
  const nlohmann::json& array(const char* key) const;
  const std::string& where() const { return where_; }

  [[noreturn]] void fail(const char* key, const std::string& expected,
                         const nlohmann::json& found) const;

 private:
  const nlohmann::json& value_;
  std::string where_;
};

/// Calls visit(step) for the object under `key`, or for each of its parts where it is a "Sequence"
/// of them in `list`. Nothing when it is missing or null.
template <class Visit>
void for_each_step(const JsonObject& parent, const char* key, const char* list, Visit visit) {
  if (parent.find(key) == nullptr) return;
  const JsonObject step = parent.object(key);
  if (step.text("type") != "Sequence") return visit(step);
  int number = 0;
  for (const nlohmann::json& part : step.array(list)) {
    const JsonObject one(part, step.where() + "[" + std::to_string(number++) + "]");
    if (one.text("type") == "Sequence")
      one.fail("type", "a step that is no Sequence itself", "Sequence");
    visit(one);
  }
}

}  // namespace nanoflow::text
