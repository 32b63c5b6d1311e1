// A resolver for tests: it answers from a Script, counts the queries, and can hold answers back.
#pragma once

#include <mutex>
#include <vector>

#include "dns/resolver.hpp"
#include "dns/testing/script.hpp"

namespace postroad::dns {

class ScriptedResolver final : public Resolver {
 public:
  ~ScriptedResolver() override;

  /// The answers; may be changed at any time.
  [[nodiscard]] Script& script() noexcept { return script_; }
  /// From now on no query is answered, until `release` answers all that wait.
  void hold();
  void release();
  /// The queries so far, in their order.
  [[nodiscard]] std::vector<std::pair<std::string, RecordType>> queries() const;
  [[nodiscard]] std::size_t count(std::string_view name, RecordType type) const;

 private:
  void start(std::shared_ptr<Query> query) override;

  Script script_;
  mutable std::mutex mutex_;
  bool is_holding_ = false;
  std::vector<std::shared_ptr<Query>> held_;
  std::vector<std::pair<std::string, RecordType>> queries_;
};

}  // namespace postroad::dns
