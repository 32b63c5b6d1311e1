// A table of DNS answers for tests, and the bytes of records. ScriptedResolver answers from it
// directly, TestNameServer by UDP.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/answer.hpp"
#include "dns/records.hpp"

namespace postroad::dns {

/// Record data.
std::string address_data(std::string_view address);
std::string name_data(std::string_view name);
std::string mx_data(std::uint16_t preference, std::string_view exchange);
std::string tlsa_data(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching,
                      std::string_view data);
std::string txt_data(const std::vector<std::string>& strings);

/// Names are compared without case and final dot. A name that has no entry does not exist; another
/// type of a name that has one has no data. Thread rule: any thread.
class Script final {
 public:
  /// Puts an answer in place of the one before it.
  void set(std::string_view name, RecordType type, Response response);
  void records(std::string_view name, RecordType type, std::vector<std::string> data,
               std::string canonical_name = {});
  /// Status::temporary_failure.
  void fail(std::string_view name, RecordType type, std::string reason = "SERVFAIL");
  [[nodiscard]] Response find(std::string_view name, RecordType type) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<RecordType, Response>> entries_;
};

}  // namespace postroad::dns
