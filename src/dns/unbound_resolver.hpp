// The resolver over libunbound: it caches, retries, follows aliases and validates DNSSEC on one
// thread of the library's own. See docs/design/16-dns.md.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "dns/resolver.hpp"

namespace postroad::dns {

struct UnboundOptions {
  /// "192.0.2.1", "2001:db8::1" or "192.0.2.1@5353"; empty: those of /etc/resolv.conf.
  std::vector<std::string> name_servers{};
  /// DS or DNSKEY records in zone file format, and a file of them. Without any no answer is secure
  /// or bogus.
  std::vector<std::string> trust_anchors{};
  std::string trust_anchor_file{};

  friend bool operator==(const UnboundOptions&, const UnboundOptions&) = default;
};

class UnboundResolver final : public Resolver {
 public:
  /// Queries that libunbound works on at a time, also those whose callers left; further ones wait
  /// in line. Bounds descriptors, and keeps libunbound's pipe (64 KiB) from filling, which would
  /// block.
  static constexpr std::size_t max_under_way = 200;
  /// Queries that wait in line; one more fails at once.
  static constexpr std::size_t max_waiting = 10'000;

  /// `executor` takes the answers off libunbound's descriptor. While queries are under way it has
  /// work. Error: Fault::input for an option with a wrong value, Fault::io.
  static Result<std::unique_ptr<UnboundResolver>> open(boost::asio::any_io_executor executor,
                                                       const UnboundOptions& options);
  /// Joins libunbound's thread, which waits for nothing. Thread rule: any thread; before the
  /// io_context of `executor` is destroyed.
  ~UnboundResolver() override;

 private:
  class State;
  explicit UnboundResolver(std::shared_ptr<State> state);
  [[nodiscard]] std::optional<Response> find(const std::string& name,
                                             RecordType type) const override;
  void start(std::shared_ptr<Query> query) override;

  std::shared_ptr<State> state_;
};

}  // namespace postroad::dns
