// Marks of queue ids and times; see load_times.hpp.
#include "queue/load_times.hpp"

#include <algorithm>

namespace postroad::queue {

namespace {

constexpr std::chrono::minutes between_marks{10};
constexpr std::size_t most_marks = 1024;  // seven days; then every second one

}  // namespace

void LoadTimes::add(spool::QueueId id, const Now& now) {
  if (!marks_.empty() &&
      (id.value <= marks_.back().id || now.steady - marks_.back().time.steady < between_marks))
    return;
  if (marks_.size() == most_marks) {
    std::size_t left = 0;
    for (std::size_t i = 0; i < marks_.size(); i += 2) marks_[left++] = marks_[i];
    marks_.resize(left);
  }
  marks_.push_back({id.value, now});
}

std::chrono::milliseconds LoadTimes::age(spool::QueueId id, WallTime since, const Now& now) const {
  const std::chrono::milliseconds by_wall(now.wall - since);
  const auto next = std::find_if(marks_.rbegin(), marks_.rend(),
                                 [&](const Mark& mark) { return mark.id <= id.value; });
  if (next == marks_.rend()) return by_wall;
  const std::chrono::milliseconds before(std::max<WallTime>(next->time.wall - since, 0));
  const auto here = std::chrono::ceil<std::chrono::milliseconds>(now.steady - next->time.steady);
  return std::min(by_wall, before + here);
}

}  // namespace postroad::queue
