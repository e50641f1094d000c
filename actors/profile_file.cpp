#include "actors/profile_file.hpp"

#include <cmath>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "client/protocol.hpp"

namespace nanoflow {
namespace {

constexpr int version = 3;

OperationKind kind_of(const std::string& name) {
  for (int kind = 0; kind < n_operation_kinds; ++kind)
    if (to_string(static_cast<OperationKind>(kind)) == name)
      return static_cast<OperationKind>(kind);
  throw std::runtime_error("no operation is called " + name);
}

double number(const wire::Json& value) {
  const auto result = value.get<double>();
  if (!std::isfinite(result) || result < 0) throw std::runtime_error("not a time or a part");
  return result;
}

Profile parse(const wire::Json& file) {
  Profile profile;
  const auto& peaks = file.at("peaks");
  profile.add_peaks({number(peaks.at("flops_per_s")), number(peaks.at("read_bytes_per_s"))});
  for (const auto& row : file.at("times"))
    profile.add(kind_of(row.at("operation")), static_cast<float>(number(row.at("share"))),
                number(row.at("size")), number(row.at("ms")));
  for (const auto& row : file.at("pairs"))
    profile.add_keeps(kind_of(row.at("operation")), kind_of(row.at("beside")),
                      number(row.at("keeps")));
  return profile;
}

wire::Json to_json(const std::string& key, const Profile& profile) {
  const auto& peaks = profile.peaks();
  wire::Json file = {
      {"version", version},
      {"key", key},
      {"peaks",
       {{"flops_per_s", peaks.flops_per_s}, {"read_bytes_per_s", peaks.read_bytes_per_s}}}};
  auto& times = file["times"] = wire::Json::array();
  for (const auto& [which, points] : profile.times())
    for (const auto& point : points)
      times.push_back({{"operation", to_string(which.first)},
                       {"share", which.second},
                       {"size", point.size},
                       {"ms", point.ms}});
  auto& pairs = file["pairs"] = wire::Json::array();
  for (const auto& [which, keeps] : profile.pairs())
    pairs.push_back({{"operation", to_string(which.first)},
                     {"beside", to_string(which.second)},
                     {"keeps", keeps}});
  return file;
}

}  // namespace

std::optional<Profile> read_profile(const std::filesystem::path& file, const std::string& key) {
  std::ifstream in(file);
  if (file.empty() || !in) return std::nullopt;
  try {
    const auto read = wire::Json::parse(in);
    if (read.at("version") != version || read.at("key") != key) return std::nullopt;
    return parse(read);
  } catch (const std::exception&) {
    return std::nullopt;  // it is measured again, and written over
  }
}

std::string write_profile(const std::filesystem::path& file, const std::string& key,
                          const Profile& profile) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  auto unfinished = file;
  unfinished += ".new";
  std::ofstream out(unfinished);
  out << to_json(key, profile).dump(1) << '\n';
  out.close();
  if (!out) return unfinished.string() + " cannot be written";
  std::filesystem::rename(unfinished, file, error);
  return error ? error.message() : std::string();
}

}  // namespace nanoflow
