#include "engine/text/json_fields.hpp"

#include "engine/text/quote.hpp"

namespace nanoflow::text {

JsonObject::JsonObject(const nlohmann::json& value, std::string where)
    : value_(value), where_(std::move(where)) {
  if (!value.is_object())
    throw ModelError(where_ + ": expected an object, found " + value.type_name());
}

const nlohmann::json* JsonObject::find(const char* key) const {
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json& JsonObject::at(const char* key) const {
  if (const nlohmann::json* found = find(key)) return *found;
  throw ModelError(where_ + "." + key + ": expected a value, found none");
}

void JsonObject::fail(const char* key, const std::string& expected,
                      const nlohmann::json& found) const {
  const std::string shown = found.is_string() ? quote(found.get_ref<const std::string&>())
                                              : std::string(found.type_name());
  throw ModelError(where_ + "." + key + ": expected " + expected + ", found " + shown);
}

std::string JsonObject::text(const char* key) const {
  const nlohmann::json& found = at(key);
  if (!found.is_string()) fail(key, "a text", found);
  return found.get<std::string>();
}

std::string JsonObject::text(const char* key, std::string_view otherwise) const {
  return find(key) == nullptr ? std::string(otherwise) : text(key);
}

bool JsonObject::flag(const char* key, bool otherwise) const {
  const nlohmann::json* found = find(key);
  if (found == nullptr) return otherwise;
  if (!found->is_boolean()) fail(key, "true or false", *found);
  return found->get<bool>();
}

JsonObject JsonObject::object(const char* key) const {
  return {at(key), where_ + "." + key};
}

const nlohmann::json& JsonObject::array(const char* key) const {
  const nlohmann::json& found = at(key);
  if (!found.is_array()) fail(key, "an array", found);
  return found;
}

}  // namespace nanoflow::text
