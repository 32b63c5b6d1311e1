// See site_searches.hpp.
#include "relay/mx/site_searches.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>

namespace postroad::relay::mx {

namespace asio = boost::asio;

// Calls back at its end.
struct SiteSearches::Search {
  Search(SiteSearches& of, std::string name, std::function<void()> call)
      : all(of), domain(std::move(name)), found(std::move(call)) {
    const std::lock_guard lock(all.mutex_);
    ++all.left_;
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  ~Search() {
    try {
      found();
    } catch (...) {  // no memory: the message waits for the next search of its domain
    }
    const std::lock_guard lock(all.mutex_);
    --all.left_;
    all.bell_.notify_all();
  }
  SiteSearches& all;
  std::string domain;
  std::function<void()> found;
  asio::cancellation_signal cancel;
};

void SiteSearches::begin(std::string domain, std::function<void()> found) {
  asio::post(context_, [this, search = std::make_shared<Search>(*this, std::move(domain),
                                                                std::move(found))]() mutable {
    waiting_.push_back(std::move(search));
    begin_next();
  });
}

void SiteSearches::begin_next() {
  if (is_cancelled_) return waiting_.clear();
  std::erase_if(under_way_, [](const auto& weak) { return weak.expired(); });
  while (!waiting_.empty() && under_way_.size() < most) {
    auto search = std::move(waiting_.front());
    waiting_.pop_front();
    under_way_.push_back(search);
    auto call = ask(search->domain);
    const auto slot = search->cancel.slot();
    asio::co_spawn(context_, std::move(call),
                   asio::bind_cancellation_slot(
                       slot, [this, search = std::move(search)](const std::exception_ptr&) mutable {
                         search.reset();
                         begin_next();
                       }));
  }
}

asio::awaitable<void> SiteSearches::ask(std::string domain) {
  const auto answer = co_await resolver_.mx(domain, std::chrono::steady_clock::now() + patience_);
  const auto now = std::chrono::steady_clock::now();
  if (answer)
    names_.learn(domain, hosts_of(domain, *answer, 0).names, answer->ttl, now);
  else if (answer.error().fault != Fault::cancelled)
    names_.learn(domain, {}, {}, now);  // not a name of the DNS: an attempt says so
}

void SiteSearches::cancel() {
  asio::post(context_, [this] {
    is_cancelled_ = true;
    waiting_.clear();
    for (const auto& weak : under_way_)
      if (const auto search = weak.lock()) search->cancel.emit(asio::cancellation_type::all);
  });
}

void SiteSearches::wait() {
  std::unique_lock lock(mutex_);
  bell_.wait(lock, [this] { return left_ == 0; });
}

}  // namespace postroad::relay::mx
