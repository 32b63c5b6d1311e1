// The queries that tell which site serves a domain: a bounded number at once, ended by a stop. Not
// here: what is learnt from the answers (site_names.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "relay/mx/site_names.hpp"

namespace postroad::relay::mx {

/// Thread rule: begin(), cancel() and wait() from any thread, wait() not from the io_context's.
class SiteSearches final {
 public:
  /// All references outlive it. `patience`: for one answer.
  SiteSearches(boost::asio::io_context& context, dns::Resolver& resolver, SiteNames& names,
               std::chrono::milliseconds patience)
      : context_(context), resolver_(resolver), names_(names), patience_(patience) {}

  /// `found` is called once, from any thread, whatever the answer is; after cancel() at once.
  void begin(std::string domain, std::function<void()> found);
  /// Ends all searches.
  void cancel();
  /// Until all `found` were called; after cancel().
  void wait();

 private:
  struct Search;
  static constexpr std::size_t most = 100;
  void begin_next();
  boost::asio::awaitable<void> ask(std::string domain);

  boost::asio::io_context& context_;
  dns::Resolver& resolver_;
  SiteNames& names_;
  std::chrono::milliseconds patience_;
  std::vector<std::weak_ptr<Search>> under_way_;  // this and the next two: the io_context's thread
  std::deque<std::shared_ptr<Search>> waiting_;
  bool is_cancelled_ = false;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::size_t left_ = 0;  // that have not called back
};

}  // namespace postroad::relay::mx
