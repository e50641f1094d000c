#include "engine/plan/simulate/device_profile.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>

namespace nanoflow::simulate {

ShareCurve::ShareCurve(std::vector<Point> points) : points_(std::move(points)) {
  if (points_.empty() || points_.front().share > 0) points_.insert(points_.begin(), {0, 0});
  if (points_.back().share < 1) points_.push_back({1, 1});
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const auto [share, performance] = points_[i];
    const bool within = share >= 0 && share <= 1 && performance >= 0 && performance <= 1;
    const bool ascends =
        i == 0 || (share > points_[i - 1].share && performance >= points_[i - 1].performance);
    if (!within || !ascends)
      throw std::invalid_argument(
          "expected shares that ascend and performances that do not fall, all in 0 to 1");
  }
}

double ShareCurve::performance(double share) const {
  const auto above =
      std::lower_bound(points_.begin(), points_.end(), share,
                       [](const Point& point, double value) { return point.share < value; });
  if (above == points_.end()) return points_.back().performance;
  if (above == points_.begin()) return points_.front().performance;
  const auto below = std::prev(above);
  const double part = (share - below->share) / (above->share - below->share);
  return below->performance + part * (above->performance - below->performance);
}

// share / performance is monotonic along a straight piece, so a point has the minimum.
double ShareCurve::cheapest() const {
  double least = 1;
  for (const auto& [share, performance] : points_)
    if (performance > 0) least = std::min(least, share / performance);
  return least;
}

DeviceProfile load_profile(const std::string& name_or_path) {
  const bool is_path =
      name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml");
  if (is_path) {
    std::ifstream file(name_or_path, std::ios::binary);
    if (!file || std::filesystem::is_directory(name_or_path))
      throw ProfileError(name_or_path + ": cannot be read");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parse_profile(text, name_or_path);
  }
  std::string known;
  for (const auto& profile : built_in_profiles()) {
    if (profile.name == name_or_path) return parse_profile(profile.toml, name_or_path);
    known += (known.empty() ? "" : ", ") + std::string(profile.name);
  }
  throw ProfileError("no profile is called " + name_or_path + ": expected " + known +
                     ", or the path of a TOML file");
}

}  // namespace nanoflow::simulate
