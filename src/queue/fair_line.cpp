// See fair_line.hpp.
#include "queue/fair_line.hpp"

#include <algorithm>
#include <string>

#include "base/text.hpp"

namespace postroad::queue {

namespace {

constexpr std::uint64_t bytes_of_a_turn = 65'536;
// A larger message counts as one of 1 MiB: to find the next one takes a bounded number of turns.
constexpr std::uint64_t most_turns = 16;

}  // namespace

std::uint64_t sender_of(std::string_view reverse_path) {
  const auto local = reverse_path.substr(0, reverse_path.rfind('@'));
  const auto* const ends = local.find('=') == std::string_view::npos ? "+" : "+-=";
  const auto name = local.substr(0, local.find_first_of(ends));
  return std::hash<std::string>()(lower(name) + lower(reverse_path.substr(local.size())));
}

std::uint64_t sender_of(const spool::Envelope& envelope) {
  if (envelope.login.empty()) return sender_of(envelope.reverse_path);
  return std::hash<std::string>()(lower(envelope.login) + " login");  // no path has a space
}

void FairLine::add(spool::QueueId id, const Share& share) {
  const auto [sender, is_new] = senders_.try_emplace(share.sender);
  if (is_new) turns_.push_back(share.sender);
  const auto cost = std::clamp<std::uint64_t>((share.size + bytes_of_a_turn - 1) / bytes_of_a_turn,
                                              1, most_turns);
  sender->second.by_priority[share.priority].push_back(
      {id.value, static_cast<std::uint32_t>(cost)});
  ++size_;
}

std::vector<spool::QueueId> FairLine::ids() const {
  std::vector<spool::QueueId> all;
  for (const auto& [name, sender] : senders_)
    for (const auto& [priority, entries] : sender.by_priority)
      for (const auto& entry : entries) all.push_back({entry.id});
  return all;
}

bool FairLine::has(spool::QueueId id) const {
  const auto is_it = [id](const Entry& entry) { return entry.id == id.value; };
  for (const auto& [name, sender] : senders_)
    for (const auto& [priority, entries] : sender.by_priority)
      if (std::any_of(entries.begin(), entries.end(), is_it)) return true;
  return false;
}

std::optional<spool::QueueId> FairLine::any() const {
  if (is_empty()) return std::nullopt;
  return spool::QueueId{senders_.at(turns_.front()).by_priority.begin()->second.front().id};
}

std::optional<spool::QueueId> FairLine::next() {
  while (!is_empty()) {
    const auto name = turns_.front();
    auto& sender = senders_.at(name);
    auto& entries = sender.by_priority.begin()->second;
    const auto entry = entries.front();
    turns_.pop_front();
    const bool is_its_turn = ++sender.credit >= entry.cost;
    if (is_its_turn) {
      sender.credit -= entry.cost;
      entries.pop_front();
      if (entries.empty()) sender.by_priority.erase(sender.by_priority.begin());
      --size_;
    }
    if (sender.by_priority.empty())
      senders_.erase(name);
    else
      turns_.push_back(name);
    if (is_its_turn) return spool::QueueId{entry.id};
  }
  return std::nullopt;
}

void FairLine::take_out(const std::unordered_set<std::uint64_t>& ids) {
  size_ = 0;
  for (auto& [name, sender] : senders_) {
    for (auto& [priority, entries] : sender.by_priority) {
      std::erase_if(entries, [&](const Entry& entry) { return ids.contains(entry.id); });
      size_ += entries.size();
    }
    std::erase_if(sender.by_priority, [](const auto& one) { return one.second.empty(); });
  }
  std::erase_if(senders_, [](const auto& one) { return one.second.by_priority.empty(); });
  std::erase_if(turns_, [&](std::uint64_t name) { return !senders_.contains(name); });
}

}  // namespace postroad::queue
