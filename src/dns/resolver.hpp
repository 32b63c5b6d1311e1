// The one way to ask the DNS. A coroutine names what it wants and its deadline, and continues on
// its own executor with an Answer:
//
//   const auto answer = co_await resolver.mx("example.org", now + 30s);
//   if (!answer) co_return answer.error();           // cancelled, or not a domain name
//   if (answer->status == dns::Status::records) ...  // answer->records
//
// Implementations: UnboundResolver (unbound_resolver.hpp), and for tests ScriptedResolver
// (testing/scripted_resolver.hpp). Not here: policy, such as which exchanger is tried first.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <postroad/result.hpp>
#include <string>

#include "dns/answer.hpp"
#include "dns/records.hpp"

namespace postroad::dns {

using Time = std::chrono::steady_clock::time_point;

/// One query on its way to an implementation. Thread rule: any thread.
class Query final : public std::enable_shared_from_this<Query> {
 public:
  Query(std::string name, RecordType type, boost::asio::steady_timer& bell)
      : name_(std::move(name)), type_(type), bell_(&bell) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] RecordType type() const noexcept { return type_; }
  /// The first answer counts; one after the caller left is ignored.
  void answer(Response response);
  /// The caller's deadline passed, or it was cancelled: the answer is no longer needed.
  [[nodiscard]] bool is_abandoned() const;

  /// For Resolver: ends the wait; returns the answer, if one came.
  void abandon();
  std::optional<Response> take();

 private:
  const std::string name_;
  const RecordType type_;
  mutable std::mutex mutex_;
  boost::asio::steady_timer* bell_;  // null once the wait has ended
  std::optional<Response> response_;
};

/// Every query ends at its deadline with Status::temporary_failure, whatever the implementation
/// does, and at once when its coroutine is cancelled.
/// Names are A-labels, at most 253 bytes, with or without a final dot (names.hpp).
/// Error: Fault::input (not a domain name), Fault::cancelled.
/// Thread rule: queries may be made from coroutines on any thread. The resolver must live when a
/// query begins; a resolver that is destroyed ends its queries with Status::temporary_failure.
class Resolver {
 public:
  using Address = boost::asio::ip::address;
  template <class Record>
  using Lookup = boost::asio::awaitable<Result<Answer<Record>>>;

  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;

  Lookup<MxRecord> mx(std::string name, Time deadline);
  Lookup<Address> a(std::string name, Time deadline);
  Lookup<Address> aaaa(std::string name, Time deadline);
  /// The target of an alias.
  Lookup<std::string> cname(std::string name, Time deadline);
  Lookup<TlsaRecord> tlsa(std::string name, Time deadline);
  /// The strings of each record, joined.
  Lookup<std::string> txt(std::string name, Time deadline);
  /// The names of an address (RFC 1035 section 3.5).
  Lookup<std::string> ptr(Address address, Time deadline);
  /// The key records of a zone, as data; of "." also.
  Lookup<std::string> dnskey(std::string zone, Time deadline);

 protected:
  /// For a resolver that passes its queries on.
  static void pass_on(Resolver& to, std::shared_ptr<Query> query) { to.start(std::move(query)); }
  static std::optional<Response> find_at(const Resolver& at, const std::string& name,
                                         RecordType type) {
    return at.find(name, type);
  }

 private:
  template <class Record>
  Lookup<Record> ask(std::string name, RecordType type, Time deadline,
                     std::optional<Record> (*parse)(std::string_view));
  template <class Record>
  Lookup<Record> ask_valid(std::string name, RecordType type, Time deadline,
                           std::optional<Record> (*parse)(std::string_view));

  /// An answer that is there already.
  [[nodiscard]] virtual std::optional<Response> find(const std::string& /*name*/,
                                                     RecordType /*type*/) const {
    return std::nullopt;
  }
  /// Begins a query and returns without blocking. The name is valid. `query->answer` may be called
  /// before this returns, later, or never. Called on any thread.
  virtual void start(std::shared_ptr<Query> query) = 0;
};

}  // namespace postroad::dns
