// One timer for all streams of an io_context: each stream is a node in a tree, by the time it wants
// to be woken, and only the earliest is the kernel's and Asio's affair. An Asio service; it is
// there once it is used. Any thread.
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

  /// What waits. It is removed before it is destroyed, unless `wake` was called.
  class Entry : public boost::intrusive::set_base_hook<> {
   public:
    virtual ~Entry() = default;
    proto::Time at{};

   protected:
    /// Its time has come, and it stands in the tree no more. Under a lock: it must only post.
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
