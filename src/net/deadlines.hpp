// One timer for all streams of an io_context. Each stream is a node in a tree ordered by the time
// at which it must be woken; only the earliest time is set as an Asio timer. An Asio service,
// created on first use. Thread rule: any thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/set.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "proto/action.hpp"

namespace postroad::net {

class Deadlines final : public boost::asio::execution_context::service {
 public:
  using key_type = Deadlines;
  static inline boost::asio::execution_context::id id;

  /// An object with a deadline. It must be removed before it is destroyed, unless `wake` was
  /// called.
  class Entry : public boost::intrusive::set_base_hook<> {
   public:
    virtual ~Entry() = default;
    proto::Time at{};

   protected:
    /// The deadline has passed and the entry has left the tree. Called under a lock: only post.
    virtual void wake() noexcept = 0;
    friend class Deadlines;
  };

  explicit Deadlines(boost::asio::execution_context& context)
      : boost::asio::execution_context::service(context) {}
  static Deadlines& of(const boost::asio::any_io_executor& executor);
  /// `executor` runs the timer if none is there yet.
  void add(Entry& entry, proto::Time at, const boost::asio::any_io_executor& executor);
  void remove(Entry& entry);

 private:
  struct Earlier {
    bool operator()(const Entry& a, const Entry& b) const { return a.at < b.at; }
  };
  void shutdown() override;
  void arm();
  void fire();

  std::mutex mutex_;
  boost::intrusive::multiset<Entry, boost::intrusive::compare<Earlier>> entries_;
  std::optional<boost::asio::steady_timer> timer_;
  std::optional<proto::Time> armed_for_;
};

}  // namespace postroad::net
