// The answers that came lately, for the next query of the same name: libunbound has a cache of its
// own, but each answer from it crosses two threads. Thread rule: any thread.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dns/answer.hpp"
#include "dns/records.hpp"

namespace postroad::dns {

class AnswerCache final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// When there are as many, those that are over are forgotten; then all.
  static constexpr std::size_t most = 10'000;
  static constexpr std::chrono::seconds longest{300};
  static constexpr std::size_t largest = 4096;  ///< bytes of data; a larger answer is not kept

  /// Names are compared without case and final dot.
  [[nodiscard]] std::optional<Response> find(std::string_view name, RecordType type,
                                             Time now) const;
  /// Keeps an answer for its lifetime; not one that failed.
  void add(std::string_view name, RecordType type, const Response& response, Time now);

 private:
  struct Entry {
    Response response;
    Time until;
  };
  using Key = std::pair<std::string, RecordType>;
  static Key key_of(std::string_view name, RecordType type);

  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
};

}  // namespace postroad::dns
