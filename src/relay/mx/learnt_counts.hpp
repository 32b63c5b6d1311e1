// Numbers that hosts enforce and do not announce, so that the client keeps within them: messages
// per connection (421 in place of the next one), recipients per transaction (452 to the next one).
// A number is learnt when it was met twice: once may be a restart or a full disk. A text file in
// the data folder keeps them (docs/formats/learnt.md). Thread rule: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace postroad::relay::mx {

class LearntCounts final {
 public:
  /// Reads the file. Empty: nothing is kept on disk.
  explicit LearntCounts(std::filesystem::path file = {});
  /// The limit of `key` was met at this number. `now`: Unix milliseconds.
  void note(const std::string& key, std::size_t count, std::int64_t now);
  /// The smaller one of the number that was learnt and `limit`.
  [[nodiscard]] std::size_t limit(const std::string& key, std::size_t limit,
                                  std::int64_t now) const;

 private:
  static constexpr std::size_t most = 10'000;
  static constexpr std::int64_t memory = 24 * 3600 * 1000;  // milliseconds
  struct Known {
    std::size_t count = 0;
    bool is_sure = false;
    std::int64_t until = 0;  // Unix milliseconds
  };
  void save() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace postroad::relay::mx
